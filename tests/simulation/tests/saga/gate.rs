//! The fraud provider's gate: the real functions `reserve-call` and `report-call` over a table in memory.

use crate::world::{Call, answer};
use admission::Admission;
use admission::observer::{Event, Notice, Observer};
use domain::breaker::BreakerState;
use domain::gate::Gate as Item;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::time::{Chance, Clock, Pause, Timestamp};
use lambda::task;
use resilience::report::Report;
use resilience::reserve::Reserve;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::clock::VirtualClock;
use testing::gates::MemoryGates;
use testing::turn::Turnstile;

/// Whose gate it is.
const FRAUD: &str = "fraud";

/// Virtual time, and chance that gives every admission a name of its own.
#[derive(Clone)]
pub struct Runtime {
    clock: VirtualClock,
    chance: Arc<Mutex<fastrand::Rng>>,
}

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Chance for Runtime {
    fn draw(&self) -> f64 {
        self.chance.lock().unwrap().f64()
    }
}

impl Pause for Runtime {
    async fn pause(&self, span: Duration) {
        self.clock.advance(span);
    }
}

/// Keeps what happens at the gate.
#[derive(Clone, Default)]
pub struct Noted(Arc<Mutex<Vec<Event>>>);

impl Observer for Noted {
    fn notice(&self, notice: &Notice<'_>) {
        self.0.lock().unwrap().push(notice.event);
    }
}

/// The gate and who asks it.
pub struct Gate {
    reserve: Arc<Reserve<MemoryGates, Runtime, Noted>>,
    report: Arc<Report<MemoryGates, Runtime, Noted>>,
    table: MemoryGates,
    config: GateConfig,
    clock: VirtualClock,
    noted: Noted,
}

impl Gate {
    /// A gate of few calls: a schedule has not many. Three failures open it.
    pub fn new(turns: &Turnstile, clock: &VirtualClock) -> Self {
        let knobs: Knobs = serde_json::from_value(json!({
            "ratePerSecond": 2, "burst": 4, "overlap": 1, "maxWaitMs": 5000, "callSlackMs": 2000,
            "callTimeoutMs": 15000, "slowCallDurationMs": 5000, "storeUnreachable": "allow",
            "minimumNumberOfCalls": 3, "minimumFailures": 3, "successesToClose": 1, "permittedCallsInHalfOpen": 2,
        }))
        .unwrap();
        let dependency = Dependency::try_from(FRAUD.to_owned()).unwrap();
        let config = GateConfig::new(dependency, &knobs).unwrap();
        let chance = Arc::new(Mutex::new(fastrand::Rng::with_seed(4)));
        let (runtime, noted) = (Runtime { clock: clock.clone(), chance }, Noted::default());
        let table = MemoryGates::new(turns.clone());
        // The functions run in processes of their own, and remember gates each for itself.
        let admission = || Admission::new(table.clone(), runtime.clone(), noted.clone(), [config.clone()]);
        let reserve = Arc::new(Reserve { admission: admission(), clock: runtime.clone() });
        let report = Arc::new(Report { admission: admission(), clock: runtime.clone() });
        Self { reserve, report, table, config, clock: clock.clone(), noted }
    }

    /// A call of `reserve-call`.
    pub fn reserve(&self, payload: Value) -> Call {
        let service = self.reserve.clone();
        Box::pin(async move { answer(task::answer(|request| service.handle(request), payload).await) })
    }

    /// A call of `report-call`.
    pub fn report(&self, payload: Value) -> Call {
        let service = self.report.clone();
        Box::pin(async move { answer(task::answer(|request| service.handle(request), payload).await) })
    }

    /// What is in the table; a gate that nobody asked yet is as good as new.
    pub fn item(&self) -> Item {
        self.table.gate(FRAUD, 0).unwrap_or_else(|| Item::new(self.clock.now()))
    }

    /// Another hand writes the item.
    pub fn change(&self, change: impl FnOnce(&mut Item)) {
        let mut item = self.item();
        change(&mut item);
        self.table.set_gate(&self.config.dependency, 0, item);
    }

    /// Failures elsewhere in the fleet open it for so long.
    pub fn open(&self, span: Duration) {
        let until = self.clock.now().plus(span);
        self.change(|item| {
            item.state = BreakerState::Open;
            item.generation += 1;
            item.opens += 1;
            item.until = until;
        });
    }

    /// Calls elsewhere in the fleet take all tokens: the next one is free after so long.
    pub fn empty_bucket(&self, span: Duration) {
        let tat = self.config.bucket.held_until(self.clock.now().plus(span));
        self.change(|item| item.tat = item.tat.max(tat));
    }

    /// The provider asked somebody else for a pause.
    pub fn hold(&self, span: Duration) {
        let end = self.clock.now().plus(span);
        self.change(|item| item.not_before = item.not_before.max(end));
        self.empty_bucket(span);
    }

    /// How often a call was permitted.
    pub fn granted(&self) -> usize {
        self.noted.0.lock().unwrap().iter().filter(|event| matches!(event, Event::Granted { .. })).count()
    }

    /// What happened, in order.
    pub fn notices(&self) -> Vec<Event> {
        self.noted.0.lock().unwrap().clone()
    }
}
