//! Promises about events: they read back, poison is refused without its words, a repeat is the same event.

use super::*;
use crate::charges::Settled;
use crate::intent::{Charge, CustomerId, IntentId, IntentKey, PaymentMethod, Tier};
use crate::loyalty::MemberId;
use crate::money::{Currency, Money};
use crate::relations::Missing;
use crate::time::Timestamp;
use serde_json::{Value, json};

const KEY: &str = "0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10";

fn matter() -> Matter {
    let (customer, key) = (CustomerId::new("ada").unwrap(), IntentKey::new(KEY).unwrap());
    Matter {
        charge: Charge { intent: IntentId::of(&customer, &key), n: 2 },
        attempt: 3,
        customer,
        tier: Tier::Premium,
        price: Money { amount: 4900, currency: Currency::new("eur").unwrap() },
    }
}

/// One of each.
fn all() -> Vec<Happened> {
    let (matter, key, reason) = (matter(), IntentKey::new(KEY).unwrap(), "card_declined".to_owned());
    let order = Order { matter: matter.clone(), payment_method: PaymentMethod::new("pm_cardVisa4242").unwrap() };
    let failed = Failed { matter: matter.clone(), reason: reason.clone() };
    let refused = Refused { matter: matter.clone(), reason: reason.clone() };
    let collected = Collected { matter: matter.clone() };
    let settlement = Settlement { matter: matter.clone(), kind: Settled::Refunded, reason: None };
    let ended = Ended { matter: matter.clone(), key: key.clone(), reason: Some(reason) };
    let until = Timestamp(9);
    let missing = vec![Missing { what: "loyalty".to_owned(), reason: "not-eligible".to_owned() }];
    vec![
        Happened::TierUpgradeRequested(order.clone()),
        Happened::TierUpgradeAbandoned(Abandoned { matter: matter.clone() }),
        Happened::CustomerPaymentRequested(order.clone()),
        Happened::FraudCheckPassed(order),
        Happened::FraudCheckFailed(failed.clone()),
        Happened::PaymentCollected(collected.clone()),
        Happened::PaymentFailed(failed.clone()),
        Happened::PaymentRefunded(settlement.clone()),
        Happened::PaymentRefundFailed(failed.clone()),
        Happened::PaymentCompleted(collected),
        Happened::PaymentRejected(settlement),
        Happened::PaymentRefundRequested(refused.clone()),
        Happened::ContentUnblocked(Unblocked { matter: matter.clone(), until }),
        Happened::ContentUnblockFailed(refused),
        Happened::SubscriptionActivated(Activated {
            matter: matter.clone(),
            key: key.clone(),
            until,
            newsletter: true,
        }),
        Happened::SubscriptionRejected(ended.clone()),
        Happened::SubscriptionRefunded(ended),
        Happened::SubscriptionParked(Parked { matter: matter.clone(), key, case_id: "case".to_owned() }),
        Happened::CustomerStatusUpdated(StatusUpdated { matter: matter.clone() }),
        Happened::LoyaltyEnrolled(Enrolled { matter: matter.clone(), member: MemberId("m_1".to_owned()) }),
        Happened::LoyaltyEnrolmentFailed(failed.clone()),
        Happened::NewsletterFailed(failed),
        Happened::CustomerRelationsCompleted(RelationsCompleted { matter: matter.clone() }),
        Happened::CustomerRelationsPartial(Partial { matter, missing }),
    ]
}

fn on_the_bus(event: &Event) -> Value {
    let name = event.happened.name();
    json!({"version": "0", "id": "1", "detail-type": name, "source": event.happened.by().source(), "detail": event.detail()})
}

#[test]
fn every_event_reads_back_as_it_was_told() {
    let told: Vec<&str> = all().iter().map(Happened::name).collect();
    let defined: Vec<&str> = definitions().iter().map(|definition| definition.name).collect();
    assert_eq!(told, defined);
    for happened in all() {
        let event = happened.at(Timestamp(7));
        assert_eq!(Event::from_bus(&on_the_bus(&event).to_string()), Ok(event));
    }
}

#[test]
fn the_detail_is_flat_and_has_the_envelope() {
    let detail = all()[5].clone().at(Timestamp(7)).detail();
    let intent = matter().charge.intent;
    assert_eq!(detail["correlationId"], json!(intent));
    assert_eq!((&detail["occurredAt"], &detail["version"]), (&json!(7), &json!(1)));
    assert_eq!(detail["eventId"].as_str().unwrap().len(), 43);
    let data = json!({
        "charge": format!("{intent}#2"), "attempt": 3, "customer": "ada", "tier": "premium", "amount": 4900,
        "currency": "eur",
    });
    assert_eq!(detail["data"], data);
}

#[test]
fn a_repeat_is_the_same_event_and_another_attempt_is_another_one() {
    let happened = all()[5].clone();
    assert_eq!(happened.clone().at(Timestamp(1)).id(), happened.at(Timestamp(2)).id());
    let ids: std::collections::BTreeSet<EventId> = all().into_iter().map(|h| h.at(Timestamp(1)).id()).collect();
    assert_eq!(ids.len(), all().len());
    let again = Collected { matter: Matter { attempt: 4, ..matter() } };
    assert!(!ids.contains(&Happened::PaymentCollected(again).at(Timestamp(1)).id()));
}

#[test]
fn a_reader_passes_over_what_it_does_not_know() {
    let event = all()[0].clone().at(Timestamp(7));
    let mut told = on_the_bus(&event);
    told["detail"]["data"]["mood"] = json!("good");
    told["detail"]["trace"] = json!({"id": 1});
    assert_eq!(Event::from_bus(&told.to_string()), Ok(event));
}

#[test]
fn another_version_is_refused_with_a_reason() {
    let told = json!({"detail-type": "PaymentCollected", "detail": {"version": 2, "all": "new"}});
    let reason = Event::from_bus(&told.to_string()).unwrap_err().to_string();
    assert_eq!(reason, "not an event of the saga: its version is 2, and only 1 is known here");
}

#[test]
fn an_event_under_anothers_id_is_refused() {
    let mut told = on_the_bus(&all()[5].clone().at(Timestamp(7)));
    told["detail"]["data"]["attempt"] = json!(4);
    let reason = Event::from_bus(&told.to_string()).unwrap_err().to_string();
    assert!(reason.contains("eventId"), "{reason}");
}

#[test]
fn poison_is_refused_without_its_words() {
    let mut unknown = on_the_bus(&all()[5].clone().at(Timestamp(7)));
    unknown["detail-type"] = json!("secret");
    let mut wrong = on_the_bus(&all()[0].clone().at(Timestamp(7)));
    wrong["detail"]["data"]["paymentMethod"] = json!("secret");
    for text in ["", "secret", "{}", r#"{"detail": "secret"}"#, &unknown.to_string(), &wrong.to_string()] {
        let reason = Event::from_bus(text).unwrap_err().to_string();
        assert!(!reason.contains("secret"), "{reason}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        proptest::prop_assert!(Event::from_bus(&text).is_err());
    }
}
