//! The errors that obvious designs make, each as the schedule that brings it out. Put one back and its test fails.

use crate::world::{Fraud, HOUR, Turn, World};
use domain::cases::{Action, AuditLine, Case, CaseKind};
use domain::charges::Settled;
use domain::decisions::Entitlement;
use domain::intent::{CustomerId, IntentId, IntentMessage, Tier};
use domain::ledger::store::LockChange;
use domain::ledger::transitions::{self, Claim, Step};
use domain::ledger::{Execution, Intent, Out, Status, Style, Terms, TierLock};
use domain::store::Versioned;
use domain::time::{Clock, Timestamp};
use serde_json::json;
use std::time::Duration;
use subscriptions::recovery::StatusDetail;
use testing::provider::Mishap;
use testing::turn::{Task, Trip, one_turn};

fn captured(world: &World, id: &IntentId) -> u32 {
    world.provider.captures(id.as_str())
}

fn hold_the_entitlement_for(world: &World, customer: &str, span: Duration) {
    let (_, other) = world.message("somebody-else", 0xff);
    let now = world.clock.now();
    world.content.give(Entitlement {
        customer: CustomerId::new(customer).unwrap(),
        tier: Tier::Premium,
        intent_id: other,
        since: now,
        until: now.plus(span),
    });
}

/// What an execution said at its end, to whoever asks what it proves.
fn last_words(world: &mut World, arn: &str) -> (String, String) {
    let Turn::Succeeded(output) = world.finish(arn) else { panic!("{arn} failed") };
    let said = |name: &str| output[name].as_str().unwrap().to_owned();
    (said("outcome"), said("evidence"))
}

/// The deadline passes and the sweep notices, whether an owner died or nobody owned the row.
fn outlive_the_deadline(world: &mut World) {
    world.clock.advance(73 * HOUR);
    assert!(world.sweep() > 0, "the sweep found nothing");
}

/// Its message was lost and its deadline passed: parked, nothing was charged, no lock is held.
fn given_up_and_settled(world: &mut World) -> IntentId {
    let id = world.submit("ada", 1);
    drop(world.queue.pop());
    outlive_the_deadline(world);
    let settling = world.hand_over().unwrap();
    world.finish(&settling);
    assert_eq!(world.status(&id), Status::Parked);
    id
}

#[test]
fn s01_captured_but_not_written_and_then_called_a_fraudster_is_refunded() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "provider.confirm", 1));
    world.die(&first, "TIMED_OUT", true, false);
    world.recover();
    world.fraud = Fraud::Rejects;
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s01_what_was_paid_is_not_judged_again() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "charges.put", 2));
    world.die(&first, "TIMED_OUT", true, false);
    world.recover();
    world.fraud = Fraud::Rejects;
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s02_a_function_that_outlives_its_execution_finds_the_place_taken() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "provider.create", 1));
    world.die(&first, "TIMED_OUT", true, true);
    world.recover();
    world.fraud = Fraud::Rejects;
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Declined);
    world.lay_ghosts();
    assert_eq!(captured(&world, &id), 0);
}

#[test]
fn s03_a_late_unblock_does_not_pass_a_refusal() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "entitlements.entitlement", 1));
    world.lose_reply(&arn, true);
    world.hold_entitlement("ada");
    world.finish(&arn);
    assert_eq!(world.status(&id), Status::Refunded);
    world.lay_ghosts();
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s03_a_refusal_stands_when_its_reason_is_gone() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "entitlements.entitlement", 1));
    world.lose_reply(&arn, true);
    hold_the_entitlement_for(&world, "ada", HOUR);
    world.finish(&arn);
    assert_eq!(world.status(&id), Status::Refunded);
    world.clock.advance(2 * HOUR);
    world.lay_ghosts();
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s04_an_intent_parked_before_its_confirmation_is_never_charged_after() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "provider.get", 1));
    world.die(&first, "FAILED", false, true);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Parked);
    world.lay_ghosts();
    world.decide(&id, Action::Close).unwrap();
    assert_eq!(world.status(&id), Status::Declined);
    assert_eq!(captured(&world, &id), 0);
}

#[test]
fn s05_an_execution_that_died_while_settling_is_taken_up() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.fraud = Fraud::Rejects;
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "ledger.commit", 2));
    assert_eq!(world.status(&id), Status::Compensating);
    world.die(&first, "ABORTED", false, false);
    world.clock.advance(2 * HOUR);
    assert_eq!(world.sweep(), 1);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Declined);
}

#[test]
fn s06_while_money_may_be_held_no_second_intent_is_charged() {
    let mut world = World::new();
    let first = world.submit("ada", 1);
    let attempt = world.hand_over().unwrap();
    assert!(world.run_past(&attempt, "charges.put", 2));
    world.die(&attempt, "TIMED_OUT", true, false);
    world.recover();
    let waiting = world.queue.pop().unwrap();
    let second = world.submit("ada", 2);
    let other = world.hand_over().unwrap();
    world.finish(&other);
    assert_eq!(world.status(&second), Status::Declined);
    let again = world.start(&waiting);
    world.finish(&again);
    assert_eq!(world.status(&first), Status::Active);
    assert_eq!(captured(&world, &second), 0);
}

#[test]
fn s06_ending_one_intent_does_not_free_the_lock_of_another() {
    let mut world = World::new();
    let first = given_up_and_settled(&mut world);
    let second = world.submit("ada", 2);
    let arn = world.hand_over().unwrap();
    world.finish(&arn);
    assert_eq!(world.status(&second), Status::Active);
    world.decide(&first, Action::Close).unwrap();
    assert_eq!(world.status(&first), Status::Declined);
    assert_eq!(world.ledger.locks()[0].1.intent_id, second);
}

#[test]
fn s06_an_intent_parked_with_money_keeps_the_lock() {
    let mut world = World::new();
    let (first, arn) = about_to_park_with_money(&mut world);
    world.finish(&arn);
    let second = world.submit("ada", 2);
    let other = world.hand_over().unwrap();
    world.finish(&other);
    assert_eq!(world.status(&second), Status::Declined);
    assert_eq!(world.status(&first), Status::Parked);
}

#[test]
fn s07_an_old_call_does_not_touch_the_charge_of_a_retry() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "provider.create", 1));
    world.die(&first, "FAILED", false, true);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Parked);
    world.decide(&id, Action::Retry).unwrap();
    assert_eq!(world.row(&id).n, 2);
    let third = world.hand_over().unwrap();
    assert!(world.run_past(&third, "charges.put", 1));
    world.lay_ghosts();
    world.finish(&third);
    assert_eq!(world.status(&id), Status::Active);
    assert_eq!(captured(&world, &id), 1);
}

/// Forward; declined; given back; and parked, because the provider will not give it back.
fn ways() -> [fn(&mut World); 4] {
    [
        |_| {},
        |world| world.fraud = Fraud::Rejects,
        |world| world.hold_entitlement("ada"),
        |world| {
            world.hold_entitlement("ada");
            // Creation and confirmation cannot be refused so; the refund can.
            (0..3).for_each(|_| world.provider.next(Mishap::Refuse));
        },
    ]
}

#[test]
fn s07_an_owner_that_was_replaced_writes_nothing() {
    for (number, prepare) in ways().into_iter().enumerate() {
        for claimed_again in [false, true] {
            for turns in 0.. {
                let mut world = World::new();
                prepare(&mut world);
                let id = world.submit("ada", 1);
                let first = world.hand_over().unwrap();
                assert!(world.run_past(&first, "ledger.commit", 1));
                let at_work = (0..turns).all(|_| world.turn(&first) == Turn::Went);
                if !at_work || world.row(&id).owner.is_none() {
                    assert!(turns > 5, "way {number} has only {turns} windows");
                    break;
                }
                world.die(&first, "TIMED_OUT", true, true);
                world.recover();
                if claimed_again {
                    let second = world.hand_over().unwrap();
                    assert!(world.run_past(&second, "ledger.commit", 1));
                }
                let before = world.row(&id);
                world.lay_ghosts();
                assert_eq!(world.row(&id), before, "way {number}, window {turns}");
                world.calm_down();
            }
        }
    }
}

#[test]
fn s07_a_retry_takes_a_payment_of_its_own() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "charges.put", 1));
    world.die(&first, "FAILED", false, false);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Parked);
    world.decide(&id, Action::Retry).unwrap();
    let third = world.hand_over().unwrap();
    world.finish(&third);
    assert_eq!(world.status(&id), Status::Active);
    assert_eq!(world.provider.payments(id.as_str()).len(), 2, "a canceled payment cannot be taken up again");
}

#[test]
fn s08_an_end_whose_answer_is_lost_is_the_same_end() {
    let mut world = World::new();
    world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_until_state(&arn, "Activate"));
    world.drop_answer(&arn);
    assert_eq!(last_words(&mut world, &arn), ("active".to_owned(), "healthy".to_owned()));
    let mut world = World::new();
    let (_, arn) = about_to_park_with_money(&mut world);
    world.drop_answer(&arn);
    assert_eq!(last_words(&mut world, &arn), ("parked".to_owned(), "failed".to_owned()));
}

#[test]
fn s08_a_message_that_comes_again_does_not_wake_a_parked_intent() {
    let mut world = World::new();
    let id = given_up_and_settled(&mut world);
    let parked = world.row(&id);
    let (message, _) = world.message("ada", 1);
    let again = world.start(&message);
    assert_eq!(last_words(&mut world, &again), ("duplicate".to_owned(), "none".to_owned()));
    assert_eq!(world.row(&id), parked);
}

#[test]
fn s07_a_redriven_execution_whose_row_was_taken_ends_quietly() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.fraud = Fraud::Rejects;
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "ledger.commit", 1));
    let (message, _) = world.message("ada", 1);
    world.events.push_back(StatusDetail {
        execution_arn: first.clone(),
        status: "FAILED".to_owned(),
        input: Some(json!([{"messageId": "m", "body": message}]).to_string()),
        error: None,
        cause: None,
    });
    world.recover();
    assert_eq!(world.status(&id), Status::Retrying);
    assert_eq!(last_words(&mut world, &first), ("lost".to_owned(), "none".to_owned()));
    assert!(world.content.decisions().is_empty(), "it refused what is no longer its own");
    world.calm_down();
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s08_a_claim_whose_answer_is_lost_is_no_duplicate() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    world.drop_answer(&arn);
    assert_eq!(world.status(&id), Status::Processing);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s09_the_body_that_was_recorded_is_the_body_that_is_charged() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let recorded = world.queue.pop().unwrap();
    let other = recorded.replace("pm_cardVisa4242", "pm_another99999");
    assert_ne!(recorded, other);
    let arn = world.start(&other);
    world.finish(&arn);
    assert_eq!(world.status(&id), Status::Active);
    assert_eq!(world.provider.payment_methods(id.as_str()), ["pm_cardVisa4242"]);
}

#[test]
fn s10_a_recovery_that_died_before_it_sent_is_made_good_by_the_sweep() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.fraud = Fraud::IsDown;
    let first = world.hand_over().unwrap();
    world.finish(&first);
    let event = world.events.pop_front().unwrap();
    let recovery = world.recovery.clone();
    let mut task: Task<_> = Box::pin(async move { recovery.execution_ended(&event).await });
    while world.status(&id) != Status::Retrying {
        assert!(one_turn(&mut task).is_none(), "recovery ended without a write");
    }
    drop(task);
    assert!(world.queue.is_empty());
    assert_eq!(world.sweep(), 0, "too early: the message could still be on its way");
    world.clock.advance(7 * HOUR);
    assert_eq!(world.sweep(), 1);
    assert_eq!(world.queue.len(), 1);
}

#[test]
fn s10_a_lost_message_is_sent_once_and_not_at_every_sweep() {
    let mut world = World::new();
    world.submit("ada", 1);
    drop(world.queue.pop());
    world.clock.advance(7 * HOUR);
    assert_eq!(world.sweep(), 1);
    world.clock.advance(HOUR / 4);
    assert_eq!((world.sweep(), world.queue.len()), (0, 1));
}

#[test]
fn s10_a_message_that_recovery_has_just_sent_is_not_doubled() {
    let mut world = World::new();
    world.submit("ada", 1);
    world.clock.advance(7 * HOUR);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "ledger.commit", 1));
    world.die(&first, "TIMED_OUT", true, false);
    world.recover();
    world.clock.advance(HOUR / 4);
    assert_eq!((world.sweep(), world.queue.len()), (0, 1));
}

#[test]
fn s10_a_row_that_is_claimed_under_the_sweep_is_not_sent_again() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.clock.advance(7 * HOUR);
    let recovery = world.recovery.clone();
    let mut sweep: Task<_> = Box::pin(async move { recovery.sweep().await });
    let lists = |world: &World| world.turns.calls().iter().filter(|c| **c == "ledger.unsent_since").count();
    while lists(&world) < 1 {
        assert!(one_turn(&mut sweep).is_none());
    }
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "ledger.commit", 1));
    while one_turn(&mut sweep).is_none() {}
    assert_eq!((world.status(&id), world.queue.len()), (Status::Processing, 0));
}

#[test]
fn s10_an_execution_that_is_still_at_work_is_left_alone() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "ledger.commit", 1));
    world.clock.advance(20 * HOUR);
    assert_eq!(world.sweep(), 0);
    world.finish(&arn);
    assert_eq!((world.status(&id), world.row(&id).attempt), (Status::Active, 1));
}

#[test]
fn s10_a_message_that_waits_behind_an_open_circuit_is_not_doubled() {
    let mut world = World::new();
    world.submit("ada", 1);
    world.clock.advance(30 * HOUR);
    world.queue.set_oldest_age(30 * HOUR);
    assert_eq!(world.sweep(), 0);
    assert_eq!(world.queue.len(), 1);
}

#[test]
fn s11_a_saved_error_of_the_provider_is_not_replayed_into_the_next_attempt() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.provider.next(Mishap::Saved500);
    let first = world.hand_over().unwrap();
    assert_eq!(world.finish(&first), Turn::Failed("Retryable".to_owned()));
    world.recover();
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s11_a_saved_error_of_a_refund_is_not_replayed_into_its_repetition() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.hold_entitlement("ada");
    let arn = world.hand_over().unwrap();
    assert!(world.run_until_state(&arn, "SettleCharge"));
    world.provider.next(Mishap::Saved500);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s11_a_saved_error_of_a_cancellation_is_not_replayed_into_its_repetition() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "charges.put", 1));
    world.die(&first, "TIMED_OUT", true, false);
    world.recover();
    world.fraud = Fraud::Rejects;
    let second = world.hand_over().unwrap();
    assert!(world.run_until_state(&second, "SettleCharge"));
    world.provider.next(Mishap::Saved500);
    assert!(matches!(world.finish(&second), Turn::Succeeded(_)));
    assert_eq!(world.status(&id), Status::Declined);
}

#[test]
fn s12_an_operators_retry_gets_a_new_deadline() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    drop(world.queue.pop());
    outlive_the_deadline(&mut world);
    let settling = world.hand_over().unwrap();
    world.finish(&settling);
    assert_eq!(world.status(&id), Status::Parked);
    world.decide(&id, Action::Retry).unwrap();
    world.fraud = Fraud::IsDown;
    let failing = world.hand_over().unwrap();
    world.finish(&failing);
    world.recover();
    assert_eq!((world.status(&id), world.row(&id).out), (Status::Retrying, None));
    world.calm_down();
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s12_an_operators_retry_that_grows_too_old_settles_again_before_a_person_is_asked() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    drop(world.queue.pop());
    outlive_the_deadline(&mut world);
    let settling = world.hand_over().unwrap();
    world.finish(&settling);
    world.decide(&id, Action::Retry).unwrap();
    drop(world.queue.pop());
    outlive_the_deadline(&mut world);
    assert_eq!((world.status(&id), world.row(&id).out), (Status::Retrying, Some(Out::Parked)));
    world.calm_down();
    assert_eq!(world.status(&id), Status::Parked);
    world.decide(&id, Action::Close).unwrap();
    assert_eq!(world.status(&id), Status::Declined);
}

#[test]
fn s12_an_operators_retry_starts_afresh() {
    let mut world = World::new();
    let id = given_up_and_settled(&mut world);
    let refused = world.decide(&id, Action::Refund).unwrap_err();
    assert!(refused.contains("nothing is left to refund"), "{refused}");
    world.decide(&id, Action::Retry).unwrap();
    let row = world.row(&id);
    assert_eq!((row.out, row.reason, row.case_id, row.faults, row.extended), (None, None, None, 0, false));
}

#[test]
fn s12_an_accepted_intent_whose_message_is_gone_ages_out() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    drop(world.queue.pop());
    outlive_the_deadline(&mut world);
    world.calm_down();
    assert_eq!(world.status(&id), Status::Parked);
}

#[test]
fn s13_a_doubled_event_counts_once() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let owned_nothing = world.hand_over().unwrap();
    world.die(&owned_nothing, "TIMED_OUT", true, false);
    let second = world.submit("bob", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "ledger.commit", 1));
    world.die(&arn, "TIMED_OUT", true, false);
    let doubled = world.events.back().unwrap().clone();
    world.events.push_back(doubled);
    while !world.events.is_empty() {
        world.recover();
    }
    let row = world.row(&second);
    assert_eq!(world.row(&id).attempt, 1, "an execution that owned nothing burned an attempt");
    assert_eq!((row.attempt, row.faults), (2, 1));
    // The second event sends again, as the first one's sender may have died: two messages are one intent.
    assert_eq!(world.queue.len(), 2);
    world.calm_down();
    assert_eq!(world.status(&second), Status::Active);
}

#[test]
fn s13_a_late_event_takes_nothing_from_the_successor() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "ledger.commit", 1));
    world.die(&first, "TIMED_OUT", true, false);
    let doubled = world.events.front().unwrap().clone();
    world.recover();
    let second = world.hand_over().unwrap();
    assert!(world.run_past(&second, "ledger.commit", 1));
    world.events.push_back(doubled);
    world.recover();
    assert_eq!((world.status(&id), world.row(&id).attempt), (Status::Processing, 2));
    assert!(world.queue.is_empty());
    assert!(matches!(world.finish(&second), Turn::Succeeded(_)));
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s14_the_lock_ends_with_the_entitlement() {
    let mut world = World::new();
    let first = world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    world.finish(&arn);
    assert_eq!(world.status(&first), Status::Active);
    world.clock.advance(719 * HOUR);
    let early = world.submit("ada", 2);
    let arn = world.hand_over().unwrap();
    world.finish(&arn);
    assert_eq!(world.status(&early), Status::Declined);
    world.clock.advance(2 * HOUR);
    let (_, lock) = world.ledger.locks().into_iter().next().expect("the lock of an active customer");
    let until = lock.until.expect("an end");
    assert!(until < world.clock.now(), "the lock outlives the entitlement");
}

/// An intent whose attempts may hold money, given up: its second execution is about to settle.
fn settling_with_a_payment(world: &mut World) -> (IntentId, String) {
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "charges.put", 1));
    world.die(&first, "TIMED_OUT", false, false);
    outlive_the_deadline(world);
    let second = world.hand_over().unwrap();
    (id, second)
}

#[test]
fn giving_up_has_a_day_to_settle_before_a_person_is_asked() {
    let mut world = World::new();
    let (id, second) = settling_with_a_payment(&mut world);
    world.provider.set_down(true);
    assert_eq!(world.finish(&second), Turn::Failed("Retryable".to_owned()));
    world.recover();
    assert_eq!((world.status(&id), world.row(&id).out), (Status::Retrying, Some(Out::Parked)));
    world.calm_down();
    let (case, status) = (world.ledger.all_cases().remove(0), world.status(&id));
    assert_eq!((case.kind, status), (CaseKind::GaveUp, Status::Parked));
}

#[test]
fn giving_up_after_faults_of_ours_counts_them_anew() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    for _ in 0..=crate::world::MAX_ATTEMPTS {
        let arn = world.hand_over().unwrap();
        assert!(world.run_past(&arn, "ledger.commit", 1));
        world.die(&arn, "TIMED_OUT", true, false);
        world.recover();
    }
    assert_eq!((world.status(&id), world.row(&id).faults), (Status::Retrying, 1));
}

#[test]
fn what_is_given_up_parks_whichever_attempt_settles_it() {
    let mut world = World::new();
    let (id, second) = settling_with_a_payment(&mut world);
    assert!(world.run_until_state(&second, "SettleCharge"));
    world.die(&second, "TIMED_OUT", true, false);
    world.recover();
    let third = world.hand_over().unwrap();
    world.finish(&third);
    assert_eq!((world.status(&id), world.row(&id).reason.as_deref()), (Status::Parked, Some("given-up")));
}

#[test]
fn what_was_being_declined_is_declined_however_late() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.fraud = Fraud::Rejects;
    let first = world.hand_over().unwrap();
    assert!(world.run_until_state(&first, "Refuse"));
    world.die(&first, "TIMED_OUT", false, false);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!((world.status(&id), world.row(&id).reason.as_deref()), (Status::Declined, Some("fraud")));
}

#[test]
fn closing_frees_a_lock_that_was_kept_for_money() {
    let mut world = World::new();
    let (id, second) = settling_with_a_payment(&mut world);
    assert!(world.run_until_state(&second, "SettleCharge"));
    while !world.calls(&second) {
        world.turn(&second);
    }
    world.die(&second, "ABORTED", false, true);
    outlive_the_deadline(&mut world);
    assert_eq!((world.status(&id), world.ledger.locks().len()), (Status::Parked, 1));
    // The call that outlived its execution settles the charge after all.
    world.lay_ghosts();
    world.decide(&id, Action::Close).unwrap();
    assert_eq!((world.status(&id), world.ledger.locks().len()), (Status::Declined, 0));
}

/// The rules that no schedule of this world can reach, asked of the transitions themselves.
#[test]
fn rules_that_only_a_person_or_a_webhook_could_test() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let (text, _) = world.message("ada", 1);
    let arn = world.hand_over().unwrap();
    assert!(world.run_past(&arn, "ledger.commit", 1));
    let (me, now, price) = (Execution(arn.clone()), world.clock.now(), world.row(&id).price);
    let processing = Versioned { value: world.row(&id), revision: 1 };
    assert_eq!(transitions::finish_settling(&processing, &None, &me, Settled::Canceled, now), Step::Lost);
    assert_eq!(transitions::park(&processing, &me, "a test", now), Step::Lost);

    // The tier is another's, and a charge has begun: settle it, whatever it takes, and leave the lock alone.
    let (message, terms) =
        (IntentMessage::parse(&text).unwrap(), Terms { price, max_intent_age: HOUR, style: Style::Hybrid });
    let (_, other) = world.message("ada", 2);
    let waits = Versioned { value: Intent { status: Status::Retrying, owner: None, ..world.row(&id) }, revision: 1 };
    let claim = |until: Option<Timestamp>, begun: bool| {
        let lock = Some(Versioned { value: TierLock { intent_id: other.clone(), until }, revision: 7 });
        transitions::claim(Some(&waits), &lock, &message, &me, begun, &terms, now)
    };
    let Claim::Take(write) = claim(None, true) else { panic!("a charge that had begun was left behind") };
    assert_eq!((write.intent.status, write.intent.out), (Status::Compensating, Some(Out::Declined)));
    assert_eq!(write.lock, LockChange::Keep);
    assert!(matches!(claim(Some(now.plus(HOUR)), false), Claim::Decline(_)));
    // It was another's, and is over: a customer may subscribe again.
    let Claim::Take(write) = claim(Some(now.minus(HOUR)), false) else { panic!("an old lock lasts for ever") };
    assert!(matches!(write.lock, LockChange::Put { ref lock, based_on: Some(7) } if lock.intent_id == id));
}

#[test]
fn only_the_open_case_of_a_parked_intent_is_decided() {
    let mut world = World::new();
    let id = given_up_and_settled(&mut world);
    let (parked, case) = (world.row(&id), world.ledger.all_cases().remove(0));
    let line =
        AuditLine { at: world.clock.now(), by: "op".to_owned(), action: Action::Retry, why: "a test".to_owned() };
    let decide = |row: &Intent, case: &Case| {
        let row = Versioned { value: row.clone(), revision: 1 };
        transitions::decide(&row, &None, case.clone(), line.clone(), None, HOUR).is_ok()
    };
    assert!(decide(&parked, &case));
    assert!(!decide(&Intent { status: Status::Active, ..parked.clone() }, &case), "it is not parked");
    assert!(!decide(&parked, &case.clone().resolved(line.clone())), "the case is closed");
    assert!(!decide(&parked, &Case { id: "another".to_owned(), ..case }), "the case is of another park");
}

#[test]
fn s15_a_grant_stands_whatever_comes_after() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "decisions.grant", 1));
    world.die(&first, "ABORTED", false, false);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s16_a_grant_between_the_settlement_and_its_refusal_leads_forward() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "entitlements.entitlement", 1));
    world.die(&first, "TIMED_OUT", false, true);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    assert!(world.run_until_state(&second, "Refuse"));
    world.lay_ghosts();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn s17_giving_up_before_any_charge_leaves_a_tombstone() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "fraud.check", 1));
    assert!(world.run_past(&first, "charges.charge", 1));
    world.die(&first, "TIMED_OUT", false, true);
    outlive_the_deadline(&mut world);
    let second = world.hand_over().unwrap();
    world.finish(&second);
    assert_eq!(world.status(&id), Status::Parked);
    world.lay_ghosts();
    assert_eq!(captured(&world, &id), 0);
}

/// A ghost about to grant, an intent that was given up once, and nobody who settles it.
fn given_up_once_with_a_ghost(world: &mut World) -> IntentId {
    let id = world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "entitlements.entitlement", 1));
    world.die(&first, "TIMED_OUT", false, true);
    outlive_the_deadline(world);
    let second = world.hand_over().unwrap();
    assert!(world.run_until_state(&second, "Refuse"));
    world.die(&second, "ABORTED", false, false);
    id
}

#[test]
fn s18_a_second_limit_refuses_before_it_parks() {
    let mut world = World::new();
    let id = given_up_once_with_a_ghost(&mut world);
    outlive_the_deadline(&mut world);
    assert_eq!(world.status(&id), Status::Parked);
    world.lay_ghosts();
    world.decide(&id, Action::Refund).unwrap();
    world.calm_down();
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s18_a_second_limit_that_finds_a_grant_goes_forward() {
    let mut world = World::new();
    let id = given_up_once_with_a_ghost(&mut world);
    world.lay_ghosts();
    outlive_the_deadline(&mut world);
    assert_eq!(world.status(&id), Status::Retrying);
    world.calm_down();
    assert_eq!(world.status(&id), Status::Active);
}

/// Captured, not deliverable, and the provider will not give the money back: about to park.
fn about_to_park_with_money(world: &mut World) -> (IntentId, String) {
    let id = world.submit("ada", 1);
    world.hold_entitlement("ada");
    let arn = world.hand_over().unwrap();
    assert!(world.run_until_state(&arn, "SettleCharge"));
    world.provider.next(Mishap::Refuse);
    assert!(world.run_until_state(&arn, "Park"));
    (id, arn)
}

#[test]
fn s19_parking_twice_is_parking_once() {
    let mut world = World::new();
    let (id, arn) = about_to_park_with_money(&mut world);
    world.drop_answer(&arn);
    assert_eq!(world.status(&id), Status::Parked);
    world.finish(&arn);
    assert_eq!(world.status(&id), Status::Parked);
    let refused = world.decide(&id, Action::Close).unwrap_err();
    assert!(refused.contains("not settled"), "{refused}");
    world.decide(&id, Action::Refund).unwrap();
    assert_eq!(world.row(&id).out, Some(Out::Refunded));
    world.calm_down();
    assert_eq!(world.status(&id), Status::Refunded);
}

#[test]
fn s19_a_retry_never_charges_beside_money_that_is_held() {
    let mut world = World::new();
    let (id, arn) = about_to_park_with_money(&mut world);
    world.finish(&arn);
    world.decide(&id, Action::Retry).unwrap();
    assert_eq!(world.row(&id).n, 1, "a charge that is not settled has no successor");
    world.calm_down();
    assert_eq!((world.status(&id), captured(&world, &id)), (Status::Refunded, 1));
}

#[test]
fn p6_only_who_reached_the_dependencies_says_something_about_them() {
    let mut world = World::new();
    let healthy = |outcome: &str| (outcome.to_owned(), "healthy".to_owned());
    let nothing = |outcome: &str| (outcome.to_owned(), "none".to_owned());
    let (message, _) = world.message("ada", 1);
    world.submit("ada", 1);
    let first = world.hand_over().unwrap();
    assert!(world.run_past(&first, "ledger.commit", 1));
    let beside = world.start(&message);
    assert_eq!(last_words(&mut world, &beside), nothing("busy"));
    assert_eq!(last_words(&mut world, &first), healthy("active"));
    let again = world.start(&message);
    assert_eq!(last_words(&mut world, &again), nothing("duplicate"));
    world.submit("ada", 2);
    let other = world.hand_over().unwrap();
    assert_eq!(last_words(&mut world, &other), nothing("declined"));
    world.submit("bob", 1);
    world.fraud = Fraud::Rejects;
    let declined = world.hand_over().unwrap();
    assert_eq!(last_words(&mut world, &declined), healthy("declined"));
}

#[test]
fn p6_whoever_finishes_for_another_says_nothing_about_the_dependencies() {
    let mut world = World::new();
    world.submit("ada", 1);
    world.fraud = Fraud::Rejects;
    let first = world.hand_over().unwrap();
    assert!(world.run_until_state(&first, "Refuse"));
    world.die(&first, "TIMED_OUT", true, false);
    world.recover();
    let second = world.hand_over().unwrap();
    assert_eq!(last_words(&mut world, &second), ("declined".to_owned(), "none".to_owned()));
}

#[test]
fn p6_an_intent_that_parks_is_a_failed_trial() {
    let mut world = World::new();
    let (_, arn) = about_to_park_with_money(&mut world);
    assert_eq!(last_words(&mut world, &arn), ("parked".to_owned(), "failed".to_owned()));
    let mut world = World::new();
    world.submit("ada", 1);
    drop(world.queue.pop());
    outlive_the_deadline(&mut world);
    let settling = world.hand_over().unwrap();
    assert_eq!(last_words(&mut world, &settling), ("parked".to_owned(), "failed".to_owned()));
}

#[test]
fn an_outage_longer_than_every_attempt_parks_nothing() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.provider.set_down(true);
    for _ in 0..20 {
        let arn = world.hand_over().unwrap();
        assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
        world.recover();
    }
    assert_eq!((world.status(&id), world.row(&id).faults), (Status::Retrying, 0));
    world.calm_down();
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn faults_of_ours_are_counted_and_end_with_a_person() {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    for _ in 0..crate::world::MAX_ATTEMPTS {
        let arn = world.hand_over().unwrap();
        assert!(world.run_past(&arn, "ledger.commit", 1));
        world.die(&arn, "TIMED_OUT", true, false);
        world.recover();
    }
    world.calm_down();
    assert_eq!(world.status(&id), Status::Parked);
    assert!(world.ledger.all_cases().iter().any(|case| case.intent_id == id));
}

#[test]
fn two_customers_with_one_key_are_both_served() {
    let mut world = World::new();
    let (ada, bob) = (world.submit("ada", 1), world.submit("bob", 1));
    world.calm_down();
    assert_eq!((world.status(&ada), world.status(&bob)), (Status::Active, Status::Active));
}

#[test]
fn a_poison_message_is_set_aside_and_ends_quietly() {
    let mut world = World::new();
    let arn = world.start("not an intent");
    let Turn::Succeeded(output) = world.finish(&arn) else { panic!("a poison message failed its execution") };
    assert_eq!((output["outcome"].as_str(), output["evidence"].as_str()), (Some("poison"), Some("none")));
}

#[test]
fn a_recovery_whose_send_failed_sends_when_its_event_comes_again() {
    for trip in [Trip::BeforeEffect, Trip::AfterEffect] {
        let mut world = World::new();
        let id = world.submit("ada", 1);
        world.fraud = Fraud::IsDown;
        let first = world.hand_over().unwrap();
        world.finish(&first);
        let event = world.events.pop_front().unwrap();
        let (recovery, heard) = (world.recovery.clone(), event.clone());
        let mut task: Task<_> = Box::pin(async move { recovery.execution_ended(&heard).await });
        while world.status(&id) != Status::Retrying {
            assert!(one_turn(&mut task).is_none(), "recovery ended without a write");
        }
        world.turns.trip(trip);
        let failed = loop {
            if let Some(result) = one_turn(&mut task) {
                break result;
            }
        };
        assert!(failed.is_err());
        world.events.push_back(event);
        world.recover();
        assert!(!world.queue.is_empty(), "the intent waits for the sweep");
        assert_eq!(world.row(&id).attempt, 2);
    }
}

#[test]
fn a_provider_that_talks_garbage_or_refuses_our_key_parks_nobody() {
    for fraud in [Fraud::TalksGarbage, Fraud::RefusesOurKey] {
        let mut world = World::new();
        let id = world.submit("ada", 1);
        world.fraud = fraud;
        for _ in 0..2 * crate::world::MAX_ATTEMPTS {
            let arn = world.hand_over().unwrap();
            assert_eq!(world.finish(&arn), Turn::Failed("Retryable".to_owned()));
            world.recover();
        }
        assert_eq!((world.status(&id), world.row(&id).faults), (Status::Retrying, 0));
        world.calm_down();
        assert_eq!(world.status(&id), Status::Active);
    }
}
