//! What is recorded at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use domain::ledger::{Style, Terms};
use domain::money::{Currency, Money};
use std::time::Duration;
use subscriptions::register::Register;
use testing::clock::VirtualClock;
use testing::ledger::MemoryLedger;
use testing::queue::MemoryDeadLetters;
use testing::turn::{Turnstile, run};

type Service = Register<MemoryLedger, MemoryDeadLetters, VirtualClock>;

fn service() -> Service {
    let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
    Register {
        ledger: MemoryLedger::new(Turnstile::default()),
        dead_letters: MemoryDeadLetters::default(),
        clock: VirtualClock::default(),
        terms: Terms { price, max_intent_age: Duration::from_hours(72), style: Style::Hybrid },
    }
}

#[test]
fn a_poison_message_goes_to_the_dead_letters_with_its_reason_and_without_its_numbers() {
    let service = service();
    run(service.handle(r#"{"customer": "ada", "4242424242424242": 1}"#)).unwrap();
    let letters = service.dead_letters.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].1.contains("unknown") && !letters[0].1.contains("4242"), "{}", letters[0].1);
    assert!(service.ledger.rows().is_empty());
}

#[test]
fn a_message_that_comes_twice_is_recorded_once() {
    let service = service();
    let body = r#"{"tier": "premium", "paymentMethod": "pm_cardVisa4242"}"#;
    let key = "00000000-0000-4000-8000-000000000001";
    let message = format!(r#"{{"customer": "ada", "key": "{key}", "body": {body}, "acceptedAt": 1000}}"#);
    run(service.handle(&message)).unwrap();
    let first = service.ledger.rows();
    run(service.handle(&message.replace("pm_cardVisa4242", "pm_another99999"))).unwrap();
    assert_eq!(service.ledger.rows(), first);
}
