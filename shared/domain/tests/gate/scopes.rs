//! What is searched: small gates, two or three callers, and known bad protocols, which the search must find out.
//! `GATE_SCOPE=full` searches larger scopes as well, for some minutes.

use crate::model::Scope;
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::Permit;
use domain::gate::bucket::Micros;
use domain::gate::change::Change;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::gate::operate::Order;
use domain::time::Timestamp;
use serde_json::{Value, json};
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::HashSet;
use std::sync::Mutex;

const ORDERS: [Order; 3] = [Order::ForceOpen, Order::ForceClose, Order::Disable];

/// A gate whose times are whole ticks: one token per tick, a call may take one.
pub fn gate(knobs: &Value) -> GateConfig {
    let mut all = json!({
        "ratePerSecond": 1, "burst": 1, "callTimeoutMs": 1000, "storeUnreachable": "refuse", "overlap": 0,
        "maxWaitMs": 0, "slidingWindowSize": 100, "minimumNumberOfCalls": 1, "minimumFailures": 1,
        "failureRateThreshold": 0, "permittedCallsInHalfOpen": 2, "successesToClose": 2, "breakDurationMs": 2000,
        "maxBreakDurationMs": 2000, "permitLeaseMs": 2000, "clockSkewMs": 0, "callSlackMs": 50, "pushBackMs": 1000,
        "maxPushBackMs": 3000,
    });
    for (name, value) in knobs.as_object().unwrap() {
        all[name] = value.clone();
    }
    let knobs: Knobs = serde_json::from_value(all).unwrap();
    GateConfig::new(Dependency::try_from("model".to_owned()).unwrap(), &knobs).unwrap()
}

/// Callers with equal clocks, no push-backs, no orders, no lost answers, no stalled write.
fn scope(callers: usize, knobs: &Value) -> Scope {
    Scope {
        config: gate(knobs),
        clocks: vec![0; callers],
        pushes: Vec::new(),
        orders: Vec::new(),
        lost_answers: false,
        stall: 0,
        apply: Change::apply,
        still_good: GateConfig::still_good,
        recovered: Mutex::new(HashSet::new()),
    }
}

/// Clocks differ by a tick.
fn skewed(knobs: &Value) -> Scope {
    let mut knobs = knobs.clone();
    knobs["clockSkewMs"] = json!(1000);
    knobs["permitLeaseMs"] = json!(3000);
    Scope { clocks: vec![0, 1], ..scope(2, &knobs) }
}

/// Searches all of it; with fewer than `least` states the search would not have been one.
fn search(name: &str, scope: Scope, least: usize) {
    assert!(scope.clocks.is_sorted(), "callers sit by their clocks");
    let checker = scope.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{name}: {} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
    assert!(checker.is_done(), "{name}: the search was cut");
    assert!(checker.unique_state_count() >= least, "{name}: only {} states", checker.unique_state_count());
}

/// As [`search`], only where the environment asks for it.
fn search_in_full(name: &str, scope: Scope, least: usize) {
    if std::env::var("GATE_SCOPE").is_ok_and(|scope| scope == "full") {
        search(name, scope, least);
    }
}

#[test]
fn two_callers_break_no_promise_whatever_fails() {
    let waiting = json!({"maxWaitMs": 1000});
    search("two callers", Scope { pushes: vec![2], ..skewed(&waiting) }, 20_000);
    search("lost answers", Scope { lost_answers: true, pushes: vec![2], ..scope(2, &json!({})) }, 20_000);
    let all = Scope { lost_answers: true, stall: 1, pushes: vec![1, 3], ..skewed(&waiting) };
    search_in_full("two callers, all faults", all, 100_000);
}

#[test]
fn three_callers_break_no_promise() {
    let waiting = json!({"maxWaitMs": 1000});
    search("three callers", scope(3, &waiting), 20_000);
    search_in_full("three callers, push-backs", Scope { pushes: vec![2], ..scope(3, &waiting) }, 100_000);
}

#[test]
fn a_person_and_callers_break_no_promise() {
    let one_trial = json!({"permittedCallsInHalfOpen": 1, "successesToClose": 1});
    search("orders", Scope { orders: ORDERS.to_vec(), ..scope(2, &one_trial) }, 5_000);
    let close = Scope { orders: vec![Order::ForceClose], pushes: vec![3], ..scope(2, &one_trial) };
    search("orders in a hold", close, 5_000);
    let mut waiting = one_trial.clone();
    waiting["maxWaitMs"] = json!(1000);
    let all = Scope { orders: ORDERS.to_vec(), pushes: vec![2], lost_answers: true, ..scope(2, &waiting) };
    search_in_full("orders and push-backs", all, 100_000);
}

#[test]
fn thresholds_breaks_and_bursts_above_one_break_no_promise() {
    let more = json!({
        "minimumFailures": 2, "minimumNumberOfCalls": 2, "maxBreakDurationMs": 4000, "burst": 2, "overlap": 1,
    });
    search("thresholds of two", Scope { lost_answers: true, ..skewed(&more) }, 10_000);
    let trials = json!({"maxWaitMs": 2000, "permittedCallsInHalfOpen": 3, "successesToClose": 2, "burst": 2});
    search("three trials", Scope { stall: 1, ..scope(2, &trials) }, 10_000);
    search_in_full("three trials, push-backs", Scope { stall: 1, pushes: vec![2], ..scope(2, &trials) }, 50_000);
}

/// The search must find what is wrong with a bad protocol, by this promise.
fn finds(scope: Scope, promise: &'static str) {
    let checker = scope.checker().finish_when(HasDiscoveries::AnyOf([promise].into())).spawn_bfs().join();
    checker.assert_any_discovery(promise);
}

pub fn of_this_generation(change: &Change, gate: &Gate) -> Change {
    let mut change = change.clone();
    match &mut change {
        Change::BeginTrials(trial) | Change::JoinTrials(trial) | Change::RestartTrials(trial) => {
            trial.generation = gate.generation;
        }
        Change::CountSuccess { generation, .. }
        | Change::Close { generation, .. }
        | Change::Count { generation, .. }
        | Change::Open { generation, .. }
        | Change::Force { generation, .. } => *generation = gate.generation,
        _ => {}
    }
    change
}

#[test]
fn a_breaker_without_fences_is_found_out() {
    let unfenced = |change: &Change, gate: &Gate| of_this_generation(change, gate).apply(gate);
    let bad = Scope { apply: unfenced, ..scope(2, &json!({})) };
    finds(bad, "a report of an older generation changes nothing but the hold");
}

#[test]
fn a_close_without_a_condition_is_found_out() {
    let stalled = |change: &Change, gate: &Gate| match change {
        Change::Close { .. } => {
            let anyhow =
                Gate { successes: ["x", "y"].map(|x| domain::gate::PermitId(x.to_owned())).into(), ..gate.clone() };
            of_this_generation(change, gate).apply(&anyhow)
        }
        _ => change.apply(gate),
    };
    finds(
        Scope { apply: stalled, ..scope(2, &json!({})) },
        "a report of an older generation changes nothing but the hold",
    );
}

#[test]
fn an_opening_without_a_new_generation_is_found_out() {
    let same = |change: &Change, gate: &Gate| {
        let after = change.apply(gate)?;
        Some(if after.state == BreakerState::Open { Gate { generation: gate.generation, ..after } } else { after })
    };
    let bad = Scope { apply: same, ..scope(2, &json!({"maxWaitMs": 1000})) };
    finds(bad, "no call begins while open, or by an older generation's permit");
}

#[test]
fn successes_that_survive_their_generation_are_found_out() {
    let kept = |change: &Change, gate: &Gate| {
        let after = change.apply(gate)?;
        let keeps = matches!(change, Change::Open { .. } | Change::BeginTrials(_) | Change::RestartTrials(_));
        Some(if keeps { Gate { successes: gate.successes.clone(), ..after } } else { after })
    };
    finds(Scope { apply: kept, ..scope(2, &json!({})) }, "only N answered trial calls close");
}

#[test]
fn failures_that_survive_a_close_are_found_out() {
    let kept = |change: &Change, gate: &Gate| {
        let after = change.apply(gate)?;
        let closes = matches!(change, Change::Close { .. });
        let (failures, sequence) = (gate.failures.clone(), gate.sequence);
        Some(if closes { Gate { failures, sequence, ..after } } else { after })
    };
    let two = json!({"minimumFailures": 2, "minimumNumberOfCalls": 2});
    finds(Scope { apply: kept, ..scope(2, &two) }, "only enough failures of this generation open");
}

#[test]
fn a_recheck_by_state_alone_is_found_out() {
    let by_state = |_: &GateConfig, _: &Permit, gate: &Gate, _: Timestamp| {
        !matches!(gate.state, BreakerState::Open | BreakerState::ForcedOpen)
    };
    let bad = Scope { still_good: by_state, ..scope(2, &json!({"maxWaitMs": 1000})) };
    finds(bad, "no call begins while open, or by an older generation's permit");
}

#[test]
fn a_shorter_push_back_that_shortens_a_longer_one_is_found_out() {
    let overwritten = |change: &Change, gate: &Gate| match change {
        Change::Hold { until, tat, .. } => Some(Gate { not_before: *until, tat: *tat, ..gate.clone() }),
        _ => change.apply(gate),
    };
    let bad = Scope { apply: overwritten, pushes: vec![1, 3], ..scope(2, &json!({"burst": 2})) };
    finds(bad, "no call begins inside a hold");
}

#[test]
fn an_order_that_erases_a_hold_is_found_out() {
    let erased = |change: &Change, gate: &Gate| {
        let after = change.apply(gate)?;
        let order = matches!(change, Change::Force { .. });
        Some(if order { Gate { tat: Micros(0), not_before: Timestamp(0), ..after } } else { after })
    };
    let bad = Scope { apply: erased, pushes: vec![2], orders: vec![Order::ForceClose], ..scope(2, &json!({})) };
    finds(bad, "no call begins inside a hold");
}

#[test]
fn permits_that_never_return_are_found_out() {
    let never = |change: &Change, gate: &Gate| match change {
        Change::RestartTrials(_) => None,
        _ => change.apply(gate),
    };
    finds(Scope { apply: never, ..scope(2, &json!({})) }, "it gets out of open and half-open");
}
