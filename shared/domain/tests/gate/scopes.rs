//! What is searched: small gates, two or three callers. `GATE_SCOPE=full` searches larger ones as well, for minutes.

use crate::model::{Caller, Scope};
use domain::gate::change::Change;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::gate::operate::Order;
use serde_json::{Value, json};
use stateright::{Checker, Model};

/// A gate whose times are whole ticks: one token per tick, a call may take one.
pub fn gate(knobs: &Value) -> GateConfig {
    let mut all = json!({
        "ratePerSecond": 1, "burst": 1, "callTimeoutMs": 1000, "storeUnreachable": "refuse", "overlap": 0,
        "maxWaitMs": 0, "slidingWindowSize": 100, "minimumNumberOfCalls": 1, "minimumFailures": 1,
        "failureRateThreshold": 0, "permittedCallsInHalfOpen": 2, "successesToClose": 2, "breakDurationMs": 2000,
        "maxBreakDurationMs": 2000, "permitLeaseMs": 2000, "clockSkewMs": 0, "callSlackMs": 0, "pushBackMs": 1000,
        "maxPushBackMs": 3000,
    });
    for (name, value) in knobs.as_object().unwrap() {
        all[name] = value.clone();
    }
    let knobs: Knobs = serde_json::from_value(all).unwrap();
    GateConfig::new(Dependency::try_from("model".to_owned()).unwrap(), &knobs).unwrap()
}

/// Callers with equal clocks, no push-backs, no orders, no lost answers, no stalled write.
pub fn scope(callers: usize, knobs: &Value) -> Scope {
    Scope {
        config: gate(knobs),
        clocks: vec![0; callers],
        pushes: Vec::new(),
        orders: Vec::new(),
        lost_answers: false,
        stall: 0,
        apply: Change::apply,
        still_good: GateConfig::still_good,
        recovered: Default::default(),
    }
}

/// Whether the larger scopes are searched as well.
pub fn full() -> bool {
    std::env::var("GATE_SCOPE").is_ok_and(|scope| scope == "full")
}

/// Searches all of it; `least` says how many states make it a search at all.
fn search(name: &str, scope: Scope, least: usize) {
    assert!(scope.clocks.is_sorted(), "callers sit by their clocks");
    let start = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let checker = scope.checker().spawn_bfs().join();
    let took = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() - start;
    println!("{name}: {} states, depth {}, {took:?}", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
    assert!(checker.is_done(), "{name}: the search was cut");
    assert!(checker.unique_state_count() >= least, "{name}: {} states", checker.unique_state_count());
}

#[test]
fn x1() {
    search("two, plain", scope(2, &json!({})), 1);
    search("two, stall", Scope { stall: 1, ..scope(2, &json!({})) }, 1);
    search("two, push", Scope { pushes: vec![2], ..scope(2, &json!({})) }, 1);
    search("two, wait", scope(2, &json!({"maxWaitMs": 1000})), 1);
    search("two, lost", Scope { lost_answers: true, ..scope(2, &json!({})) }, 1);
    search(
        "two, orders",
        Scope { orders: vec![Order::ForceOpen, Order::ForceClose, Order::Disable], ..scope(2, &json!({})) },
        1,
    );
    search(
        "two, skew",
        Scope { clocks: vec![0, 1], ..scope(2, &json!({"clockSkewMs": 1000, "permitLeaseMs": 3000})) },
        1,
    );
    search("two, failures 2", scope(2, &json!({"minimumFailures": 2})), 1);
}
