//! Payments in a choreography: hears events, writes its row, tells what became of the charge.

use domain::charges::{ChargeRow, Rows};
use domain::choreography::{Reaction, payments};
use domain::events::Event;
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;

use crate::CONFLICTS;

/// The service behind the Lambda `payments-events`.
pub struct Choreography<S, C> {
    /// The charges.
    pub charges: S,
    /// The time.
    pub clock: C,
}

impl<S: Rows<ChargeRow>, C: Clock> Choreography<S, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        let charge = &event.happened.matter().charge;
        for _ in 0..CONFLICTS {
            let row = self.charges.row(charge).await?;
            let (row, revision) = row.map_or((None, None), |row| (Some(row.value), Some(row.revision)));
            let now = self.clock.now();
            match payments::hear(row.as_ref(), &event.happened) {
                Reaction::Pass => return Ok(()),
                Reaction::Tell(again) => return Ok(self.charges.tell(&[again.at(now)]).await?),
                Reaction::Write(row, told) => {
                    let state = row.state;
                    if self.charges.put(row, revision, &[told.at(now)]).await? == Commit::Done {
                        tracing::info!(charge = %charge, state = ?state, event = event.happened.name(), "heard");
                        return Ok(());
                    }
                }
            }
        }
        Err(HearError::Contended)
    }
}
