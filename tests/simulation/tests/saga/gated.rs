//! The fraud check goes through its gate: what a full bucket, an open circuit, a trial and a store that gives no answer
//! do to the saga.

use crate::world::{Fraud, HOUR, Turn, World};
use admission::observer::Event;
use domain::breaker::BreakerState;
use domain::ledger::{Intent, Status};
use domain::time::Clock;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use testing::turn::Trip;

const SECOND: Duration = Duration::from_secs(1);

/// A world with one intent, handed over.
fn one_intent() -> (World, String) {
    let mut world = World::new();
    world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    (world, arn)
}

/// The row of the only intent.
fn only(world: &World) -> Intent {
    world.ledger.rows().remove(0)
}

fn active(world: &World) -> bool {
    world.ledger.rows().iter().all(|row| row.status == Status::Active)
}

/// The states that an execution passes on the way to its end.
fn way(world: &mut World, arn: &str) -> Vec<String> {
    let mut states = Vec::new();
    while let Some(state) = world.state(arn) {
        if states.last() != Some(&state) {
            states.push(state);
        }
        world.turn(arn);
    }
    states
}

#[test]
fn an_empty_bucket_delays_and_never_fails_an_execution() {
    for span in [SECOND, 30 * SECOND, 3600 * SECOND] {
        let (mut world, arn) = one_intent();
        let from = world.clock.now();
        world.gate.empty_bucket(span);
        assert!(matches!(world.finish(&arn), Turn::Succeeded(_)), "{span:?}");
        assert!(active(&world));
        assert!(
            world.clock.now().0 - from.0 >= i64::try_from(span.as_millis()).unwrap(),
            "{span:?}: it called too early"
        );
        assert_eq!(only(&world).attempt, 1);
    }
}

#[test]
fn a_bucket_that_stays_full_for_half_a_day_is_waited_for_in_one_execution() {
    let (mut world, arn) = one_intent();
    let end = world.clock.now().plus(12 * HOUR);
    while world.clock.now() < end {
        // Others are always faster.
        world.gate.empty_bucket(20 * SECOND);
        assert_eq!(world.turn(&arn), Turn::Went);
    }
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!(world.count("fraud.check"), 1);
}

#[test]
fn a_pause_that_the_provider_asked_for_delays_and_never_fails_an_execution() {
    for span in [SECOND, 30 * SECOND, 3600 * SECOND] {
        let (mut world, arn) = one_intent();
        let end = world.clock.now().plus(span);
        world.gate.hold(span);
        assert!(world.run_until_state(&arn, "FraudCheck"));
        assert!(world.clock.now() >= end, "{span:?}: it called too early");
        assert!(matches!(world.finish(&arn), Turn::Succeeded(_)), "{span:?}");
    }
}

#[test]
fn a_permit_waits_for_its_slot_and_is_rechecked() {
    let (mut world, arn) = one_intent();
    world.gate.empty_bucket(3 * SECOND);
    let way = way(&mut world, &arn);
    let waiting = ["ReserveFraudCall", "FraudAdmission", "AwaitFraudSlot", "RecheckFraudCall", "FraudAdmission"];
    assert_eq!(way[2..8], [&waiting[..], &["FraudCheck"]].concat());
    assert!(active(&world));
}

#[test]
fn a_slot_that_was_missed_is_reserved_again() {
    let (mut world, arn) = one_intent();
    world.gate.empty_bucket(3 * SECOND);
    assert!(world.run_until_state(&arn, "RecheckFraudCall"));
    world.clock.advance(30 * SECOND);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert!(active(&world));
    assert!(world.gate.notices().contains(&Event::Forfeited));
    assert_eq!((world.gate.granted(), world.count("fraud.check")), (2, 1));
}

#[test]
fn a_gate_that_opens_while_a_permit_waits_lets_no_call_through() {
    let (mut world, arn) = one_intent();
    world.gate.empty_bucket(3 * SECOND);
    assert!(world.run_until_state(&arn, "AwaitFraudSlot"));
    world.gate.open(60 * SECOND);
    assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
    assert_eq!(world.count("fraud.check"), 0);
}

#[test]
fn an_open_gate_ends_in_a_retryable_failure_and_the_provider_is_not_called() {
    let (mut world, arn) = one_intent();
    world.gate.open(60 * SECOND);
    assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
    assert_eq!(world.count("fraud.check"), 0);
    let cause = world.events[0].cause.clone().unwrap();
    assert!(cause.contains("CallNotPermitted") && cause.contains("fraud"), "{cause}");
    world.recover();
    assert_eq!(only(&world).faults, 0, "an outage burns no attempt");
    world.calm_down();
    assert!(active(&world));
}

#[test]
fn a_trials_success_is_reported_and_closes_the_gate() {
    let (mut world, arn) = one_intent();
    world.gate.open(10 * SECOND);
    world.clock.advance(11 * SECOND);
    let way = way(&mut world, &arn);
    assert!(way.iter().any(|state| state == "ReportFraudCall"), "{way:?}");
    assert_eq!(world.gate.item().state, BreakerState::Closed);
    assert!(active(&world));
}

#[test]
fn a_trial_that_finds_a_fraudster_closes_the_gate_too() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::Rejects;
    world.gate.open(10 * SECOND);
    world.clock.advance(11 * SECOND);
    world.finish(&arn);
    assert_eq!(world.gate.item().state, BreakerState::Closed);
    assert_eq!(only(&world).status, Status::Declined);
}

#[test]
fn a_trial_that_fails_opens_the_gate_again() {
    for fraud in [Fraud::IsDown, Fraud::TalksGarbage, Fraud::PushesBack, Fraud::IsSlow(6 * SECOND)] {
        let (mut world, arn) = one_intent();
        world.fraud = fraud;
        world.gate.open(10 * SECOND);
        world.clock.advance(11 * SECOND);
        assert!(world.run_until_state(&arn, "ReportFraudCall"));
        assert!(world.run_past(&arn, "gates.apply", 1));
        while world.gate.item().state == BreakerState::HalfOpen {
            world.turn(&arn);
        }
        assert_eq!(world.gate.item().state, BreakerState::Open);
    }
}

#[test]
fn a_success_of_a_closed_gate_is_not_reported() {
    let (mut world, arn) = one_intent();
    let way = way(&mut world, &arn);
    assert!(!way.iter().any(|state| state == "ReportFraudCall"), "{way:?}");
    assert_eq!((world.gate.granted(), world.count("fraud.check")), (1, 1));
}

#[test]
fn a_slow_answer_counts_and_is_used() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::IsSlow(6 * SECOND);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert!(active(&world));
    assert_eq!(world.gate.item().slow.values().sum::<u64>(), 1);
    assert!(world.gate.item().failures.is_empty());
}

#[test]
fn an_outage_is_tried_three_times_each_with_a_permit_of_its_own_and_opens_the_gate() {
    for fraud in [Fraud::IsDown, Fraud::TalksGarbage] {
        let (mut world, arn) = one_intent();
        world.fraud = fraud;
        assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
        assert_eq!((world.gate.granted(), world.count("fraud.check")), (3, 3));
        assert_eq!(world.gate.item().state, BreakerState::Open);
    }
}

#[test]
fn an_outage_that_ends_meanwhile_ends_in_the_same_execution() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::IsDown;
    assert!(world.run_past(&arn, "fraud.check", 2));
    world.fraud = Fraud::Passes;
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!((world.count("fraud.check"), only(&world).attempt), (3, 1));
}

#[test]
fn a_provider_that_pushes_back_is_left_alone_for_a_while() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::PushesBack;
    let from = world.clock.now();
    assert!(world.run_until_state(&arn, "AwaitFraudBucket"));
    assert!(world.gate.item().not_before > from, "nobody may call");
    assert_eq!(world.gate.item().state, BreakerState::Closed, "a push-back is no failure of a closed gate");
}

#[test]
fn a_provider_that_pushes_back_for_long_fails_no_execution() {
    for span in [60 * SECOND, HOUR] {
        let (mut world, arn) = one_intent();
        world.fraud = Fraud::PushesBack;
        let end = world.clock.now().plus(span);
        while world.clock.now() < end {
            assert_eq!(world.turn(&arn), Turn::Went);
        }
        let asked = world.count("fraud.check");
        assert!(asked > 3, "{span:?}: only {asked} calls");
        world.fraud = Fraud::Passes;
        assert!(matches!(world.finish(&arn), Turn::Succeeded(_)), "{span:?}");
        assert!(active(&world));
        assert_eq!((only(&world).attempt, world.gate.granted()), (1, world.count("fraud.check")));
        assert_eq!(world.gate.item().state, BreakerState::Closed);
    }
}

#[test]
fn a_push_back_that_nobody_could_report_is_waited_for_all_the_same() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::PushesBack;
    assert!(world.run_until_state(&arn, "ReportFraudCall"));
    let from = world.clock.now();
    for _ in 0..3 {
        world.lose_call(&arn);
    }
    assert!(world.run_until_state(&arn, "ReserveFraudCall"));
    assert!(world.clock.now() >= from.plus(SECOND), "at least a second");
    world.fraud = Fraud::Passes;
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
}

#[test]
fn push_backs_between_failures_neither_count_nor_forgive() {
    let (mut world, arn) = one_intent();
    for (fraud, calls) in [(Fraud::IsDown, 1), (Fraud::PushesBack, 4), (Fraud::Says(599), 1), (Fraud::PushesBack, 4)] {
        world.fraud = fraud;
        assert!(world.run_past(&arn, "fraud.check", calls));
    }
    world.fraud = Fraud::IsDown;
    assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
    assert_eq!(world.count("fraud.check"), 11, "the third failure is the last");
}

#[test]
fn only_the_providers_own_failures_are_tried_again_and_counted() {
    for status in [408, 500, 503, 509, 528, 561, 598, 599, 600, 999] {
        let (mut world, arn) = one_intent();
        world.fraud = Fraud::Says(status);
        assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()), "{status}");
        assert_eq!((world.count("fraud.check"), world.gate.item().state), (3, BreakerState::Open), "{status}");
    }
    for status in [302, 400, 404, 409, 422, 425, 451, 499] {
        let (mut world, arn) = one_intent();
        world.fraud = Fraud::Says(status);
        assert_eq!(world.finish(&arn), Turn::Failed("Terminal".to_owned()), "{status}");
        assert_eq!(world.count("fraud.check"), 1, "{status}");
        assert!(world.gate.item().failures.is_empty(), "{status}");
    }
}

#[test]
fn what_the_provider_refuses_of_ours_fails_at_once_and_opens_nothing() {
    for (fraud, end) in [(Fraud::Refuses, "Terminal"), (Fraud::RefusesOurKey, "Retryable")] {
        let (mut world, arn) = one_intent();
        world.fraud = fraud;
        assert_eq!(world.finish(&arn), Turn::Failed(end.to_owned()));
        assert_eq!(world.count("fraud.check"), 1);
        assert!(world.gate.item().failures.is_empty());
    }
}

#[test]
fn a_trial_whose_request_is_refused_is_reported_all_the_same() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::Refuses;
    world.gate.open(10 * SECOND);
    world.clock.advance(11 * SECOND);
    assert!(world.run_until_state(&arn, "ReportFraudCall"));
    assert_eq!(world.finish(&arn), Turn::Failed("Terminal".to_owned()));
    assert_eq!(world.gate.item().state, BreakerState::Closed, "it answers, so it is there");
}

#[test]
fn a_gate_that_cannot_be_asked_lets_the_call_through() {
    for trip in [Trip::BeforeEffect, Trip::AfterEffect] {
        let (mut world, arn) = one_intent();
        assert!(world.run_until_state(&arn, "ReserveFraudCall"));
        world.turns.trip(trip);
        assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
        assert!(active(&world));
        let failed = |event: &Event| matches!(event, Event::StoreFailed { .. });
        assert!(world.gate.notices().iter().any(failed));
    }
}

#[test]
fn a_gate_that_must_not_call_without_its_table_is_to_blame_and_not_the_provider() {
    let refuses = |definition: &mut Value| {
        definition["States"]["ReserveFraudCall"]["Output"] =
            json!({"decision": "refused", "reason": "store", "retryAfter": 1});
    };
    let mut world = World::with(refuses);
    world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
    let cause: Value = serde_json::from_str(world.events[0].cause.as_deref().unwrap()).unwrap();
    assert_eq!((&cause["dependency"], &cause["error"]), (&json!("gate"), &json!("CallNotPermitted")));
    assert_eq!(world.count("fraud.check"), 0);
}

#[test]
fn a_function_of_the_gate_that_cannot_be_called_is_a_dependency_that_is_down() {
    for state in ["ReserveFraudCall", "RecheckFraudCall"] {
        let (mut world, arn) = one_intent();
        world.gate.empty_bucket(3 * SECOND);
        assert!(world.run_until_state(&arn, state));
        for _ in 0..4 {
            world.lose_call(&arn);
        }
        assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()), "{state}");
        let cause: Value = serde_json::from_str(world.events[0].cause.as_deref().unwrap()).unwrap();
        assert_eq!((&cause["dependency"], &cause["error"]), (&json!("gate"), &json!("States.Timeout")), "{state}");
        world.recover();
        assert_eq!(only(&world).faults, 0, "{state}: an outage burns no attempt");
    }
}

#[test]
fn a_recheck_that_cannot_be_asked_lets_the_call_through() {
    let (mut world, arn) = one_intent();
    world.gate.empty_bucket(3 * SECOND);
    assert!(world.run_until_state(&arn, "RecheckFraudCall"));
    world.turns.trip(Trip::BeforeEffect);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!((world.gate.granted(), world.count("fraud.check")), (1, 1));
}

#[test]
fn a_report_that_fails_neither_fails_the_saga_nor_loses_the_verdict() {
    for (fraud, status) in [(Fraud::Passes, Status::Active), (Fraud::Rejects, Status::Declined)] {
        for answers in [0, 1, 2, 3] {
            let (mut world, arn) = one_intent();
            world.fraud = fraud;
            world.gate.open(10 * SECOND);
            world.clock.advance(11 * SECOND);
            assert!(world.run_until_state(&arn, "ReportFraudCall"));
            for _ in 0..answers {
                world.drop_answer(&arn);
            }
            assert!(matches!(world.finish(&arn), Turn::Succeeded(_)), "{answers} answers lost");
            assert_eq!(only(&world).status, status);
            assert_eq!(world.count("fraud.check"), 1, "the verdict is there, nobody needs another");
        }
    }
}

#[test]
fn a_reservation_whose_answer_is_lost_costs_a_slot_and_nothing_else() {
    let (mut world, arn) = one_intent();
    assert!(world.run_until_state(&arn, "ReserveFraudCall"));
    world.drop_answer(&arn);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert!(active(&world));
    assert_eq!((world.gate.granted(), world.count("fraud.check")), (2, 1));
}

#[test]
fn a_trial_whose_caller_dies_does_not_keep_the_gate_half_open() {
    let (mut world, arn) = one_intent();
    world.gate.open(10 * SECOND);
    world.clock.advance(11 * SECOND);
    assert!(world.run_until_state(&arn, "FraudCheck"));
    world.die(&arn, "TIMED_OUT", true, false);
    world.calm_down();
    assert!(active(&world));
    assert_eq!(world.gate.item().state, BreakerState::Closed);
}

#[test]
fn what_is_reported_late_about_an_older_generation_changes_nothing() {
    let (mut world, arn) = one_intent();
    world.fraud = Fraud::IsDown;
    assert!(world.run_until_state(&arn, "ReportFraudCall"));
    world.gate.open(60 * SECOND);
    let before = world.gate.item();
    assert!(world.run_until_state(&arn, "PauseFraudCheck"));
    assert_eq!(world.gate.item(), before);
}

/// Runs one intent in a world whose state machine has an error; what the world says about it.
fn found(error: impl FnOnce(&mut Value), prepare: impl FnOnce(&mut World)) -> String {
    let mut world = World::with(error);
    prepare(&mut world);
    world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    let said = catch_unwind(AssertUnwindSafe(|| world.finish(&arn))).expect_err("nobody noticed");
    said.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_retry_of_the_call_would_be_found_to_have_no_permit() {
    let retries = |definition: &mut Value| {
        definition["States"]["FraudCheck"]["Retry"] = json!([{"ErrorEquals": ["States.Http.StatusCode.503"]}]);
    };
    let said = found(retries, |world| world.fraud = Fraud::IsDown);
    assert!(said.contains("without a permit"), "{said}");
}

#[test]
fn a_call_that_is_not_rechecked_after_its_wait_would_be_found() {
    let hurries = |definition: &mut Value| definition["States"]["AwaitFraudSlot"]["Next"] = json!("FraudCheck");
    let said = found(hurries, |world| world.gate.empty_bucket(3 * SECOND));
    assert!(said.contains("without a permit"), "{said}");
}

#[test]
fn a_full_bucket_that_fails_an_execution_would_be_found() {
    let gives_up = |definition: &mut Value| {
        let rules = &mut definition["States"]["FraudAdmission"]["Choices"];
        let refused = rules.as_array().unwrap().last().unwrap().clone();
        assert_eq!(refused["Next"], "DependencyFailed");
        assert_eq!(rules[2]["Assign"]["atLeast"], "{% $states.input.retryAfter %}");
        rules[2]["Next"] = refused["Next"].clone();
        rules[2]["Assign"] = refused["Assign"].clone();
    };
    let full: [fn(&mut World); 2] =
        [|world| world.gate.empty_bucket(60 * SECOND), |world| world.gate.hold(60 * SECOND)];
    for prepare in full {
        let said = found(gives_up, prepare);
        assert!(said.contains("should have waited"), "{said}");
    }
}
