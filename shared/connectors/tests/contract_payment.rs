//! What the platform relies on at a payment provider that speaks Stripe's API, asked over HTTP through the connector.
//!
//! `PAYMENT_BASE_URL` says where the provider is, `PAYMENT_API_KEY` (default `sk_test_local`) opens it. The stand-in
//! behaves by the prefix of the payment method's token, so that every promise has a payment of its own. A server that
//! keeps nothing (it knows a payment that nobody made) can only be asked for shapes: then every request must be accepted
//! and every answer must be readable, and what the answers say is not compared.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use connectors::stripe::{API_VERSION, Stripe};
use connectors::{ApiKey, HttpConfig};
use domain::money::{Currency, Money};
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

/// An id that no provider has given out.
const NOBODYS: &str = "pi_nobodyMadeThisOne";

/// How a call must end at a provider that keeps what it did.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Well,
    Declined,
    WellOrDeclined,
    Rejected,
    Unknown,
}

/// The provider under test.
struct Provider {
    stripe: Stripe,
    keeps_state: bool,
}

impl Provider {
    async fn under_test() -> Self {
        let Ok(base_url) = std::env::var("PAYMENT_BASE_URL") else {
            panic!(
                "PAYMENT_BASE_URL must say where the provider is; `make contract-payment` starts the stand-in and sets it"
            );
        };
        let key = std::env::var("PAYMENT_API_KEY").unwrap_or_else(|_| "sk_test_local".to_owned());
        let config = HttpConfig::new(&base_url, Duration::from_secs(10)).expect("PAYMENT_BASE_URL");
        let stripe = Stripe::new(&config, ApiKey::new(&key).expect("PAYMENT_API_KEY")).expect("a connector");
        let keeps_state = knows_only_what_was_made(&base_url, &key).await;
        announce(&base_url, keeps_state);
        Self { stripe, keeps_state }
    }

    /// A payment by a means that behaves as `method` says, unconfirmed.
    async fn payment(&self, method: &str) -> PaymentId {
        self.stripe.create(&key("create"), &of(method, 900)).await.expect("create")
    }

    async fn confirm(&self, id: &PaymentId, ends: Ends) {
        self.check("confirm", &self.stripe.confirm(&key("confirm"), id).await, ends);
    }

    async fn cancel(&self, id: &PaymentId, ends: Ends) {
        self.check("cancel", &self.stripe.cancel(&key("cancel"), id).await, ends);
    }

    async fn refund(&self, id: &PaymentId, ends: Ends) {
        self.check("refund", &self.stripe.refund(&key("refund"), id).await, ends);
    }

    async fn is(&self, id: &PaymentId, expected: PaymentState) {
        let state = self.stripe.get(id).await.expect("get");
        assert!(!self.keeps_state || state == expected, "get says {state:?}, expected {expected:?}");
    }

    /// A server without state can only accept everything.
    fn check<T: std::fmt::Debug>(&self, call: &str, result: &Result<T, ProviderError>, ends: Ends) {
        let as_expected = match result {
            Ok(_) => matches!(ends, Ends::Well | Ends::WellOrDeclined) || !self.keeps_state,
            Err(_) if !self.keeps_state => false,
            Err(ProviderError::Declined { .. }) => matches!(ends, Ends::Declined | Ends::WellOrDeclined),
            Err(ProviderError::Rejected { .. }) => matches!(ends, Ends::Rejected),
            Err(ProviderError::Unknown { .. }) => matches!(ends, Ends::Unknown),
            Err(ProviderError::RateLimited { .. } | ProviderError::NotPermitted { .. }) => false,
        };
        assert!(as_expected, "{call} ended with {result:?}, expected {ends:?}");
    }
}

/// Past the connector, because only the bare status tells a server without state from one that refuses.
async fn knows_only_what_was_made(base_url: &str, key: &str) -> bool {
    let url = format!("{}/v1/payment_intents/{NOBODYS}", base_url.trim_end_matches('/'));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(url).bearer_auth(key).header("stripe-version", API_VERSION).send().await;
    match answer.expect("the payment provider at PAYMENT_BASE_URL must answer").status().as_u16() {
        200 => false,
        404 => true,
        status => panic!("GET of a payment that nobody made must be 404 (or 200 without state), got {status}"),
    }
}

/// Once, and past libtest, which would keep it to itself.
fn announce(base_url: &str, keeps_state: bool) {
    static ANNOUNCED: Once = Once::new();
    let mode = if keeps_state { "it keeps state, everything is checked" } else { "it keeps no state, shapes only" };
    ANNOUNCED.call_once(|| {
        writeln!(std::io::stderr(), "payment provider at {base_url}: {mode}").expect("standard error");
    });
}

fn of(method: &str, amount: u64) -> NewPayment {
    let money = Money { amount, currency: Currency::new("eur").unwrap() };
    NewPayment { money, payment_method: method.to_owned(), intent: key("intent") }
}

/// Never used before, at a provider that may have served other runs too.
fn key(what: &str) -> String {
    format!("contract:{what}:{}", letters())
}

/// A means of payment of this test's own: the stand-in remembers some by their whole token.
fn method(prefix: &str) -> String {
    format!("pm_{prefix}{}", letters())
}

fn letters() -> String {
    std::iter::repeat_with(fastrand::lowercase).take(16).collect()
}

#[tokio::test]
async fn a_payment_is_created_confirmed_and_refunded() {
    let provider = Provider::under_test().await;
    let id = provider.payment("pm_cardVisa4242").await;
    provider.is(&id, PaymentState::Unconfirmed).await;
    provider.confirm(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Captured).await;
    provider.refund(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Refunded).await;
}

#[tokio::test]
async fn an_unconfirmed_payment_can_be_canceled_and_then_never_captured() {
    let provider = Provider::under_test().await;
    let id = provider.payment("pm_cardVisa4242").await;
    provider.cancel(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Canceled).await;
    provider.confirm(&id, Ends::Rejected).await;
    provider.cancel(&id, Ends::Rejected).await;
    provider.is(&id, PaymentState::Canceled).await;
}

#[tokio::test]
async fn a_captured_payment_can_be_neither_captured_again_nor_canceled() {
    let provider = Provider::under_test().await;
    let id = provider.payment("pm_cardVisa4242").await;
    provider.confirm(&id, Ends::Well).await;
    provider.confirm(&id, Ends::Rejected).await;
    provider.cancel(&id, Ends::Rejected).await;
    provider.is(&id, PaymentState::Captured).await;
}

#[tokio::test]
async fn money_goes_back_once_and_only_after_it_came() {
    let provider = Provider::under_test().await;
    let id = provider.payment("pm_cardVisa4242").await;
    provider.refund(&id, Ends::Rejected).await;
    provider.confirm(&id, Ends::Well).await;
    provider.refund(&id, Ends::Well).await;
    provider.refund(&id, Ends::Rejected).await;
    provider.is(&id, PaymentState::Refunded).await;
}

#[tokio::test]
async fn a_declined_payment_says_so_and_can_be_canceled() {
    let provider = Provider::under_test().await;
    let id = provider.payment(&method("declined")).await;
    provider.confirm(&id, Ends::Declined).await;
    provider.is(&id, PaymentState::Declined).await;
    provider.cancel(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Canceled).await;
}

#[tokio::test]
async fn a_payment_that_wants_the_customer_says_so_and_can_be_canceled() {
    let provider = Provider::under_test().await;
    let id = provider.payment(&method("actionRequired")).await;
    // An answer may be either; the object decides.
    provider.confirm(&id, Ends::WellOrDeclined).await;
    provider.is(&id, PaymentState::ActionRequired).await;
    provider.cancel(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Canceled).await;
}

#[tokio::test]
async fn a_refund_that_is_refused_leaves_the_payment_captured() {
    let provider = Provider::under_test().await;
    let id = provider.payment(&method("refundFails")).await;
    provider.confirm(&id, Ends::Well).await;
    provider.refund(&id, Ends::Rejected).await;
    provider.is(&id, PaymentState::Captured).await;
}

#[tokio::test]
async fn a_repeated_call_under_its_key_is_replayed() {
    let provider = Provider::under_test().await;
    let payment = of("pm_cardVisa4242", 900);
    let create = key("create");
    let first = provider.stripe.create(&create, &payment).await.expect("create");
    let replayed = provider.stripe.create(&create, &payment).await.expect("create again");
    let another = provider.stripe.create(&key("create"), &payment).await.expect("create under another key");
    assert!(!provider.keeps_state || (first == replayed && first != another), "{first:?} {replayed:?} {another:?}");

    let confirm = key("confirm");
    let refund = key("refund");
    for _ in 0..2 {
        provider.check("confirm", &provider.stripe.confirm(&confirm, &first).await, Ends::Well);
    }
    for _ in 0..2 {
        provider.check("refund", &provider.stripe.refund(&refund, &first).await, Ends::Well);
    }
    provider.is(&first, PaymentState::Refunded).await;
    provider.is(&another, PaymentState::Unconfirmed).await;
}

#[tokio::test]
async fn a_key_does_not_serve_another_request() {
    let provider = Provider::under_test().await;
    let create = key("create");
    let payment = of("pm_cardVisa4242", 900);
    provider.stripe.create(&create, &payment).await.expect("create");
    let dearer = NewPayment { money: of("", 901).money, ..payment };
    provider.check("create", &provider.stripe.create(&create, &dearer).await, Ends::Rejected);
}

#[tokio::test]
async fn a_saved_error_is_replayed_and_a_new_key_gets_past_it() {
    let provider = Provider::under_test().await;
    let payment = of(&method("saved500"), 900);
    let create = key("create");
    for _ in 0..2 {
        provider.check("create", &provider.stripe.create(&create, &payment).await, Ends::Unknown);
    }
    let id = provider.stripe.create(&key("create"), &payment).await.expect("create under a new key");
    provider.confirm(&id, Ends::Well).await;
    provider.is(&id, PaymentState::Captured).await;
}

#[tokio::test]
async fn a_lost_reply_is_settled_by_reading_the_object() {
    let provider = Provider::under_test().await;
    let id = provider.payment(&method("lostReply")).await;
    provider.confirm(&id, Ends::Unknown).await;
    provider.is(&id, PaymentState::Captured).await;
}

#[tokio::test]
async fn a_payment_that_nobody_made_is_refused() {
    let provider = Provider::under_test().await;
    // A server without state may know one payment only, its own.
    let nobodys =
        if provider.keeps_state { PaymentId(NOBODYS.to_owned()) } else { provider.payment("pm_cardVisa4242").await };
    provider.check("get", &provider.stripe.get(&nobodys).await, Ends::Rejected);
    provider.confirm(&nobodys, Ends::Rejected).await;
    provider.cancel(&nobodys, Ends::Rejected).await;
    provider.refund(&nobodys, Ends::Rejected).await;
}
