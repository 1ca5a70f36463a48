//! A store that gives no answer, callers that die.

use super::{World, config};
use admission::observer::Event;
use admission::{Admission, AdmitError, Recheck, ReportError};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::{Permit, PermitKind, Reason};
use domain::gate::change::Change;
use domain::gate::config::{Dependency, StorePolicy};
use domain::gate::report::Outcome;
use domain::gate::store::{Answer, AuditLine, GateStoreError, Gates, Together};
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;
use testing::turn::{Task, Trip, one_turn, run};

const TRIPS: [Trip; 2] = [Trip::BeforeEffect, Trip::AfterEffect];

#[test]
fn without_a_store_calls_are_refused_where_the_policy_says_so_and_it_is_counted() {
    for trip in TRIPS {
        let world = World::with_item(&json!({"storeUnreachable": "refuse"}));
        world.turns.trip(trip);
        let (events, refusal) = world.events(|| world.refused());
        assert_eq!((refusal.reason, refusal.retry_after), (Reason::Store, Duration::from_secs(1)));
        let policy = StorePolicy::Refuse;
        assert_eq!(events, [Event::StoreFailed { policy }, Event::Refused { reason: Reason::Store }]);
        world.admitted();
    }
}

#[test]
fn without_a_store_calls_go_through_where_the_policy_says_so_and_it_is_counted() {
    for trip in TRIPS {
        let world = World::with_item(&json!({"storeUnreachable": "allow"}));
        world.turns.trip(trip);
        let (events, permit) = world.events(|| world.admitted());
        assert_eq!((permit.kind, permit.call_at), (PermitKind::Unasked, world.now()));
        let granted = Event::Granted { wait: Duration::ZERO, state: None };
        assert_eq!(events, [Event::StoreFailed { policy: StorePolicy::Allow }, granted]);
        // Nobody was asked, so there is nobody to tell, but for a push-back.
        let (calls, recheck) = world.calls(|| run(world.admission.recheck(&permit)).unwrap());
        assert_eq!((calls.len(), recheck), (0, Recheck::Call));
        let (calls, ()) = world.calls(|| world.report(&permit, Outcome::Failure));
        assert!(calls.is_empty());
        world.report(&permit, Outcome::PushedBack(None));
        assert_eq!(world.reason(), Reason::Hold);
    }
}

#[test]
fn a_recheck_without_a_store_follows_the_policy() {
    for (policy, name) in [(StorePolicy::Allow, "allow"), (StorePolicy::Refuse, "refuse")] {
        let world = World::with_item(&json!({"storeUnreachable": name, "maxWaitMs": 1000, "burst": 1}));
        world.admitted();
        let waiter = world.admitted();
        world.machine.clock.advance_to(waiter.call_at);
        world.turns.trip(Trip::BeforeEffect);
        let (events, recheck) = world.events(|| run(world.admission.recheck(&waiter)));
        assert_eq!(events, [Event::StoreFailed { policy }]);
        match policy {
            StorePolicy::Allow => assert_eq!(recheck, Ok(Recheck::Call)),
            StorePolicy::Refuse => {
                assert!(matches!(recheck, Err(AdmitError::NotPermitted(r)) if r.reason == Reason::Store));
            }
        }
    }
}

#[test]
fn a_report_that_the_store_does_not_hear_is_an_error_and_counted() {
    let world = World::with_item(&json!({}));
    let permit = world.admitted();
    world.turns.trip(Trip::BeforeEffect);
    let (events, result) = world.events(|| run(world.admission.report(&permit, Outcome::Failure)));
    assert!(matches!(result, Err(ReportError::Store(_))), "{result:?}");
    assert_eq!(events, [Event::StoreFailed { policy: StorePolicy::Refuse }]);
}

#[test]
fn an_answer_that_is_lost_takes_a_slot_and_nothing_else() {
    let world = World::with_item(&json!({}));
    world.admitted();
    world.turns.trip(Trip::AfterEffect);
    assert_eq!(world.reason(), Reason::Store);
    for _ in 2..5 {
        world.admitted();
    }
    assert_eq!(world.reason(), Reason::Rate);
    assert_eq!((world.state(), world.gate().sequence), (BreakerState::Closed, 5));
}

#[test]
fn a_trial_permit_of_a_dropped_future_returns_by_its_lease() {
    let knobs = json!({"permittedCallsInHalfOpen": 1, "successesToClose": 1});
    let world = World::with_item(&knobs);
    world.fail_until_open();
    world.advance(Duration::from_secs(12));
    // Whoever is dropped has its permit when its write has taken effect: after as many turns as that takes.
    let mut turns = 0;
    while world.state() == BreakerState::Open {
        turns += 1;
        assert!(turns < 10, "nobody begins");
        let (admission, deadline) = (world.admission.clone(), world.soon());
        let mut task: Task<_> = Box::pin(async move {
            let permit = admission.admit("fraud", 1, deadline).await;
            std::future::pending::<()>().await;
            permit.map(|_| ())
        });
        for _ in 0..turns {
            assert!(one_turn(&mut task).is_none());
        }
    }
    let generation = world.gate().generation;
    let refusal = world.refused();
    assert_eq!(refusal.reason, Reason::Permits);
    assert!(refusal.retry_after <= Duration::from_millis(3500), "{refusal:?}");
    world.advance(refusal.retry_after);
    let trial = world.admitted();
    assert_eq!(world.gate().generation, generation + 1);
    world.report(&trial, Outcome::Success);
    assert_eq!(world.state(), BreakerState::Closed);
}

/// One outage from beginning to end, in which the store's `fatal`-th call from now kills whoever made it.
fn recovers_from_a_crash_at(fatal: usize, trip: Trip) -> bool {
    let world = World::with_item(&json!({"maxWaitMs": 500, "storeUnreachable": "refuse"}));
    let began = world.turns.calls().len();
    let mut tripped = false;
    let mut dead = true;
    for step in 0..400 {
        // The provider is dead for the first half of the time.
        dead = dead && step < 60;
        world.advance(Duration::from_millis(500));
        let outcome = if dead { Outcome::Failure } else { Outcome::Success };
        let admission = world.admission.clone();
        let deadline = world.soon();
        let mut task: Task<_> = Box::pin(async move {
            let Ok(permit) = admission.admit("fraud", 1, deadline).await else { return };
            // Whoever cannot report has died; its permit runs out.
            drop(admission.report(&permit, outcome).await);
        });
        loop {
            if !tripped && world.turns.calls().len() - began == fatal {
                world.turns.trip(trip);
                tripped = true;
            }
            if one_turn(&mut task).is_some() {
                break;
            }
        }
    }
    assert_eq!(world.state(), BreakerState::Closed, "call {fatal}, {trip:?}");
    assert!(world.turns_to().contains(&BreakerState::Open), "call {fatal}, {trip:?}");
    world.admitted();
    tripped
}

#[test]
fn a_crash_at_any_effect_of_the_store_loses_nothing() {
    for trip in TRIPS {
        for fatal in 0..60 {
            assert!(recovers_from_a_crash_at(fatal, trip), "there is no call {fatal}");
        }
    }
}

#[test]
fn an_item_that_was_deleted_is_made_again_and_old_permits_mean_nothing_to_it() {
    let world = World::with_item(&json!({}));
    let permits = [world.admitted(), world.admitted(), world.admitted(), world.admitted()];
    world.advance(Duration::from_secs(1));
    world.gates.delete("fraud", 0);
    for permit in &permits[..2] {
        world.report(permit, Outcome::Failure);
    }
    assert!(world.gates.gate("fraud", 0).is_none(), "a report makes no item");
    world.admitted();
    let made = world.gate();
    for permit in &permits[2..] {
        world.report(permit, Outcome::Failure);
    }
    assert_eq!(world.gate(), made);
}

/// A table that is there and has no time.
struct Busy;

impl Gates for Busy {
    async fn read(&self, _: &Dependency, _: u16) -> Result<Option<Gate>, GateStoreError> {
        Err(GateStoreError::Busy("throttled".to_owned()))
    }

    async fn apply(&self, _: &Dependency, _: u16, _: &Change) -> Result<Answer, GateStoreError> {
        Err(GateStoreError::Busy("throttled".to_owned()))
    }

    async fn apply_all(
        &self,
        _: &Dependency,
        _: &[(u16, Change)],
        _: Option<&AuditLine>,
    ) -> Result<Together, GateStoreError> {
        Err(GateStoreError::Busy("throttled".to_owned()))
    }

    async fn audit(&self, _: &Dependency) -> Result<Vec<AuditLine>, GateStoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_busy_store_is_not_taken_for_an_unreachable_one() {
    let world = World::with_item(&json!({}));
    let knobs = json!({"storeUnreachable": "allow"});
    let admission = Admission::new(Busy, world.machine.clone(), world.seen.clone(), [config(&knobs)]);
    let refused = run(admission.admit("fraud", 1, world.soon()));
    assert!(matches!(refused, Err(AdmitError::NotPermitted(no)) if no.reason == Reason::Store));
    let permit = world.admitted();
    assert!(matches!(run(admission.recheck(&permit)), Err(AdmitError::NotPermitted(_))));
}

#[test]
fn without_a_store_the_clock_still_decides_about_a_slot() {
    let world = World::with_item(&json!({"storeUnreachable": "allow", "maxWaitMs": 1000, "burst": 1}));
    world.admitted();
    let early = world.admitted();
    assert!(early.call_at > world.now().plus(Duration::from_millis(50)));
    let late = Permit { call_at: Timestamp(world.now().0 - 60_000), ..early.clone() };
    for permit in [Permit { call_at: world.soon(), ..early }, late] {
        world.turns.trip(Trip::BeforeEffect);
        assert_eq!(run(world.admission.recheck(&permit)).unwrap(), Recheck::Forfeited);
    }
}
