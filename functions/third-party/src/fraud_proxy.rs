//! Fraud-proxy: one verdict a charge, asked once and stored for ever.

use crate::CONFLICTS;
use domain::charges::Rows;
use domain::choreography::fraud::{self, Verdict, VerdictRow};
use domain::events::{Event, Happened, Order};
use domain::fraud_provider::{FraudError, FraudProvider};
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;

/// The service behind the Lambda `fraud-proxy`.
pub struct FraudProxy<S, P, C> {
    /// The verdicts.
    pub verdicts: S,
    /// Who judges.
    pub provider: P,
    /// The time.
    pub clock: C,
}

impl<S: Rows<VerdictRow>, P: FraudProvider, C: Clock> FraudProxy<S, P, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        let Happened::CustomerPaymentRequested(order) = &event.happened else { return Ok(()) };
        for _ in 0..CONFLICTS {
            if let Some(row) = self.verdicts.row(&order.matter.charge).await? {
                let again = fraud::told(&row.value.verdict, order).at(self.clock.now());
                return Ok(self.verdicts.tell(&[again]).await?);
            }
            let verdict = self.ask(order).await?;
            let passed = verdict == Verdict::Passed;
            let told = fraud::told(&verdict, order).at(self.clock.now());
            let row = VerdictRow { charge: order.matter.charge.clone(), verdict };
            // A conflict is another call that asked about the same charge: its verdict stands.
            if self.verdicts.put(row, None, &[told]).await? == Commit::Done {
                tracing::info!(charge = %order.matter.charge, passed, "the fraud provider has judged");
                return Ok(());
            }
        }
        Err(HearError::Contended)
    }

    async fn ask(&self, order: &Order) -> Result<Verdict, HearError> {
        self.provider.check(order).await.map_err(|error| match error {
            FraudError::RateLimited { .. } | FraudError::NotPermitted { .. } => HearError::NotYet(error.to_string()),
            FraudError::Unknown { .. } | FraudError::Rejected { .. } => {
                tracing::warn!(charge = %order.matter.charge, error = %error, "no verdict");
                HearError::NotYet(error.to_string())
            }
        })
    }
}
