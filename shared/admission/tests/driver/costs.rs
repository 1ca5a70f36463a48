//! Writes and reads, and what a refusal costs.

use super::{World, config, dependency};
use admission::AdmitError;
use admission::observer::Event;
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::{InvalidRequest, PermitKind, Reason};
use domain::gate::report::Outcome;
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;
use testing::turn::run;

#[test]
fn a_healthy_call_costs_one_write_and_no_read_and_its_success_nothing() {
    let world = World::with_item(&json!({}));
    world.admitted();
    for _ in 0..20 {
        world.advance(Duration::from_millis(100));
        let (calls, permit) = world.calls(|| world.admitted());
        assert_eq!(calls, ["gates.apply"]);
        assert_eq!(permit.call_at, world.now());
        let (calls, ()) = world.calls(|| world.report(&permit, Outcome::Success));
        assert!(calls.is_empty(), "{calls:?}");
        let (calls, ()) = world.calls(|| world.report(&permit, Outcome::Ignored));
        assert!(calls.is_empty(), "{calls:?}");
    }
}

#[test]
fn only_a_caller_that_waited_reads_and_it_reads_once() {
    let world = World::with_item(&json!({"maxWaitMs": 1000}));
    let (calls, ()) = world.calls(|| {
        for _ in 0..5 {
            run(world.admission.pass("fraud", 1, world.soon())).unwrap();
        }
    });
    assert!(!calls.contains(&"gates.read") && !calls.contains(&"pause"), "{calls:?}");
    let (calls, permit) = world.calls(|| run(world.admission.pass("fraud", 1, world.soon())).unwrap());
    assert_eq!(calls, ["gates.apply", "pause", "gates.read"]);
    assert_eq!(permit.call_at, world.now());
}

#[test]
fn a_missing_item_is_made_by_the_first_call() {
    let world = World::new(&json!({}));
    let (calls, permit) = world.calls(|| world.admitted());
    assert_eq!(calls[..3], ["gates.apply", "gates.read", "gates.apply"], "asks, looks, makes, and asks again");
    assert_eq!(permit.kind, PermitKind::Counted { sequence: 1 });
    assert_eq!(world.state(), BreakerState::Closed);
    let (calls, _) = world.calls(|| world.admitted());
    assert_eq!(calls, ["gates.apply"]);
}

#[test]
fn an_open_gate_refuses_and_takes_no_token() {
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    let before = world.gate();
    for _ in 0..3 {
        let refusal = world.refused();
        assert_eq!(refusal.reason, Reason::Open);
        assert!(refusal.retry_after <= Duration::from_secs(12) && refusal.retry_after > Duration::ZERO);
        world.advance(Duration::from_millis(1500));
    }
    assert_eq!(world.gate(), before);
}

#[test]
fn a_refusal_that_is_fresh_costs_nothing_and_an_old_one_at_most_one_write() {
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    let (calls, reason) = world.calls(|| world.reason());
    assert_eq!((calls.len(), reason), (0, Reason::Open));
    world.advance(Duration::from_secs(2));
    let (calls, reason) = world.calls(|| world.reason());
    assert_eq!((calls, reason), (vec!["gates.apply"], Reason::Open));
}

#[test]
fn a_full_bucket_refuses_and_takes_no_trial_permit() {
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    world.advance(Duration::from_secs(12));
    // Whoever was first took all tokens.
    let now = domain::gate::bucket::Micros::from(world.now());
    let open = world.gate();
    world.gates.set_gate(&dependency(), 0, Gate { tat: now.plus(500_000), until: world.now(), ..open.clone() });
    let (_, reason) = world.calls(|| {
        let fresh = world.another(&json!({}));
        match run(fresh.admit("fraud", 1, world.soon())) {
            Err(AdmitError::NotPermitted(refusal)) => refusal.reason,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(reason, Reason::Rate);
    assert_eq!((world.state(), world.gate().permits.len()), (BreakerState::Open, 0));
    assert_eq!(world.gate().generation, open.generation);
}

#[test]
fn what_no_gate_can_grant_is_an_error_of_its_own_and_asks_nobody() {
    let world = World::with_item(&json!({"overlap": 1}));
    let (calls, ()) = world.calls(|| {
        let ask = |name, tokens, deadline| run(world.admission.admit(name, tokens, deadline)).unwrap_err();
        assert!(matches!(ask("nobody", 1, world.soon()), AdmitError::Unknown(unknown) if unknown.0 == "nobody"));
        assert_eq!(ask("fraud", 0, world.soon()), AdmitError::Invalid(InvalidRequest::NoTokens));
        let too_many = InvalidRequest::TooManyTokens { tokens: 5, capacity: 4, dependency: "fraud".to_owned() };
        assert_eq!(ask("fraud", 5, world.soon()), AdmitError::Invalid(too_many));
        let past = Timestamp(world.now().0 - 1);
        assert_eq!(ask("fraud", 1, past), AdmitError::Invalid(InvalidRequest::DeadlinePassed));
    });
    assert!(calls.is_empty(), "{calls:?}");
    assert!(run(world.admission.admit("fraud", 4, world.now())).is_ok());
}

#[test]
fn every_event_is_seen_once() {
    let world = World::with_item(&json!({"burst": 1}));
    let (events, permit) = world.events(|| world.admitted());
    assert_eq!(events, [Event::Granted { wait: Duration::ZERO, state: Some(BreakerState::Closed) }]);
    let (events, _) = world.events(|| world.refused());
    assert_eq!(events, [Event::Refused { reason: Reason::Rate }]);
    let (events, ()) = world.events(|| world.report(&permit, Outcome::Failure));
    assert_eq!(events, []);
}

#[test]
fn each_change_of_state_is_told_exactly_once() {
    use BreakerState::{Closed, HalfOpen, Open};
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    assert_eq!(world.turns_to(), [Open]);
    world.advance(Duration::from_secs(12));
    let trials = [world.admitted(), world.admitted(), world.admitted()];
    assert_eq!(world.turns_to(), [Open, HalfOpen]);
    for trial in &trials {
        assert!(matches!(trial.kind, PermitKind::Trial { opens: 1 }), "{trial:?}");
        world.report(trial, Outcome::Success);
    }
    assert_eq!(world.turns_to(), [Open, HalfOpen, Closed]);
    assert_eq!((world.state(), world.gate().opens), (Closed, 0));
    assert_eq!(config(&json!({})).successes_to_close, 2);
}

#[test]
fn a_dead_provider_gets_exactly_as_many_calls_as_the_threshold_says() {
    for minimum in [4, 7, 10] {
        let world = World::with_item(&json!({"minimumNumberOfCalls": minimum}));
        assert_eq!(world.fail_until_open(), minimum);
        assert_eq!(world.reason(), Reason::Open);
    }
}

#[test]
fn slow_calls_open_as_failed_ones_do() {
    let world = World::with_item(&json!({}));
    for _ in 0..4 {
        let permit = world.admitted();
        assert_eq!(world.state(), BreakerState::Closed);
        world.report(&permit, Outcome::Slow);
    }
    assert_eq!(world.state(), BreakerState::Open);
    assert_eq!(world.gate().why, "4 of 4 calls were slow.");
}

#[test]
fn a_gate_of_one_item_never_pays_for_a_transaction() {
    let world = World::with_item(&json!({}));
    let (calls, ()) = world.calls(|| {
        world.fail_until_open();
        world.advance(Duration::from_secs(12));
        for trial in [world.admitted(), world.admitted()] {
            world.report(&trial, Outcome::Success);
        }
        world.report(&world.admitted(), Outcome::PushedBack(Some(Duration::from_secs(1))));
    });
    assert_eq!(world.turns_to(), [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed]);
    assert!(calls.iter().all(|call| *call == "gates.apply"), "{calls:?}");
}
