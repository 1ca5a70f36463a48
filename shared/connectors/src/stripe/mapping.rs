//! From Stripe's answers to the port's words. Pure: the tests below are the list of what each answer means.

use super::wire::{
    self, Charge, ErrorBody, Expandable, Object, PaymentError, PaymentIntent, PaymentIntentStatus, Refund, RefundStatus,
};
use crate::http::{Answer, SendError};
use admission::classify::http_status;
use domain::gate::report::Outcome;
use domain::payment_provider::{PaymentId, PaymentState, ProviderError};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::time::Duration;

/// Another request holds the key or the object just now. It is not this request's fault, and it passes.
const BUSY: [&str; 2] = ["idempotency_key_in_use", "lock_timeout"];

/// The answer to a create: the new PaymentIntent's id.
pub fn created(body: &[u8]) -> Result<PaymentId, ProviderError> {
    let payment: PaymentIntent = parse(body, "the answer is not a PaymentIntent")?;
    if wire::is_id(&payment.id) {
        Ok(PaymentId(payment.id))
    } else {
        Err(unreadable("the PaymentIntent's id is malformed"))
    }
}

/// The answer to a confirm or a cancel. What it says beyond "done" is a hint that nobody needs: the caller reads the
/// object next.
pub fn acknowledged(body: &[u8]) -> Result<(), ProviderError> {
    parse(body, "the answer is not a PaymentIntent").map(|PaymentIntent { .. }| ())
}

/// The answer to a refund. A refund can be made and fail in the same breath; then a repeat would make another one that
/// fails, so that this is a refusal.
pub fn refund_begun(body: &[u8]) -> Result<(), ProviderError> {
    let refund: Refund = parse(body, "the answer is not a Refund")?;
    match refund.status {
        Some(RefundStatus::Failed | RefundStatus::Canceled) => {
            let reason = refund.failure_reason.filter(|reason| wire::is_code(reason));
            Err(ProviderError::Rejected { code: reason.unwrap_or_else(|| "refund_failed".to_owned()) })
        }
        _ => Ok(()),
    }
}

/// The answer to a get: the state of the PaymentIntent `id`, whose latest charge and its refunds were asked for.
pub fn state(id: &str, body: &[u8]) -> Result<PaymentState, ProviderError> {
    let payment: PaymentIntent = parse(body, "the answer is not a PaymentIntent")?;
    if payment.id != id {
        return Err(unreadable("the answer is about another PaymentIntent"));
    }
    match payment.status {
        PaymentIntentStatus::RequiresConfirmation => Ok(PaymentState::Unconfirmed),
        PaymentIntentStatus::RequiresPaymentMethod => Ok(match payment.last_payment_error {
            None => PaymentState::Unconfirmed,
            Some(Object(error)) if wants_the_customer(&error) => PaymentState::ActionRequired,
            Some(_) => PaymentState::Declined,
        }),
        PaymentIntentStatus::RequiresAction => Ok(PaymentState::ActionRequired),
        PaymentIntentStatus::Processing => Ok(PaymentState::Processing),
        PaymentIntentStatus::Canceled => Ok(PaymentState::Canceled),
        PaymentIntentStatus::Succeeded => match payment.latest_charge {
            Some(Expandable::Object(Object(charge))) => Ok(charge_state(&charge)),
            // Without the charge, nobody can tell whether the money is still here.
            _ => Err(unreadable("the PaymentIntent succeeded, but its charge is not there")),
        },
        // Only after capture_method=manual, which we never ask for.
        PaymentIntentStatus::RequiresCapture => Err(unreadable("the PaymentIntent waits for a capture")),
    }
}

/// How an off-session attempt ends where the issuer insists on authentication.
fn wants_the_customer(error: &PaymentError) -> bool {
    let codes = [&error.code, &error.decline_code];
    codes.into_iter().flatten().any(|code| code == "authentication_required")
}

/// Part of the money gone back is `Captured` still: a refund then takes the rest.
fn charge_state(charge: &Charge) -> PaymentState {
    let sum = |statuses: &[RefundStatus]| {
        let refunds = charge.refunds.iter().flat_map(|Object(list)| &list.data).map(|Object(refund)| refund);
        let counted = refunds.filter(|refund| refund.status.is_some_and(|status| statuses.contains(&status)));
        counted.fold(0, |sum: u64, refund| sum.saturating_add(refund.amount))
    };
    let on_its_way = sum(&[RefundStatus::Pending, RefundStatus::RequiresAction]);
    let back = sum(&[RefundStatus::Succeeded]);
    if on_its_way > 0 && (charge.refunded || on_its_way.saturating_add(back) >= charge.amount) {
        PaymentState::RefundPending
    } else if charge.refunded {
        PaymentState::Refunded
    } else {
        PaymentState::Captured
    }
}

/// An answer whose status is not a success.
pub fn error(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ProviderError {
    let unknown = |reason: String| ProviderError::Unknown { reason };
    match status {
        429 => return ProviderError::RateLimited { retry_after },
        // Our credentials are refused: a person must mend that, and until then nothing is known about the payment.
        401 | 403 => return unknown(format!("HTTP {status}: the provider refuses our credentials")),
        // 409: another request holds the key or the object. 424: somebody behind Stripe failed.
        400..=499 if !matches!(status, 408 | 409 | 424) => {}
        _ => return unknown(format!("HTTP {status}")),
    }
    // A refusal that is not in Stripe's form is not Stripe's: something between answered.
    let Ok(Object(ErrorBody { error: Object(error) })) = serde_json::from_slice(body) else {
        return unknown(format!("HTTP {status} without an error of the API"));
    };
    let code = [error.code, Some(error.kind.clone())].into_iter().flatten().find(|code| wire::is_code(code));
    let code = code.unwrap_or_else(|| "unnamed".to_owned());
    match (status, error.kind.as_str()) {
        (402, "card_error") => ProviderError::Declined { code },
        (_, "api_error") => unknown(format!("HTTP {status} {code}")),
        _ if BUSY.contains(&code.as_str()) => unknown(format!("HTTP {status} {code}")),
        // The customer's means of payment does not exist, was used up, or is no card: their "no", not our mistake.
        (400, "invalid_request_error") if error.param.as_deref() == Some("payment_method") => {
            ProviderError::Declined { code }
        }
        _ => ProviderError::Rejected { code },
    }
}

/// A request that has no answer.
pub fn no_answer(error: SendError) -> ProviderError {
    match error {
        SendError::NoAnswer(no_answer) => ProviderError::Unknown { reason: no_answer.to_string() },
        SendError::NotPermitted(refusal) if refusal.reason.passes_by_itself() => {
            ProviderError::RateLimited { retry_after: Some(refusal.retry_after) }
        }
        SendError::NotPermitted(_) | SendError::Misconfigured(_) => {
            ProviderError::NotPermitted { reason: error.to_string() }
        }
    }
}

/// What an answer says about the provider's health.
pub fn outcome(answer: &Answer) -> Outcome {
    let error = serde_json::from_slice::<Object<ErrorBody>>(&answer.body).ok().map(|Object(body)| body.error.0);
    match answer.status {
        402 => Outcome::Success,
        300..=399 | 424 => Outcome::Failure,
        200..=299 if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() => Outcome::Failure,
        // One object is locked by another request of ours: that is no reason for everybody to wait.
        429 if error.as_ref().is_some_and(|error| error.code.as_deref() == Some("lock_timeout")) => Outcome::Ignored,
        // Not in the API's form, so something between us and the provider answered.
        400..=499 if error.is_none() && !matches!(answer.status, 401 | 403 | 408 | 429) => Outcome::Failure,
        status => http_status(status, answer.retry_after),
    }
}

/// The reason is fixed text, because serde's own would quote the body.
fn parse<T: DeserializeOwned>(body: &[u8], otherwise: &'static str) -> Result<T, ProviderError> {
    serde_json::from_slice(body).map(|Object(answer)| answer).map_err(|_| unreadable(otherwise))
}

/// A success by its status that does not say what it must. Names what is missing, never what was there.
fn unreadable(what: &'static str) -> ProviderError {
    ProviderError::Unknown { reason: what.to_owned() }
}

#[cfg(test)]
mod tests;
