//! What one process remembers of a gate, and which write it therefore tries first. Memory only saves writes: every
//! decision is still made by the item.

use super::Gate;
use super::admit::{Request, Step};
use super::bucket::{Micros, Take};
use super::change::Change;
use super::config::GateConfig;
use crate::breaker::BreakerState;
use crate::time::Timestamp;
use std::time::Duration;

/// A remembered refusal is repeated without asking for so long.
const FRESH: Duration = Duration::from_secs(1);
/// The weight of what was seen last.
const LEARNING: f64 = 0.2;

/// What one process remembers of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The item, as a write or read showed it last, and when.
    seen: Option<(Gate, Timestamp)>,
    /// How often appending would have been right, of late, where the memory did not know.
    append_fits: f64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { seen: None, append_fits: 0.5 }
    }
}

impl Memory {
    /// An item was seen.
    pub fn see(&mut self, gate: Gate, now: Timestamp) {
        self.seen = Some((gate, now));
    }

    /// The state that was seen last.
    pub fn state(&self) -> Option<BreakerState> {
        self.seen.as_ref().map(|(gate, _)| gate.state)
    }

    /// Learns from the outcome of a reservation: `found` is the `tat` before it, where it is known.
    pub fn learn(&mut self, take: &Take, fitted: bool, found: Micros) {
        let append_fitted = match take {
            Take::Append { from, .. } => fitted || found >= *from,
            Take::Restart { .. } => !fitted,
        };
        self.append_fits += LEARNING * (f64::from(u8::from(append_fitted)) - self.append_fits);
    }
}

impl GateConfig {
    /// The first step of a request.
    pub fn first_step(&self, request: &Request, memory: &Memory, now: Timestamp) -> Step {
        let Some((gate, at)) = &memory.seen else {
            return Step::Write(self.guess(request, BreakerState::Closed, memory, now));
        };
        match self.decide(request, gate, now) {
            Step::Refused(refusal) if *at <= now && now < at.plus(FRESH) => Step::Refused(refusal),
            // Too old to believe: a write finds out.
            Step::Refused(_) => Step::Write(self.guess(request, BreakerState::Closed, memory, now)),
            // Others have moved an old `tat` on, nobody knows how far.
            Step::Write(Change::Reserve { state, .. }) if gate.tat < Micros::from(now) => {
                Step::Write(self.guess(request, state, memory, now))
            }
            step => step,
        }
    }

    fn guess(&self, request: &Request, state: BreakerState, memory: &Memory, now: Timestamp) -> Change {
        let take = if memory.append_fits >= 0.5 {
            self.bucket.append(now, request.tokens, self.patience(request, now))
        } else {
            self.bucket.restart(now, request.tokens)
        };
        Change::Reserve { state, take, now }
    }
}

#[cfg(test)]
mod tests;
