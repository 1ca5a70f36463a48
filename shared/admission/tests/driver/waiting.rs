//! Slots in the future, push-backs, and those who wait for them.

use super::World;
use admission::observer::Event;
use admission::{AdmitError, Recheck};
use domain::breaker::BreakerState;
use domain::gate::admit::Reason;
use domain::gate::report::Outcome;
use serde_json::json;
use std::time::Duration;
use testing::turn::{Task, one_turn, run};

#[test]
fn a_push_back_holds_everybody_back() {
    let world = World::with_item(&json!({"maxWaitMs": 0}));
    let permit = world.admitted();
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(3))));
    let end = world.now().plus(Duration::from_millis(3250));
    assert_eq!(world.gate().not_before, end);
    let refusal = world.refused();
    assert_eq!((refusal.reason, refusal.retry_after), (Reason::Hold, Duration::from_millis(3250)));
    let elsewhere = run(world.another(&json!({})).admit("fraud", 1, world.soon())).unwrap_err();
    assert!(matches!(elsewhere, AdmitError::NotPermitted(refusal) if refusal.reason == Reason::Hold));
    world.advance(Duration::from_millis(3249));
    assert_eq!(world.reason(), Reason::Hold);
    world.advance(Duration::from_millis(1));
    world.admitted();
    assert_eq!(world.reason(), Reason::Rate, "one at the end of the hold, and no burst");
}

#[test]
fn a_shorter_push_back_does_not_shorten_a_longer_one() {
    let world = World::with_item(&json!({}));
    let permits = [world.admitted(), world.admitted()];
    world.report(&permits[0], Outcome::PushedBack(Some(Duration::from_secs(5))));
    let held = world.gate();
    world.report(&permits[1], Outcome::PushedBack(None));
    assert_eq!(world.gate(), held);
}

#[test]
fn a_push_back_holds_also_where_more_is_reserved_than_it_asks_for() {
    let world = World::with_item(&json!({"maxWaitMs": 10_000}));
    let first = world.admitted();
    for _ in 0..60 {
        world.admitted();
    }
    let tat = world.gate().tat;
    world.report(&first, Outcome::PushedBack(Some(Duration::from_secs(1))));
    assert_eq!(world.gate().not_before, world.now().plus(Duration::from_millis(1250)));
    assert_eq!(world.gate().tat, tat);
}

#[test]
fn a_trial_that_is_pushed_back_opens_for_at_least_as_long() {
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    world.advance(Duration::from_secs(12));
    let trial = world.admitted();
    world.report(&trial, Outcome::PushedBack(Some(Duration::from_mins(5))));
    assert_eq!(world.state(), BreakerState::Open);
    assert_eq!(world.gate().until, world.now().plus(Duration::from_millis(300_250)));
}

#[test]
fn a_slot_is_forfeited_when_the_gate_opens_meanwhile() {
    let world = World::with_item(&json!({"maxWaitMs": 2000}));
    let failing: Vec<_> = (0..5).map(|_| world.admitted()).collect();
    let waiter = world.admitted();
    assert!(waiter.call_at > world.now());
    for permit in &failing[..4] {
        world.report(permit, Outcome::Failure);
    }
    world.machine.clock.advance_to(waiter.call_at);
    let (events, recheck) = world.events(|| run(world.admission.recheck(&waiter)).unwrap());
    assert_eq!((recheck, events), (Recheck::Forfeited, vec![Event::Forfeited]));
}

#[test]
fn a_slot_is_good_at_its_time_and_forfeited_when_it_is_too_late() {
    let world = World::with_item(&json!({"maxWaitMs": 2000}));
    for _ in 0..5 {
        world.admitted();
    }
    let waiter = world.admitted();
    let recheck = || run(world.admission.recheck(&waiter)).unwrap();
    world.machine.clock.advance_to(waiter.call_at);
    assert_eq!(recheck(), Recheck::Call);
    world.advance(Duration::from_millis(250));
    assert_eq!(recheck(), Recheck::Call);
    world.advance(Duration::from_millis(1));
    assert_eq!(recheck(), Recheck::Forfeited);
}

#[test]
fn whoever_passes_asks_again_when_the_slot_is_forfeited() {
    let world = World::with_item(&json!({"maxWaitMs": 2000}));
    for _ in 0..5 {
        world.admitted();
    }
    let (admission, deadline) = (world.admission.clone(), world.soon());
    let mut task: Task<_> = Box::pin(async move { admission.pass("fraud", 1, deadline).await });
    let (calls, permit) = world.calls(|| {
        assert!(one_turn(&mut task).is_none(), "it asks");
        assert!(one_turn(&mut task).is_none(), "it waits");
        // It comes much too late.
        world.advance(Duration::from_secs(5));
        loop {
            if let Some(result) = one_turn(&mut task) {
                break result.unwrap();
            }
        }
    });
    assert_eq!(calls[..4], ["gates.apply", "pause", "gates.read", "gates.apply"]);
    assert_eq!(calls.iter().filter(|call| **call == "pause").count(), 1, "the second slot is at once");
    assert_eq!(permit.call_at, world.now());
}

#[test]
fn whoever_passes_waits_for_a_full_bucket_and_for_a_hold() {
    let world = World::with_item(&json!({"maxWaitMs": 0}));
    for _ in 0..5 {
        world.admitted();
    }
    let asked = world.now();
    let permit = run(world.admission.pass("fraud", 1, world.soon())).unwrap();
    assert!(permit.call_at > asked && permit.call_at <= world.now());
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(2))));
    let end = world.gate().not_before;
    let permit = run(world.admission.pass("fraud", 1, world.soon())).unwrap();
    assert!(permit.call_at >= end);
}

#[test]
fn whoever_passes_gives_up_where_waiting_would_go_beyond_the_deadline() {
    let world = World::with_item(&json!({"maxWaitMs": 0}));
    let permit = world.admitted();
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(30))));
    let (asked, deadline) = (world.now(), world.now().plus(Duration::from_secs(10)));
    let refused = run(world.admission.pass("fraud", 1, deadline)).unwrap_err();
    assert!(matches!(refused, AdmitError::NotPermitted(refusal) if refusal.reason == Reason::Hold));
    assert_eq!(world.now(), asked, "and does not wait before it says so");
}

#[test]
fn whoever_passes_does_not_wait_for_an_open_circuit() {
    let world = World::with_item(&json!({}));
    world.fail_until_open();
    let (calls, refused) = world.calls(|| run(world.admission.pass("fraud", 1, world.soon())).unwrap_err());
    assert!(matches!(refused, AdmitError::NotPermitted(refusal) if refusal.reason == Reason::Open));
    assert!(!calls.contains(&"pause"));
}

#[test]
fn a_wait_does_not_go_beyond_the_deadline() {
    let world = World::with_item(&json!({"maxWaitMs": 10_000}));
    for _ in 0..5 {
        world.admitted();
    }
    let now = world.now();
    let late = run(world.admission.admit("fraud", 1, now.plus(Duration::from_millis(99)))).unwrap_err();
    assert!(matches!(late, AdmitError::NotPermitted(refusal) if refusal.reason == Reason::Rate));
    let in_time = run(world.admission.admit("fraud", 1, now.plus(Duration::from_millis(100)))).unwrap();
    assert_eq!(in_time.call_at, now.plus(Duration::from_millis(100)));
}

#[test]
fn slots_for_callers_that_count_whole_seconds_begin_at_one() {
    let world = World::with_item(&json!({"maxWaitMs": 10_000}));
    for _ in 0..5 {
        world.admitted();
    }
    let permit = run(world.admission.admit_at_whole_second("fraud", 1, world.soon())).unwrap();
    assert_eq!(permit.call_at.0 % 1000, 0);
    assert!(permit.call_at >= world.now().plus(Duration::from_millis(100)));
    let (_, later) = world.calls(|| world.admitted());
    assert_eq!(later.call_at, world.now().plus(Duration::from_millis(200)), "the bucket does not round");
}

/// Somebody passes a hold; how long the hold was, and how long they waited.
fn wait_for_a_hold(world: &World, patience: Duration) -> (Duration, Result<Duration, AdmitError>) {
    world.report(&world.admitted(), Outcome::PushedBack(Some(Duration::from_millis(50))));
    let before = world.now();
    let hold = before.until(world.gate().not_before);
    let passed = run(world.admission.pass("fraud", 1, before.plus(patience)));
    (hold, passed.map(|_| before.until(world.now())))
}

#[test]
fn whoever_waits_for_a_hold_comes_up_to_a_quarter_later_and_never_all_at_once() {
    let world = World::with_item(&json!({"maxWaitMs": 0}));
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..300 {
        world.advance(Duration::from_secs(1));
        let (hold, waited) = wait_for_a_hold(&world, Duration::from_mins(1));
        let waited = waited.unwrap();
        assert!(hold < waited && waited <= hold.mul_f64(1.25) + Duration::from_millis(1), "{waited:?} of {hold:?}");
        waits.insert(waited);
    }
    assert!(waits.len() > 50, "{} different waits", waits.len());
}

#[test]
fn whoever_may_wait_until_the_very_end_of_its_patience_does() {
    let (_, waited) = wait_for_a_hold(&World::with_item(&json!({"maxWaitMs": 0})), Duration::from_mins(1));
    let patience = waited.unwrap();
    let (_, waited) = wait_for_a_hold(&World::with_item(&json!({"maxWaitMs": 0})), patience);
    assert_eq!(waited, Ok(patience));
    let (_, refused) =
        wait_for_a_hold(&World::with_item(&json!({"maxWaitMs": 0})), patience.saturating_sub(Duration::from_millis(1)));
    assert!(matches!(refused, Err(AdmitError::NotPermitted(refusal)) if refusal.reason == Reason::Hold));
}
