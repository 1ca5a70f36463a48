//! How to speak to a payment provider: every answer of a writing call is a hint, and the object decides.

use crate::charges::Settled;
use crate::intent::Charge;
use crate::payment_provider::{PaymentId, PaymentProvider, PaymentState, ProviderError};

/// What a provider's idempotency keys are made of: `charge:action:attempt`, so that a saved error is never replayed into
/// the next attempt.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// For what.
    pub charge: &'a Charge,
    /// Which attempt of the intent.
    pub attempt: u32,
    /// Which repetition of giving money back within the attempt, where that is repeated for hours.
    pub retry: u32,
}

impl Keys<'_> {
    /// The key of creating.
    pub fn create(&self) -> String {
        self.of("create")
    }

    fn of(&self, action: &str) -> String {
        format!("{}:{action}:{}", self.charge, self.attempt)
    }
}

/// Confirms a payment if nobody did, then lets the object speak.
///
/// # Errors
/// [`ProviderError`]; also where the provider refuses a payment for good and leaves it untouched.
pub async fn confirm(
    provider: &impl PaymentProvider,
    keys: Keys<'_>,
    id: &PaymentId,
) -> Result<PaymentState, ProviderError> {
    let before = provider.get(id).await?;
    if before != PaymentState::Unconfirmed {
        return Ok(before);
    }
    let answer = happened(provider.confirm(&keys.of("confirm"), id).await)?;
    match (provider.get(id).await?, answer) {
        // The provider refuses a payment that it left untouched: repeating is useless.
        (PaymentState::Unconfirmed, Err(error @ ProviderError::Rejected { .. })) => Err(error),
        (PaymentState::Unconfirmed, Err(ProviderError::Declined { .. })) => Ok(PaymentState::Declined),
        (after, _) => Ok(after),
    }
}

/// Cancels a payment that was declined, so that nobody confirms it any more, and says what the object says then. It never
/// gives money back: somebody else may have confirmed the payment in between, and then the money is ours.
///
/// # Errors
/// [`ProviderError`], after which nothing is known, or nothing happened.
pub async fn cancel(
    provider: &impl PaymentProvider,
    keys: Keys<'_>,
    id: &PaymentId,
) -> Result<PaymentState, ProviderError> {
    // A refusal says only that the object is not what it was: it is read in any case.
    drop(happened(provider.cancel(&keys.of("cancel"), id).await)?);
    provider.get(id).await
}

/// How giving back ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenBack {
    /// The object says that no money is held.
    Settled(Settled),
    /// Not yet: look again later.
    Pending,
    /// Refused for good, and the object did not move in between: money may be held, a person must decide.
    Refused {
        /// The provider's code.
        code: String,
    },
}

/// Cancels or refunds a payment once, and says what the object says then.
///
/// # Errors
/// [`ProviderError`], after which nothing is known, or nothing happened.
pub async fn give_back(
    provider: &impl PaymentProvider,
    keys: Keys<'_>,
    id: &PaymentId,
) -> Result<GivenBack, ProviderError> {
    let before = provider.get(id).await?;
    let key = |action| format!("{}.{}", keys.of(action), keys.retry);
    let answer = match before {
        PaymentState::Refunded => return Ok(GivenBack::Settled(Settled::Refunded)),
        PaymentState::Canceled => return Ok(GivenBack::Settled(Settled::Canceled)),
        PaymentState::RefundPending | PaymentState::Processing => Ok(()),
        PaymentState::Captured => provider.refund(&key("refund"), id).await,
        PaymentState::Unconfirmed | PaymentState::Declined | PaymentState::ActionRequired => {
            provider.cancel(&key("cancel"), id).await
        }
    };
    let answer = happened(answer)?;
    Ok(match (provider.get(id).await?, answer) {
        (PaymentState::Refunded, _) => GivenBack::Settled(Settled::Refunded),
        (PaymentState::Canceled, _) => GivenBack::Settled(Settled::Canceled),
        (after, Err(ProviderError::Rejected { code } | ProviderError::Declined { code })) if after == before => {
            GivenBack::Refused { code }
        }
        _ => GivenBack::Pending,
    })
}

/// The answer, unless it is that nothing happened: then there is no use in looking at the object.
fn happened<T>(answer: Result<T, ProviderError>) -> Result<Result<T, ProviderError>, ProviderError> {
    match answer {
        Err(error) if error.nothing_happened() => Err(error),
        answer => Ok(answer),
    }
}
