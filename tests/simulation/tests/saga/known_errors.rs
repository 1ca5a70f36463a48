//! The errors that obvious designs make, each as the schedule that brings it out. Put one back and its test fails.

use crate::world::{Fraud, HOUR, Turn, World};
use domain::cases::Action;
use domain::decisions::Entitlement;
use domain::intent::{CustomerId, IntentId, Tier};
use domain::ledger::Status;
use domain::time::Clock;
use testing::provider::Mishap;
use testing::turn::{Task, one_turn};

fn captured(world: &World, id: &IntentId) -> u32 {
    world.provider.captures(id.as_str())
}

/// Premium from elsewhere, so that unblocking fails for good.
fn hold_the_entitlement(world: &World, customer: &str) {
    let (_, other) = world.message("somebody-else", 0xff);
    let now = world.clock.now();
    world.content.give(Entitlement {
        customer: CustomerId::new(customer).unwrap(),
        tier: Tier::Premium,
        intent_id: other,
        since: now,
        until: now.plus(10_000 * HOUR),
    });
}

/// The deadline passes and the sweep notices, whether an owner died or nobody owned the row.
fn outlive_the_deadline(world: &mut World) {
    world.clock.advance(73 * HOUR);
    assert!(world.sweep() > 0, "the sweep found nothing");
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
    hold_the_entitlement(&world, "ada");
    world.finish(&arn);
    assert_eq!(world.status(&id), Status::Refunded);
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
    hold_the_entitlement(&world, "ada");
    let arn = world.hand_over().unwrap();
    assert!(world.run_until_state(&arn, "SettleCharge"));
    world.provider.next(Mishap::Saved500);
    assert!(matches!(world.finish(&arn), Turn::Succeeded(_)));
    assert_eq!(world.status(&id), Status::Refunded);
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
    assert_eq!((row.attempt, row.faults), (2, 1));
    assert_eq!(world.queue.len(), 1);
    assert_eq!(world.row(&id).attempt, 1, "an execution that owned nothing burned an attempt");
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
    hold_the_entitlement(world, "ada");
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
    world.calm_down();
    assert_eq!(world.status(&id), Status::Refunded);
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
