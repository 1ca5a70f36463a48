//! Errors that earlier drafts of the choreography made. Each test is the schedule that found one.

use crate::world::{HOUR, Letter, World};
use domain::cases::Action;
use domain::charges::ChargeState;
use domain::choreography::payment_proxy::ProviderState;
use domain::events::{Happened, Service};
use domain::intent::IntentId;
use domain::ledger::{Out, Status};
use domain::payment_provider::PaymentState;
use testing::provider::Mishap;

/// Takes one intent up and delivers these letters, in this order.
fn begun(letters: &[&str]) -> (World, IntentId) {
    let mut world = World::new();
    let id = world.submit("ada", 1);
    world.hand_over();
    assert!(world.finish("intent"));
    for letter in letters {
        assert!(world.finish(letter), "{letter} is not on its way, but {:?}", world.names());
    }
    (world, id)
}

#[test]
fn all_goes_well_in_ten_events() {
    let (mut world, id) = begun(&[]);
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Active);
    let told: Vec<&str> = world.told.iter().map(|event| event.happened.name()).collect();
    let way = [
        "TierUpgradeRequested",
        "CustomerPaymentRequested",
        "FraudCheckPassed",
        "PaymentCollected",
        "PaymentCompleted",
        "ContentUnblocked",
        "SubscriptionActivated",
        "CustomerStatusUpdated",
        "LoyaltyEnrolled",
        "CustomerRelationsCompleted",
    ];
    assert_eq!(told, way);
    let intents: Vec<_> = world.told.iter().map(|event| event.happened.matter().intent()).collect();
    assert!(intents.iter().all(|intent| **intent == id), "one correlation id from the intent to the last event");
}

#[test]
fn c1_nobody_acts_for_an_intent_that_was_not_claimed_under_the_lock() {
    let (mut world, first) = begun(&[]);
    let second = world.submit("ada", 2);
    world.hand_over();
    assert!(world.finish("intent"));
    assert_eq!(world.times_told("TierUpgradeRequested"), 1, "the second one was never claimed");
    world.calm_down(true);
    assert_eq!((world.status(&first), world.status(&second)), (Status::Active, Status::Declined));
    assert!(world.provider.payments(second.as_str()).is_empty());
}

#[test]
fn c2_an_intent_that_is_given_up_after_the_grant_becomes_active_and_is_not_refunded() {
    let (mut world, id) =
        begun(&["TierUpgradeRequested", "CustomerPaymentRequested", "FraudCheckPassed", "PaymentCollected"]);
    assert!(world.finish("PaymentCompleted"));
    let unblocked = world.lose(0);
    assert_eq!(unblocked.name(), "ContentUnblocked");
    world.clock.advance(80 * HOUR);
    world.sweep();
    assert_eq!(world.row(&id).out, Some(Out::Parked), "given up, as it does not know of the grant");
    world.hand_over();
    assert!(world.finish("intent"));
    assert!(world.finish("TierUpgradeAbandoned"), "content access decides");
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Active);
    assert_eq!(world.times_told("PaymentRefundRequested"), 0);
}

#[test]
fn c3_a_verdict_is_asked_once_and_told_again() {
    let (mut world, id) = begun(&["TierUpgradeRequested"]);
    world.double(0);
    world.fraud.next(false);
    world.fraud.next(true);
    assert!(world.finish("CustomerPaymentRequested"));
    assert!(world.finish("CustomerPaymentRequested"));
    assert_eq!(world.verdicts.rows().len(), 1);
    assert_eq!((world.times_told("FraudCheckPassed"), world.times_told("FraudCheckFailed")), (2, 0));
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn c4_whatever_comes_after_an_abandoned_intent_was_settled_finds_its_place_taken() {
    let (mut world, id) = begun(&[]);
    let late = world.lose(0);
    world.clock.advance(80 * HOUR);
    world.sweep();
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Parked);
    assert!(!world.holds_lock(&id), "nothing was begun, so nothing is held");
    assert_eq!(world.charges.rows()[0].state, ChargeState::Canceled);
    assert_eq!(world.provider_charges.rows()[0].state, ProviderState::Canceled);
    let order = world.told[0].clone();
    world.deliver(late);
    world.calm_down(true);
    // Also where the request came as far as payment-proxy.
    let Happened::TierUpgradeRequested(order) = order.happened else { panic!("{order:?}") };
    let passed = Happened::FraudCheckPassed(order).at(domain::time::Timestamp(1));
    world.deliver(Letter::Event(Service::PaymentProxy, Box::new(passed)));
    world.calm_down(true);
    assert!(world.provider.payments(id.as_str()).is_empty(), "nobody charges without the lock");
}

#[test]
fn c5_a_payment_that_was_declined_cannot_be_confirmed_any_more() {
    let (mut world, id) = begun(&["TierUpgradeRequested", "CustomerPaymentRequested"]);
    world.provider.next(Mishap::LostReply);
    world.provider.next(Mishap::Decline);
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Declined);
    let states: Vec<PaymentState> = world.provider.payments(id.as_str()).into_iter().map(|(_, state)| state).collect();
    assert!(states.iter().all(|state| *state != PaymentState::Declined), "{states:?}");
}

#[test]
fn c5_cancelling_a_declined_payment_never_gives_back_what_another_attempt_has_captured() {
    let (mut world, id) = begun(&["TierUpgradeRequested", "CustomerPaymentRequested"]);
    let first = world.lose(0);
    let Letter::Event(service, event) = first.clone() else { panic!("{first:?}") };
    let Happened::FraudCheckPassed(order) = &event.happened else { panic!("{event:?}") };
    let mut again = order.clone();
    again.matter.attempt = 2;
    let second = Letter::Event(service, Box::new(Happened::FraudCheckPassed(again).at(event.occurred_at)));
    world.deliver(first.clone());
    world.deliver(second.clone());
    world.turn_until(&first, "charges.put");
    world.turn_until(&second, "provider.get");
    world.provider.next(Mishap::Decline);
    for effect in ["provider.get", "provider.confirm", "provider.get"] {
        world.turn_until(&first, effect);
    }
    // The first one is about to cancel what was declined; the second one's confirmation is captured.
    world.turn_until(&second, "provider.confirm");
    world.calm_down(true);
    assert_eq!((world.status(&id), world.count("provider.refund")), (Status::Active, 0));
}

#[test]
fn c6_an_old_rejection_does_not_end_an_operators_retry() {
    let (mut world, id) = begun(&["TierUpgradeRequested"]);
    world.clock.advance(80 * HOUR);
    world.sweep();
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Parked);
    let rejected = world.told.iter().find(|event| event.happened.name() == "PaymentRejected").unwrap().clone();
    world.decide(&id, Action::Retry).unwrap();
    world.hand_over();
    assert!(world.finish("intent"));
    assert_eq!(world.row(&id).n, 2, "a settled charge is never touched again");
    world.tell(&rejected);
    assert!(world.finish("PaymentRejected"));
    assert_eq!(world.status(&id), Status::Processing);
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Active);
}

#[test]
fn c7_one_event_that_is_told_again_drives_the_whole_chain() {
    let way = ["TierUpgradeRequested", "CustomerPaymentRequested", "FraudCheckPassed", "PaymentCollected"];
    for lost in 1..way.len() {
        let (mut world, id) = begun(&way[..lost]);
        let letter = world.lose(0);
        // Not the lost one, but the first of all comes again, as it would from the archive.
        let first = world.told[0].clone();
        world.tell(&first);
        world.run_dry();
        assert_eq!(world.status(&id), Status::Active, "{} was lost", letter.name());
    }
}

#[test]
fn c8_giving_up_keeps_the_lock_until_the_charge_is_settled() {
    let (mut world, id) = begun(&["TierUpgradeRequested", "CustomerPaymentRequested"]);
    world.clock.advance(80 * HOUR);
    world.sweep();
    assert_eq!((world.status(&id), world.row(&id).out), (Status::Retrying, Some(Out::Parked)));
    assert!(world.holds_lock(&id));
    // The charge that was under way is taken all the same.
    assert!(world.finish("FraudCheckPassed"));
    assert_eq!(world.provider.captures(id.as_str()), 1);
    world.calm_down(true);
    let captured = world.provider.payments(id.as_str()).iter().any(|(_, state)| *state == PaymentState::Captured);
    assert_eq!(world.status(&id) == Status::Active, captured, "premium, or the money is back");
}

#[test]
fn c9_content_that_cannot_be_delivered_gives_the_money_back_and_says_when_it_cannot() {
    let (mut world, id) =
        begun(&["TierUpgradeRequested", "CustomerPaymentRequested", "FraudCheckPassed", "PaymentCollected"]);
    world.hold_entitlement("ada");
    for letter in ["PaymentCompleted", "ContentUnblockFailed"] {
        assert!(world.finish(letter), "{letter}");
    }
    world.provider.next(Mishap::Refuse);
    assert!(world.finish("PaymentRefundRequested"));
    assert!(world.finish("PaymentRefundFailed"), "a refund that is refused for good is told");
    assert_eq!(world.status(&id), Status::Parked);
    assert!(world.holds_lock(&id), "money is held");
    world.decide(&id, Action::Refund).unwrap();
    world.clock.advance(HOUR);
    world.provider.forget_keys();
    world.calm_down(true);
    assert_eq!(world.status(&id), Status::Refunded);
    assert_eq!(world.times_told("SubscriptionRefunded"), 1);
}

#[test]
fn a_case_that_an_event_overtakes_is_resolved_by_the_saga_itself() {
    let way = ["TierUpgradeRequested", "CustomerPaymentRequested", "FraudCheckPassed", "PaymentCollected"];
    let (mut world, id) = begun(&way);
    assert!(world.finish("PaymentCompleted"));
    let unblocked = world.lose(0);
    world.clock.advance(100 * HOUR);
    world.sweep();
    world.hand_over();
    assert!(world.finish("intent"));
    assert_eq!(world.lose(0).name(), "TierUpgradeAbandoned");
    world.clock.advance(100 * HOUR);
    world.sweep();
    assert_eq!(world.status(&id), Status::Parked);
    assert!(world.holds_lock(&id));
    world.deliver(unblocked);
    assert!(world.finish("ContentUnblocked"));
    assert_eq!(world.status(&id), Status::Active);
    let case = &world.ledger.all_cases()[0];
    assert_eq!((case.resolution, case.audit[0].by.as_str()), (Some(Action::Overtaken), "saga"));
}

#[test]
fn an_intent_that_began_in_another_style_goes_to_its_state_machine() {
    let mut world = World::new();
    let id = world.submit_in(domain::ledger::Style::Hybrid, "ada", 1);
    world.hand_over();
    assert!(world.finish("intent"));
    assert_eq!(world.conductor.conducted().len(), 1);
    assert_eq!(world.status(&id), Status::Accepted, "the state machine claims it");
    assert!(world.told.is_empty());
}
