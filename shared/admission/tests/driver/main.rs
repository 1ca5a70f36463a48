//! What the driver of the gates promises, over a table in memory and in virtual time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod costs;
mod faults;
mod operators;
mod races;
mod shards;
mod waiting;

use admission::observer::{Event, Notice, Observer};
use admission::{Admission, AdmitError};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::{CallNotPermitted, Permit, Reason};
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::gate::report::Outcome;
use domain::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::clock::VirtualMachine;
use testing::gates::MemoryGates;
use testing::turn::{Turnstile, run};

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Observer for Seen {
    fn notice(&self, notice: &Notice<'_>) {
        self.0.lock().unwrap().push(notice.event);
    }
}

/// One process, its table and its time.
struct World {
    turns: Turnstile,
    machine: VirtualMachine,
    gates: MemoryGates,
    seen: Seen,
    admission: Admission<MemoryGates, VirtualMachine, Seen>,
}

fn dependency() -> Dependency {
    Dependency::try_from("fraud".to_owned()).unwrap()
}

/// Ten tokens per second, five at once, a call takes at most two seconds; and what a test changes of it.
fn config(knobs: &Value) -> GateConfig {
    let mut all = json!({
        "ratePerSecond": 10, "burst": 5, "callTimeoutMs": 2000, "storeUnreachable": "refuse", "overlap": 0,
        "slidingWindowSize": 20, "minimumNumberOfCalls": 4, "minimumFailures": 2, "breakDurationMs": 10_000,
    });
    for (name, value) in knobs.as_object().unwrap() {
        all[name] = value.clone();
    }
    let knobs: Knobs = serde_json::from_value(all).unwrap();
    GateConfig::new(dependency(), &knobs).unwrap()
}

impl World {
    fn new(knobs: &Value) -> Self {
        let turns = Turnstile::default();
        let machine = VirtualMachine::new(turns.clone(), 7);
        let gates = MemoryGates::new(turns.clone());
        let seen = Seen::default();
        let admission = Admission::new(gates.clone(), machine.clone(), seen.clone(), [config(knobs)]);
        Self { turns, machine, gates, seen, admission }
    }

    /// As new, with an item, and calls that begin to count now.
    fn with_item(knobs: &Value) -> Self {
        let world = Self::new(knobs);
        for shard in 0..config(knobs).shards {
            world.gates.set_gate(&dependency(), shard, Gate::new(world.now()));
        }
        world
    }

    /// Another process with the same table and time, and perhaps other knobs.
    fn another(&self, knobs: &Value) -> Admission<MemoryGates, VirtualMachine, Seen> {
        Admission::new(self.gates.clone(), self.machine.clone(), self.seen.clone(), [config(knobs)])
    }

    fn now(&self) -> Timestamp {
        self.machine.now()
    }

    fn soon(&self) -> Timestamp {
        self.now().plus(Duration::from_mins(1))
    }

    fn admit(&self) -> Result<Permit, AdmitError> {
        run(self.admission.admit("fraud", 1, self.soon()))
    }

    fn admitted(&self) -> Permit {
        self.admit().unwrap()
    }

    fn refused(&self) -> CallNotPermitted {
        match self.admit() {
            Err(AdmitError::NotPermitted(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn reason(&self) -> Reason {
        self.refused().reason
    }

    fn report(&self, permit: &Permit, outcome: Outcome) {
        run(self.admission.report(permit, outcome)).unwrap();
    }

    fn gate(&self) -> Gate {
        self.shard(0)
    }

    fn shard(&self, shard: u16) -> Gate {
        self.gates.gate("fraud", shard).unwrap()
    }

    fn state(&self) -> BreakerState {
        self.gate().state
    }

    /// Opens it by failures, and says by how many.
    fn fail_until_open(&self) -> usize {
        for failures in 0..100 {
            if self.state() == BreakerState::Open {
                return failures;
            }
            self.machine.clock.advance(Duration::from_millis(200));
            let permit = self.admitted();
            self.report(&permit, Outcome::Failure);
        }
        panic!("it never opens");
    }

    fn advance(&self, span: Duration) {
        self.machine.clock.advance(span);
    }

    /// The store's calls that a piece of work makes.
    fn calls<T>(&self, work: impl FnOnce() -> T) -> (Vec<&'static str>, T) {
        let before = self.turns.calls().len();
        let result = work();
        (self.turns.calls().split_off(before), result)
    }

    /// The events that a piece of work makes.
    fn events<T>(&self, work: impl FnOnce() -> T) -> (Vec<Event>, T) {
        let before = self.seen.0.lock().unwrap().len();
        let result = work();
        (self.seen.0.lock().unwrap().split_off(before), result)
    }

    fn turns_to(&self) -> Vec<BreakerState> {
        let turned = |event: &Event| if let Event::Turned { to } = event { Some(*to) } else { None };
        self.seen.0.lock().unwrap().iter().filter_map(turned).collect()
    }
}
