//! Virtual time and seeded chance.

use crate::turn::{Turnstile, lock};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Timestamp>>);

impl Default for VirtualClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Timestamp(1_800_000_000_000))))
    }
}

impl VirtualClock {
    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let mut now = lock(&self.0);
        *now = now.plus(span);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// Waiting on a virtual clock: the time passes at once.
#[derive(Debug, Clone, Default)]
pub struct VirtualPause {
    /// Whose time passes.
    pub clock: VirtualClock,
    /// Who goes first.
    pub turns: Turnstile,
}

impl Pause for VirtualPause {
    async fn pause(&self, span: Duration) {
        self.turns.pass("pause").await;
        self.clock.advance(span);
    }
}

/// Chance that is always the same number.
#[derive(Debug, Clone, Copy)]
pub struct Always(pub f64);

impl Chance for Always {
    fn draw(&self) -> f64 {
        self.0
    }
}
