//! What Stripe's JSON looks like, as far as we read it: unknown fields are ignored, those that decide must be there and
//! of their type.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt::{self, Formatter};
use std::marker::PhantomData;

/// A JSON object, and nothing else: on its own, serde would also take a struct's fields from an array, in their order.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyMaps(PhantomData))
    }
}

struct OnlyMaps<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
    type Value = Object<T>;

    fn expecting(&self, to: &mut Formatter) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// <https://docs.stripe.com/api/payment_intents/object>
#[derive(Deserialize)]
pub struct PaymentIntent {
    #[serde(rename = "object")]
    _object: PaymentIntentTag,
    pub id: String,
    pub status: PaymentIntentStatus,
    pub last_payment_error: Option<Object<PaymentError>>,
    pub latest_charge: Option<Expandable<Charge>>,
}

/// So that another object with an id and a status is not taken for a payment.
#[derive(Deserialize)]
enum PaymentIntentTag {
    #[serde(rename = "payment_intent")]
    PaymentIntent,
}

/// A status that this list does not have makes the answer unreadable: better unknown than wrong.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum PaymentIntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
}

/// Why the last attempt to take the money failed.
#[derive(Deserialize)]
pub struct PaymentError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

/// An object where we asked for it, else its id.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    Object(Object<T>),
    Id(#[expect(dead_code, reason = "only its presence is read")] String),
}

/// <https://docs.stripe.com/api/charges/object>
#[derive(Deserialize)]
pub struct Charge {
    pub amount: u64,
    /// All of it went back, or is on its way.
    pub refunded: bool,
    pub refunds: Option<Object<List<Refund>>>,
}

#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<Object<T>>,
}

/// <https://docs.stripe.com/api/refunds/object>
#[derive(Deserialize)]
pub struct Refund {
    #[serde(rename = "object")]
    _object: RefundTag,
    pub amount: u64,
    pub status: Option<RefundStatus>,
    pub failure_reason: Option<String>,
}

#[derive(Deserialize)]
enum RefundTag {
    #[serde(rename = "refund")]
    Refund,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
}

/// The body of every answer that is not a success: <https://docs.stripe.com/api/errors>
#[derive(Deserialize)]
pub struct ErrorBody {
    pub error: Object<ApiError>,
}

#[derive(Deserialize)]
pub struct ApiError {
    #[serde(rename = "type")]
    pub kind: String,
    pub code: Option<String>,
    pub param: Option<String>,
}

/// Stripe's ids: letters, digits, `_`. What else there may be does not get into a path or a log.
pub fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Stripe's codes: lower-case words. Anything else could be content, and codes are logged and stored.
pub fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
