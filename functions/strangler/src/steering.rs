//! What every route is steered to, as the parameter says: read every few seconds, and kept when nobody answers.

use domain::pipeline::ProjectionSource;
use domain::routes::table::RouteTable;
use domain::routes::{RouteName, Steering};
use domain::time::{Clock, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long one reading serves: the account's 40 readings a second are shared by all functions, and a route that is
/// steered is followed after as long at most.
const FRESH: Duration = Duration::from_secs(3);

/// A source, and what it said last.
pub struct Steerings<S, C> {
    source: S,
    clock: C,
    last: Mutex<Option<(Timestamp, RouteTable)>>,
}

impl<S: ProjectionSource, C: Clock> Steerings<S, C> {
    /// Nothing is read yet.
    pub fn new(source: S, clock: C) -> Self {
        Self { source, clock, last: Mutex::default() }
    }

    /// What a route is steered to. Who cannot know leaves the route to the monolith, which knows every answer.
    pub async fn of(&self, route: RouteName) -> Steering {
        let now = self.clock.now();
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let table = match known {
            Some((at, table)) if at.plus(FRESH) > now => return table.steering(route),
            // Also what cannot be read is not asked for again at once: a reader waits for each time.
            stale => self.read().await.unwrap_or_else(|| stale.map(|(_, table)| table).unwrap_or_default()),
        };
        let steering = table.steering(route);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, table));
        steering
    }

    async fn read(&self) -> Option<RouteTable> {
        let text = self.source.read().await;
        let text =
            text.inspect_err(|error| tracing::error!(error = %error, "the routes cannot be read; the last ones stay"));
        let table = RouteTable::parse(&text.ok()?);
        table.inspect_err(|error| tracing::error!(error = %error, "the routes are no routes; the last ones stay")).ok()
    }
}
