//! A table of gates in memory, and a machine with its own time.

use admission::Admission;
use admission::observer::Unobserved;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::time::{Chance, Clock, Pause, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testing::clock::VirtualClock;
use testing::gates::MemoryGates;
use testing::turn::Turnstile;

/// Time, chance and a table of gates. Clones share them.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The time.
    pub clock: VirtualClock,
    /// The gates.
    pub store: MemoryGates,
    /// Lets calls of the table fail.
    pub turns: Turnstile,
    draws: Arc<AtomicU32>,
}

impl Default for Machine {
    fn default() -> Self {
        let turns = Turnstile::default();
        Self { clock: VirtualClock::default(), store: MemoryGates::new(turns.clone()), turns, draws: Arc::default() }
    }
}

impl Machine {
    /// A process that has just started.
    pub fn admission(&self, gates: Vec<GateConfig>) -> Admission<MemoryGates, Self, Unobserved> {
        Admission::new(self.store.clone(), self.clone(), Unobserved, gates)
    }
}

/// Gates as `GATES` names them.
pub fn gates(knobs: &Value) -> Vec<GateConfig> {
    let named = knobs.as_object().unwrap().iter();
    named
        .map(|(name, knobs)| {
            let knobs: Knobs = serde_json::from_value(knobs.clone()).unwrap();
            GateConfig::new(Dependency::try_from(name.clone()).unwrap(), &knobs).unwrap()
        })
        .collect()
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Chance for Machine {
    /// Never the same number twice, so that no two permits have one name.
    fn draw(&self) -> f64 {
        f64::from(self.draws.fetch_add(1, Ordering::Relaxed)) / f64::from(u32::MAX)
    }
}

impl Pause for Machine {
    async fn pause(&self, span: Duration) {
        self.clock.advance(span);
    }
}
