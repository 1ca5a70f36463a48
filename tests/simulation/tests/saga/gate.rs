//! The fraud provider's gate: the real functions `reserve-call` and `report-call` over a table in memory.

use admission::Admission;
use admission::observer::{Event, Notice, Observer};
use domain::breaker::BreakerState;
use domain::gate::Gate as Item;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::time::{Chance, Clock, Pause, Timestamp};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::clock::VirtualClock;
use testing::gates::MemoryGates;
use testing::turn::Turnstile;

/// Whose gate it is.
pub const FRAUD: &str = "fraud";

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
    /// Asked by the functions.
    pub admission: Admission<MemoryGates, Runtime, Noted>,
    /// Its table.
    table: MemoryGates,
    dependency: Dependency,
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
        let config = GateConfig::new(dependency.clone(), &knobs).unwrap();
        let chance = Arc::new(Mutex::new(fastrand::Rng::with_seed(4)));
        let (runtime, noted) = (Runtime { clock: clock.clone(), chance }, Noted::default());
        let table = MemoryGates::new(turns.clone());
        let admission = Admission::new(table.clone(), runtime, noted.clone(), [config]);
        Self { admission, table, dependency, clock: clock.clone(), noted }
    }

    /// What is in the table; a gate that nobody asked yet is as good as new.
    pub fn item(&self) -> Item {
        self.table.gate(FRAUD, 0).unwrap_or_else(|| Item::new(self.clock.now()))
    }

    /// Another hand writes the item.
    pub fn change(&self, change: impl FnOnce(&mut Item)) {
        let mut item = self.item();
        change(&mut item);
        self.table.set_gate(&self.dependency, 0, item);
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
        let bucket = self.admission.config(FRAUD).unwrap().bucket;
        let tat = bucket.held_until(self.clock.now().plus(span));
        self.change(|item| item.tat = item.tat.max(tat));
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

// SHIM
use crate::world::{Call, answer};
use admission::{AdmitError, Recheck};
use domain::gate::admit::{Permit, PermitKind};
use domain::gate::report::Outcome;
use lambda::task::TaskError as HandlerError;
use serde_json::Value;

impl Gate {
    pub fn reserve(&self, payload: Value) -> Call {
        let (admission, clock) = (self.admission.clone(), self.clock.clone());
        Box::pin(async move {
            let dependency = payload["dependency"].as_str().unwrap().to_owned();
            let slow = u64::try_from(admission.config(&dependency).unwrap().slow_call_duration.as_millis()).unwrap();
            let permit_json = |decision: &str, permit: &Permit| {
                let trial = matches!(permit.kind, PermitKind::Trial { .. });
                json!({"decision": decision, "permit": permit, "reportSuccess": trial, "slowAfterMs": slow,
                    "callAt": permit.call_at.rfc3339()})
            };
            let result: Result<Value, HandlerError> = if let Some(permit) = payload.get("recheck") {
                let permit: Permit = serde_json::from_value(permit.clone()).unwrap();
                Ok(match admission.recheck(&permit).await.unwrap() {
                    Recheck::Call => permit_json("call", &permit),
                    Recheck::Forfeited => json!({"decision": "again"}),
                })
            } else {
                let deadline = clock.now().plus(Duration::from_hours(1));
                match admission.admit_at_whole_second(&dependency, 1, deadline).await {
                    Ok(permit) if permit.call_at > clock.now() => Ok(permit_json("wait", &permit)),
                    Ok(permit) => Ok(permit_json("call", &permit)),
                    Err(AdmitError::NotPermitted(no)) => Ok(json!({
                        "decision": if no.reason.passes_by_itself() { "later" } else { "refused" },
                        "reason": no.reason, "retryAfter": u64::try_from(no.retry_after.as_millis()).unwrap().div_ceil(1000).max(1),
                    })),
                    Err(error) => Err(HandlerError::BadInput(error.to_string())),
                }
            };
            answer(result)
        })
    }

    pub fn report(&self, payload: Value) -> Call {
        let admission = self.admission.clone();
        Box::pin(async move {
            let permit: Permit = serde_json::from_value(payload["permit"].clone()).unwrap();
            let outcome = match payload["outcome"].as_str().unwrap() {
                "success" => Outcome::Success,
                "ignored" => Outcome::Ignored,
                "failure" => Outcome::Failure,
                "slow" => Outcome::Slow,
                "pushedBack" => Outcome::PushedBack(None),
                other => panic!("{other}"),
            };
            let reported = admission.report(&permit, outcome).await;
            answer(reported.map(|()| json!({"reported": true})).map_err(|e| HandlerError::Retryable(e.to_string())))
        })
    }
}
