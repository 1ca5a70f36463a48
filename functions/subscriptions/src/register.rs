//! `subscription-register`: the ledger says `accepted` at once, also while the circuit is open.

use domain::intent::IntentMessage;
use domain::ledger::Terms;
use domain::ledger::store::Ledger;
use domain::ledger::transitions;
use domain::services::{DeadLetters, ServiceError};
use domain::store::{Commit, StoreError};
use domain::time::Clock;

/// Why a message could not be handled; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The ledger gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The dead-letter queue gave no answer.
    #[error(transparent)]
    DeadLetters(#[from] ServiceError),
}

/// The service behind the Lambda `subscriptions-events`.
pub struct Register<L, Q, C> {
    /// The ledger.
    pub ledger: L,
    /// Where a message goes that can never be handled.
    pub dead_letters: Q,
    /// The time.
    pub clock: C,
    /// What a new intent is promised.
    pub terms: Terms,
}

impl<L: Ledger, Q: DeadLetters, C: Clock> Register<L, Q, C> {
    /// Records one message, or parks it with the reason.
    ///
    /// # Errors
    /// [`RegisterError`]: the message comes again.
    pub async fn handle(&self, text: &str) -> Result<(), RegisterError> {
        let message = match IntentMessage::parse(text) {
            Ok(message) => message,
            Err(poison) => {
                tracing::warn!(reason = poison.reason, "a message is no subscription intent and goes to the DLQ");
                return Ok(self.dead_letters.park(text, &poison.to_string()).await?);
            }
        };
        let id = message.intent_id();
        let row = self.ledger.intent(&message.customer, &id).await?;
        let Some(change) = transitions::register(row.as_ref(), &message, &self.terms, self.clock.now()) else {
            return Ok(());
        };
        // A conflict says that claim or another copy of this message was first: it is recorded either way.
        match self.ledger.commit(change).await? {
            Commit::Done => tracing::info!(intent.id = %id, "accepted"),
            Commit::Conflict => tracing::debug!(intent.id = %id, "recorded already"),
        }
        Ok(())
    }
}
