//! Content access: it owns the saga's pivot. Per charge it decides once, `granted` or `refused`, and everybody who asks
//! again gets the stored answer.

pub mod choreography;
pub mod config;

use domain::decisions::{Decision, Entitlement, Entitlements, refuse_or_read};
use domain::events::Event;
use domain::intent::{Charge, CustomerId, IntentId, Tier};
use domain::store::{Commit, StoreError};
use domain::time::{Clock, Timestamp};
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 10;

const CONTENDED: &str = "the entitlement is contended: somebody wrote between each read and write";

/// The reason of a refusal: another intent's entitlement lasts.
const HELD_BY_ANOTHER: &str = "entitlement-held";

/// The part of an intent that content access reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentOrder {
    /// Which charge paid for it.
    pub charge: Charge,
    /// Whose.
    pub customer: CustomerId,
    /// Which intent.
    pub intent_id: IntentId,
    /// To what.
    pub tier: Tier,
}

/// What the state machine asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Request {
    /// Unblock the content.
    Unblock {
        /// For what.
        intent: ContentOrder,
        /// What payments said of the charge. No other word can be read, so that nothing else unblocks.
        charged: Charged,
    },
    /// Refuse it, so that the charge may be settled.
    Refuse {
        /// For what.
        intent: ContentOrder,
    },
}

/// The one thing that payments may have said of a charge whose content is unblocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charged {
    /// The money is ours.
    Captured,
}

/// What the state machine is told: the stored decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `granted` or `refused`.
    pub decision: &'static str,
    /// Why it was refused, a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Granted { .. } => Self { decision: "granted", reason: None },
            Decision::Refused { reason } => Self { decision: "refused", reason: Some(reason) },
        }
    }
}

/// The service behind the Lambda `content-access-task`.
pub struct ContentAccess<E, C> {
    /// Decisions and entitlements.
    pub entitlements: E,
    /// The time.
    pub clock: C,
    /// How long premium lasts.
    pub term: Duration,
}

impl<E: Entitlements, C: Clock> ContentAccess<E, C> {
    /// Answers one task.
    ///
    /// # Errors
    /// `Retryable` when the table gives no answer; `Refused` when the stored decision about unblocking is no.
    pub async fn handle(&self, request: Request) -> Result<Answer, TaskError> {
        match request {
            Request::Unblock { intent, charged: Charged::Captured } => {
                let now = || self.clock.now();
                match unblock(&self.entitlements, &intent, self.term, now, |_| Vec::new()).await? {
                    Decided::Now(granted @ Decision::Granted { .. })
                    | Decided::Before(granted @ Decision::Granted { .. }) => Ok(granted.into()),
                    Decided::Now(Decision::Refused { reason }) | Decided::Before(Decision::Refused { reason }) => {
                        Err(TaskError::Refused(reason))
                    }
                    Decided::Contended => Err(TaskError::Retryable(CONTENDED.to_owned())),
                }
            }
            Request::Refuse { intent } => {
                Ok(refuse_or_read(&self.entitlements, &intent.charge, "settling").await?.into())
            }
        }
    }
}

/// Unblocks the content of a charge that was captured, and tells what `told` makes of the decision in the same
/// transaction. The stored decision, which may be an earlier one.
async fn unblock(
    entitlements: &impl Entitlements,
    order: &ContentOrder,
    term: Duration,
    now: impl Fn() -> Timestamp,
    told: impl Fn(&Decision) -> Vec<Event>,
) -> Result<Decided, StoreError> {
    for _ in 0..CONFLICTS {
        if let Some(stored) = entitlements.decision(&order.charge).await? {
            return Ok(Decided::Before(stored));
        }
        let now = now();
        let held = entitlements.entitlement(&order.customer, order.tier).await?;
        if held.as_ref().is_some_and(|h| !h.value.yields_to(&order.intent_id, now)) {
            tracing::warn!(charge = %order.charge, "another intent's entitlement lasts: refused");
            let refused = Decision::Refused { reason: HELD_BY_ANOTHER.to_owned() };
            if entitlements.refuse(&order.charge, HELD_BY_ANOTHER, &told(&refused)).await? == Commit::Done {
                return Ok(Decided::Now(refused));
            }
            continue;
        }
        let until = now.plus(term);
        let entitlement = Entitlement {
            customer: order.customer.clone(),
            tier: order.tier,
            intent_id: order.intent_id.clone(),
            since: now,
            until,
        };
        let (granted, based_on) = (Decision::Granted { until }, held.map(|h| h.revision));
        if entitlements.grant(&order.charge, entitlement, based_on, &told(&granted)).await? == Commit::Done {
            tracing::info!(charge = %order.charge, "granted");
            return Ok(Decided::Now(granted));
        }
    }
    Ok(Decided::Contended)
}

/// What became of a decision.
enum Decided {
    /// It was made now, and told.
    Now(Decision),
    /// It had been made.
    Before(Decision),
    /// Somebody wrote between each read and write.
    Contended,
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::intent::IntentKey;
    use serde_json::json;

    #[test]
    fn nothing_but_captured_unblocks() {
        let key = IntentKey::new("00000000-0000-4000-8000-000000000001").unwrap();
        let id = IntentId::of(&CustomerId::new("ada").unwrap(), &key);
        let intent = json!({"charge": format!("{id}#1"), "customer": "ada", "intentId": id, "tier": "premium"});
        let asks = |charged: serde_json::Value| {
            let mut request = json!({"action": "unblock", "intent": intent});
            request["charged"] = charged;
            serde_json::from_value::<Request>(request)
        };
        assert!(matches!(asks(json!("captured")), Ok(Request::Unblock { charged: Charged::Captured, .. })));
        for word in ["created", "declined", "settling", "refunding", "not said", ""] {
            assert!(asks(json!(word)).is_err(), "{word}");
        }
        assert!(serde_json::from_value::<Request>(json!({"action": "unblock", "intent": intent})).is_err());
    }
}
