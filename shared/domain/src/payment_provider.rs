//! The port to whoever takes the money. Its object decides: every answer of a writing call is only a hint, and
//! [`PaymentProvider::get`] settles what happened.

use crate::money::Money;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

/// The provider's own id of a payment (`pi_…` at Stripe).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(pub String);

/// What a payment is created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// What the customer pays.
    pub money: Money,
    /// The token of the means of payment (`pm_…`), never a card number.
    pub payment_method: String,
    /// Our intent, for the provider's metadata, so that its records can be matched with ours.
    pub intent: String,
}

/// What the provider's object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Created, nobody has confirmed it: no money moves.
    Unconfirmed,
    /// The provider has not made up its mind. Ask again.
    Processing,
    /// The issuer said no.
    Declined,
    /// The issuer wants the customer to act, which a subscription in the background cannot ask for.
    ActionRequired,
    /// The money is ours.
    Captured,
    /// The money went back, all of it.
    Refunded,
    /// A refund of all of it is on its way at the provider and has not ended.
    RefundPending,
    /// Ended without money.
    Canceled,
}

/// Why a call to the provider gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Nobody knows whether it happened: time-out, broken connection, 5xx, an answer that cannot be read.
    #[error("the payment provider's answer is unknown: {reason}")]
    Unknown {
        /// For the log; never holds the body of an answer.
        reason: String,
    },
    /// Not now: certainly not done, and waiting is all that it takes. The provider pushed back (429), or our own limit of
    /// calls kept the request from being sent.
    #[error("the payment provider takes no more calls just now{}", seconds(*.retry_after))]
    RateLimited {
        /// When to ask again, if anybody said so.
        retry_after: Option<Duration>,
    },
    /// The provider is taken for broken, and nothing was sent: certainly not done, and nothing is decided.
    #[error("the payment provider was not called: {reason}")]
    NotPermitted {
        /// For the log.
        reason: String,
    },
    /// The issuer declined (Stripe: HTTP 402, `card_error`); the object says the same.
    #[error("declined: {code}")]
    Declined {
        /// The provider's code, such as `card_declined`.
        code: String,
    },
    /// The provider understood and will never do it (4xx of ours): repeating is useless.
    #[error("the payment provider refused the request: {code}")]
    Rejected {
        /// The provider's error code or type; never holds the body of an answer.
        code: String,
    },
}

fn seconds(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; ask again in {} s", wait.as_millis().div_ceil(1000)))
}

impl ProviderError {
    /// Whether the call certainly had no effect: the object is as it was, and the same key may be used again.
    pub fn nothing_happened(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::NotPermitted { .. })
    }
}

/// A payment provider with idempotency keys. A key may be forgotten after a day, and a saved error is replayed under
/// its key: a new attempt takes a new key.
pub trait PaymentProvider {
    /// Creates a payment that takes no money until it is confirmed.
    fn create(&self, key: &str, payment: &NewPayment) -> impl Future<Output = Result<PaymentId, ProviderError>> + Send;
    /// Tries to take the money.
    fn confirm(&self, key: &str, id: &PaymentId) -> impl Future<Output = Result<(), ProviderError>> + Send;
    /// Reads the object.
    fn get(&self, id: &PaymentId) -> impl Future<Output = Result<PaymentState, ProviderError>> + Send;
    /// Ends a payment that took no money.
    fn cancel(&self, key: &str, id: &PaymentId) -> impl Future<Output = Result<(), ProviderError>> + Send;
    /// Gives all the money back.
    fn refund(&self, key: &str, id: &PaymentId) -> impl Future<Output = Result<(), ProviderError>> + Send;
}
