//! The three things that a service may not have by itself: the time, chance and waiting. The only place that reads a clock.

use domain::time::{Chance, Clock, Pause, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// This machine: its clock, its random numbers (for jitter and names, never for secrets), its way to wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place where time enters the system")]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Pause for System {
    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

impl Chance for System {
    fn draw(&self) -> f64 {
        fastrand::f64()
    }
}
