//! Webhooks (<https://docs.stripe.com/webhooks/signature>): `Stripe-Signature: t=<seconds>,v1=<hex>,…`, where `v1` is the
//! HMAC-SHA256 of `{t}.{raw body}` under the endpoint's secret.
//!
//! Any `v1` may match, as Stripe signs with the old and the new secret while one is rolled; and any of our two secrets,
//! as we may be the later ones to roll. Other schemes (`v0`) are for test events and prove nothing.

use crate::stripe::wire;
use domain::intent::{Charge, what_is_wrong};
use domain::payment_news::{News, PaymentNews, Subject};
use domain::payment_provider::PaymentId;
use domain::time::Timestamp;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt;
use std::time::Duration;

/// How old, or how far ahead, a signature may be.
pub const TOLERANCE: Duration = Duration::from_mins(5);
/// Stripe's events are some kilobytes.
const LONGEST_BODY: usize = 256 * 1024;
/// A header has one or two signatures; who sends hundreds wants us to compute.
const MOST_SIGNATURES: usize = 8;
const LONGEST_HEADER: usize = 4096;

/// The secrets of a webhook endpoint: one, or two while it is rolled. It has no `Debug` of its content, `Display` or
/// `Serialize` on purpose.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Written")]
pub struct WebhookSecrets(Vec<String>);

/// As a secret of Secrets Manager has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    current: String,
    #[serde(default)]
    previous: Option<String>,
}

impl TryFrom<Written> for WebhookSecrets {
    type Error = &'static str;
    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let secrets: Vec<String> = std::iter::once(written.current).chain(written.previous).collect();
        if secrets.iter().any(|secret| secret.len() < 8) {
            return Err("a secret has eight characters or more");
        }
        Ok(Self(secrets))
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecrets({})", self.0.len())
    }
}

impl WebhookSecrets {
    /// Reads `{"current": "whsec_…", "previous": "whsec_…"}`; `previous` only while the secret is rolled. A text that is no
    /// JSON object is one secret alone.
    ///
    /// # Errors
    /// A sentence that does not quote the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('{') {
            return serde_json::from_str(text).map_err(|error| {
                format!("must be a secret, or {{\"current\": …, \"previous\": …}}: {}", what_is_wrong(&error))
            });
        }
        Self::try_from(Written { current: text.to_owned(), previous: None }).map_err(str::to_owned)
    }
}

/// Why a webhook is refused. Nothing of it is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No header, or more than one.
    #[error("the header Stripe-Signature is missing")]
    NoSignature,
    /// It is not a header of this form.
    #[error("the header Stripe-Signature cannot be read")]
    MalformedSignature,
    /// No signature matches: not from the provider, or changed on its way.
    #[error("no signature of the header matches")]
    Forged,
    /// Sent long ago, or in the future: perhaps by somebody who has kept it.
    #[error("the signature is too old, or from the future")]
    Stale,
    /// Longer than any event of the provider.
    #[error("the body is longer than {LONGEST_BODY} bytes")]
    TooLong,
    /// Signed, and not in the form of this API's version.
    #[error("the body is not an event of the payment provider: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
}

/// Verifies a webhook and reads what it says. `body`: the bytes as they came, before anybody has parsed them.
///
/// # Errors
/// [`WebhookError`]; after any of them nothing may be done about the body.
pub fn verify(
    secrets: &WebhookSecrets,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<PaymentNews, WebhookError> {
    if body.len() > LONGEST_BODY {
        return Err(WebhookError::TooLong);
    }
    let signed = Signed::parse(header.ok_or(WebhookError::NoSignature)?).ok_or(WebhookError::MalformedSignature)?;
    // The signature first: what a forger writes as its time is nobody's business.
    if !secrets.0.iter().any(|secret| signed.matches(secret.as_bytes(), body)) {
        return Err(WebhookError::Forged);
    }
    let at = Timestamp(signed.seconds.saturating_mul(1000));
    if at.until(now) > TOLERANCE || now.until(at) > TOLERANCE {
        return Err(WebhookError::Stale);
    }
    read(body)
}

struct Signed<'a> {
    /// `t` as it was written, which is what was signed.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > LONGEST_HEADER {
            return None;
        }
        let mut time = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            match name {
                "t" if time.is_none() => time = Some(value),
                "t" => return None,
                "v1" if signatures.len() == MOST_SIGNATURES => return None,
                "v1" => signatures.push(digest(value)?),
                _ => {}
            }
        }
        let time = time?;
        let seconds = time.bytes().all(|b| b.is_ascii_digit()).then(|| time.parse().ok())??;
        (!signatures.is_empty()).then_some(Self { time, seconds, signatures })
    }

    /// In constant time for each signature.
    fn matches(&self, secret: &[u8], body: &[u8]) -> bool {
        self.signatures.iter().any(|signature| {
            // HMAC takes a key of any length.
            Hmac::<Sha256>::new_from_slice(secret).is_ok_and(|mac| {
                mac.chain_update(self.time).chain_update(".").chain_update(body).verify_slice(signature).is_ok()
            })
        })
    }
}

/// 64 hexadecimal digits.
fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(digits[0])? * 16 + digit(digits[1])?;
    }
    Some(bytes)
}

/// An event. Only what is needed to know where to look.
#[derive(Deserialize)]
struct Event {
    id: String,
    created: i64,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "object")]
    kind: Option<String>,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    charge: Option<String>,
}

fn read(body: &[u8]) -> Result<PaymentNews, WebhookError> {
    let unreadable = |reason: &str| WebhookError::Unreadable { reason: reason.to_owned() };
    let event: Event = serde_json::from_slice(body).map_err(|error| unreadable(&what_is_wrong(&error)))?;
    if !wire::is_id(&event.id) {
        return Err(unreadable("its id is none"));
    }
    let failed = event.data.object.status.as_deref() == Some("failed");
    let won = matches!(event.data.object.status.as_deref(), Some("won" | "warning_closed"));
    let about = match event.kind.as_str() {
        kind if kind.starts_with("payment_intent.") => News::Payment(subject(event.data.object)?),
        "charge.captured" => News::Payment(subject(event.data.object)?),
        "charge.refunded" => News::Refund { of: subject(event.data.object)?, failed: false },
        "refund.failed" => News::Refund { of: subject(event.data.object)?, failed: true },
        "refund.created" | "refund.updated" | "charge.refund.updated" => {
            News::Refund { of: subject(event.data.object)?, failed }
        }
        "charge.dispute.created" => News::DisputeOpened(subject(event.data.object)?),
        "charge.dispute.closed" => News::DisputeClosed { of: subject(event.data.object)?, won },
        _ => News::Other { kind: event.kind },
    };
    Ok(PaymentNews { id: event.id, created: Timestamp(event.created.saturating_mul(1000)), about })
}

/// The payment that an object is, or belongs to.
fn subject(object: Object) -> Result<Subject, WebhookError> {
    let unreadable = || WebhookError::Unreadable { reason: "it names no payment".to_owned() };
    let is_payment = object.kind.as_deref() == Some("payment_intent");
    let id = if is_payment { object.id } else { object.payment_intent };
    let id = id.filter(|id| wire::is_id(id)).ok_or_else(unreadable)?;
    // What is not in our form was not written by us: the payment's id alone must do.
    let charge = object.metadata.and_then(|metadata| metadata.charge).and_then(|charge| Charge::try_from(charge).ok());
    Ok(Subject { payment: PaymentId(id), charge })
}

#[cfg(test)]
mod tests;
