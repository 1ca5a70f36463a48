//! Who counts what admission does.

use domain::breaker::BreakerState;
use domain::gate::admit::Reason;
use domain::gate::config::{Dependency, StorePolicy};
use domain::time::Timestamp;
use std::time::Duration;

/// Something that happened at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice<'a> {
    /// At whose gate.
    pub dependency: &'a Dependency,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A call was permitted.
    Granted {
        /// How long its caller must wait.
        wait: Duration,
        /// What the gate is now; `None` where nobody could be asked.
        state: Option<BreakerState>,
    },
    /// A call was not permitted.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// A caller came late to its slot, or the gate changed while it waited: it must ask again.
    Forfeited,
    /// The store gave no usable answer, and the policy decided.
    StoreFailed {
        /// What was done.
        policy: StorePolicy,
    },
    /// The gate changed its state, by a write of this process.
    Turned {
        /// The new state.
        to: BreakerState,
    },
}

/// Who counts.
pub trait Observer {
    /// Called once for each notice; it must be quick and must not fail.
    fn notice(&self, notice: &Notice<'_>);
}

/// Nobody counts; the log still has a sentence for every change of state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn notice(&self, _: &Notice<'_>) {}
}
