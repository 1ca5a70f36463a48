//! How often somebody asks who wants to wait: once, where waiting can help at all.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use admission::observer::Unobserved;
use admission::{Admission, AdmitError};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::Reason;
use domain::gate::bucket::Micros;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::time::Duration;
use testing::clock::{Always, VirtualClock, VirtualPause};
use testing::gates::MemoryGates;
use testing::turn::{Turnstile, run};

struct Runtime(VirtualPause);

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Chance for Runtime {
    fn draw(&self) -> f64 {
        Always(0.5).draw()
    }
}

impl Pause for Runtime {
    async fn pause(&self, span: Duration) {
        self.0.pause(span).await;
    }
}

/// What became of a caller that waits at most `patience`, where the bucket's next slot is ten seconds away; how long it
/// waited, and its calls.
fn wait(max_wait_ms: u64, patience: Duration) -> (Result<Timestamp, Reason>, Duration, Vec<&'static str>) {
    let ten = |now: Timestamp| now.plus(Duration::from_secs(10));
    wait_at(max_wait_ms, patience, |now| Gate { tat: Micros::from(ten(now)), ..Gate::new(now) })
}

/// The same at any gate.
fn wait_at(
    max_wait_ms: u64,
    patience: Duration,
    gate: impl FnOnce(Timestamp) -> Gate,
) -> (Result<Timestamp, Reason>, Duration, Vec<&'static str>) {
    let (clock, turns) = (VirtualClock::default(), Turnstile::default());
    let began = clock.now();
    let name = Dependency::try_from("fraud".to_owned()).unwrap();
    let knobs: Knobs = serde_json::from_value(serde_json::json!({
        "ratePerSecond": 1, "burst": 1, "callTimeoutMs": 2000, "storeUnreachable": "refuse", "maxWaitMs": max_wait_ms,
    }))
    .unwrap();
    let gates = MemoryGates::new(turns.clone());
    gates.set_gate(&name, 0, gate(began));
    let runtime = Runtime(VirtualPause { clock: clock.clone(), turns: turns.clone() });
    let admission = Admission::new(gates, runtime, Unobserved, [GateConfig::new(name, &knobs).unwrap()]);
    let result = match run(admission.pass("fraud", 1, began.plus(patience))) {
        Ok(permit) => Ok(permit.call_at),
        Err(AdmitError::NotPermitted(refusal)) => Err(refusal.reason),
        Err(error) => panic!("{error}"),
    };
    let waited = Duration::from_millis((clock.now().0 - began.0).unsigned_abs());
    (result, waited, turns.calls())
}

#[test]
fn whoever_finds_no_slot_before_its_deadline_is_refused_at_once() {
    for max_wait_ms in [60_000, 9000] {
        let (result, waited, calls) = wait(max_wait_ms, Duration::from_secs(9));
        assert_eq!((result, waited, calls), (Err(Reason::Rate), Duration::ZERO, vec!["gates.apply"]));
    }
}

#[test]
fn a_slot_before_the_deadline_is_waited_for_once() {
    let (result, waited, calls) = wait(60_000, Duration::from_secs(10));
    let ten = Duration::from_secs(10);
    assert_eq!((result, waited), (Ok(VirtualClock::default().now().plus(ten)), ten));
    assert_eq!(calls, ["gates.apply", "pause", "gates.read"]);
}

#[test]
fn whoever_may_wait_longer_than_a_reservation_asks_again_when_one_is_possible() {
    for max_wait_ms in [0, 1000] {
        let (result, waited, calls) = wait(max_wait_ms, Duration::from_secs(30));
        let early = VirtualClock::default().now().plus(Duration::from_secs(10));
        assert!(result.is_ok_and(|call_at| call_at >= early), "with {max_wait_ms} ms: {result:?}");
        assert!(waited >= Duration::from_secs(10), "{waited:?}");
        assert!(calls.iter().filter(|call| **call == "gates.apply").count() <= 3, "{calls:?}");
    }
}

#[test]
fn without_reservations_whoever_would_come_too_late_is_refused_at_once() {
    let (result, waited, calls) = wait(0, Duration::from_secs(9));
    assert_eq!((result, waited, calls), (Err(Reason::Rate), Duration::ZERO, vec!["gates.apply"]));
}

#[test]
fn a_trial_call_waits_for_the_end_of_a_hold_before_its_deadline() {
    let held = |now: Timestamp| Gate {
        state: BreakerState::HalfOpen,
        not_before: now.plus(Duration::from_secs(5)),
        ..Gate::new(now)
    };
    let (result, waited, _) = wait_at(60_000, Duration::from_secs(10), held);
    assert!(result.is_ok(), "{result:?}");
    assert!(waited >= Duration::from_secs(5), "{waited:?}");
}
