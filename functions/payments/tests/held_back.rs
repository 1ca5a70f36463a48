//! Calls that the provider's gate held back, or that the provider pushed back: nothing happened, nothing is decided, and
//! the next try goes on where this one stopped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::charges::ChargeState;
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use lambda::task::TaskError;
use payments::{Outcome, Payments, Request};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::payments::MemoryCharges;
use testing::provider::MemoryProvider;
use testing::turn::{Turnstile, run};

const INTENT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A provider behind something that lets some calls through and then holds one back.
#[derive(Clone, Default)]
struct Gated {
    provider: MemoryProvider,
    next: Arc<Mutex<Option<(u32, ProviderError)>>>,
    /// The keys of the calls that were let through.
    keys: Arc<Mutex<Vec<String>>>,
}

impl Gated {
    /// Lets `calls` through and answers the one after them with `error`.
    fn hold_back_after(&self, calls: u32, error: &ProviderError) {
        *self.next.lock().unwrap() = Some((calls, error.clone()));
    }

    fn held_back(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }

    fn pass(&self, key: &str) -> Result<(), ProviderError> {
        let mut next = self.next.lock().unwrap();
        match next.take() {
            Some((0, error)) => return Err(error),
            Some((calls, error)) => *next = Some((calls - 1, error)),
            None => {}
        }
        self.keys.lock().unwrap().push(key.to_owned());
        Ok(())
    }
}

impl PaymentProvider for Gated {
    async fn create(&self, key: &str, payment: &NewPayment) -> Result<PaymentId, ProviderError> {
        self.pass(key)?;
        self.provider.create(key, payment).await
    }

    async fn confirm(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        self.pass(key)?;
        self.provider.confirm(key, id).await
    }

    async fn get(&self, id: &PaymentId) -> Result<PaymentState, ProviderError> {
        self.pass("get")?;
        self.provider.get(id).await
    }

    async fn cancel(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        self.pass(key)?;
        self.provider.cancel(key, id).await
    }

    async fn refund(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        self.pass(key)?;
        self.provider.refund(key, id).await
    }
}

struct World {
    service: Payments<MemoryCharges, Gated>,
    gated: Gated,
}

impl World {
    fn new() -> Self {
        let gated = Gated::default();
        Self { service: Payments { charges: MemoryCharges::new(Turnstile::default()), provider: gated.clone() }, gated }
    }

    fn ask(&self, action: &str) -> Result<Outcome, TaskError> {
        let request: Request = serde_json::from_value(json!({
            "action": action,
            "intent": {
                "charge": format!("{INTENT}#1"), "attempt": 0, "amount": 900, "currency": "eur",
                "paymentMethod": "pm_cardVisa4242",
            },
        }))
        .unwrap();
        run(self.service.handle(request)).map(|answer| answer.outcome)
    }

    fn states(&self) -> Vec<ChargeState> {
        self.service.charges.rows().iter().map(|row| row.state).collect()
    }
}

fn not_now() -> ProviderError {
    ProviderError::RateLimited { retry_after: Some(Duration::from_millis(2500)) }
}

fn open() -> ProviderError {
    ProviderError::NotPermitted { reason: "the call is not permitted (open)".to_owned() }
}

#[test]
fn a_charge_is_captured_once_whichever_of_its_calls_is_held_back() {
    for error in [not_now(), open()] {
        for calls in 0..4 {
            let world = World::new();
            world.gated.hold_back_after(calls, &error);
            let failed = world.ask("charge").unwrap_err();
            let name = if error == open() { "CallNotPermitted" } else { "RateLimited" };
            assert_eq!((failed.name(), failed.to_string()), (name, error.to_string()), "after {calls} calls");
            assert_eq!(world.ask("charge"), Ok(Outcome::Captured), "after {calls} calls");
            assert_eq!(world.gated.provider.captures(INTENT), 1);
            assert_eq!(world.gated.provider.payments(INTENT).len(), 1, "no orphan was made");
        }
    }
}

#[test]
fn a_settlement_gives_the_money_back_whichever_of_its_calls_is_held_back() {
    for error in [not_now(), open()] {
        for calls in 0..3 {
            let world = World::new();
            assert_eq!(world.ask("charge"), Ok(Outcome::Captured));
            world.gated.hold_back_after(calls, &error);
            let failed = world.ask("settle").unwrap_err();
            assert!(matches!(failed, TaskError::RateLimited(_) | TaskError::CallNotPermitted(_)), "{failed:?}");
            assert_eq!(world.ask("settle"), Ok(Outcome::Refunded), "after {calls} calls");
            assert_eq!(world.states(), [ChargeState::Refunded]);
        }
    }
}

#[test]
fn an_unconfirmed_payment_is_canceled_whichever_of_its_calls_is_held_back() {
    for calls in 0..3 {
        let world = World::new();
        world.gated.hold_back_after(2, &open());
        assert!(world.ask("charge").is_err(), "created, and not confirmed");
        world.gated.hold_back_after(calls, &not_now());
        assert!(matches!(world.ask("settle"), Err(TaskError::RateLimited(_))), "after {calls} calls");
        assert_eq!(world.ask("settle"), Ok(Outcome::Canceled), "after {calls} calls");
        assert_eq!(world.gated.provider.captures(INTENT), 0);
    }
}

#[test]
fn a_confirmation_that_was_not_sent_asks_no_more_and_keeps_its_key() {
    let world = World::new();
    world.gated.hold_back_after(2, &not_now());
    assert!(matches!(world.ask("charge"), Err(TaskError::RateLimited(_))));
    assert!(world.gated.held_back());
    let create = format!("{INTENT}#1:create:0");
    assert_eq!(*world.gated.keys.lock().unwrap(), [create.as_str(), "get"], "nobody looks at what cannot have changed");
    assert_eq!(world.states(), [ChargeState::Created]);

    assert_eq!(world.ask("charge"), Ok(Outcome::Captured));
    let confirm = format!("{INTENT}#1:confirm:0");
    assert_eq!(*world.gated.keys.lock().unwrap(), [create.as_str(), "get", "get", &confirm, "get"]);
}

#[test]
fn a_create_that_was_not_sent_leaves_no_row() {
    let world = World::new();
    world.gated.hold_back_after(0, &open());
    assert!(matches!(world.ask("charge"), Err(TaskError::CallNotPermitted(_))));
    assert!(world.states().is_empty() && world.gated.provider.payments(INTENT).is_empty());
}
