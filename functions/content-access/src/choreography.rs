//! Content access in a choreography: a charge that was completed unblocks the content, one that was abandoned refuses it,
//! whichever is first.

use crate::{CONFLICTS, ContentOrder, Decided, unblock};
use domain::choreography::content::told;
use domain::decisions::{Decision, Entitlements};
use domain::events::{Event, Happened, Matter};
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;
use std::time::Duration;

/// The reason of a refusal: the intent was given up before its charge was completed.
const ABANDONED: &str = "abandoned";

/// The service behind the Lambda `content-access-events`.
pub struct Choreography<E, C> {
    /// Decisions and entitlements.
    pub entitlements: E,
    /// The time.
    pub clock: C,
    /// How long premium lasts.
    pub term: Duration,
}

impl<E: Entitlements, C: Clock> Choreography<E, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        match &event.happened {
            Happened::PaymentCompleted(collected) => self.unblock(&collected.matter).await,
            Happened::TierUpgradeAbandoned(abandoned) => self.refuse(&abandoned.matter).await,
            _ => Ok(()),
        }
    }

    async fn unblock(&self, matter: &Matter) -> Result<(), HearError> {
        let order = ContentOrder {
            charge: matter.charge.clone(),
            customer: matter.customer.clone(),
            intent_id: matter.intent().clone(),
            tier: matter.tier,
        };
        let now = || self.clock.now();
        let events = |decision: &Decision| vec![told(decision, matter).at(now())];
        match unblock(&self.entitlements, &order, self.term, now, events).await? {
            Decided::Now(_) => Ok(()),
            Decided::Before(stored) => self.tell(&stored, matter).await,
            Decided::Contended => Err(HearError::Contended),
        }
    }

    async fn refuse(&self, matter: &Matter) -> Result<(), HearError> {
        for _ in 0..CONFLICTS {
            if let Some(stored) = self.entitlements.decision(&matter.charge).await? {
                return self.tell(&stored, matter).await;
            }
            let refused = Decision::Refused { reason: ABANDONED.to_owned() };
            let event = told(&refused, matter).at(self.clock.now());
            if self.entitlements.refuse(&matter.charge, ABANDONED, &[event]).await? == Commit::Done {
                tracing::info!(charge = %matter.charge, "abandoned: refused");
                return Ok(());
            }
        }
        Err(HearError::Contended)
    }

    async fn tell(&self, stored: &Decision, matter: &Matter) -> Result<(), HearError> {
        Ok(self.entitlements.tell(&[told(stored, matter).at(self.clock.now())]).await?)
    }
}
