//! The saga's pivot: per charge `granted` or `refused`, first writer wins, every caller gets the stored answer.
//! Granting puts the entitlement in the same transaction.

use crate::events::{Event, Outbox};
use crate::intent::{Charge, CustomerId, IntentId, Tier};
use crate::store::{Commit, StoreError, Versioned};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// The stored answer about a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// The customer has the content: no refund may begin.
    Granted {
        /// The end of the entitlement.
        until: Timestamp,
    },
    /// The customer will not have it for this charge: settle.
    Refused {
        /// A code: why.
        reason: String,
    },
}

impl Decision {
    /// Whether the pivot was passed.
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted { .. })
    }
}

/// A customer's right to a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
    /// Whose.
    pub customer: CustomerId,
    /// To what.
    pub tier: Tier,
    /// By which intent.
    pub intent_id: IntentId,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Entitlement {
    /// Whether `intent` may take its place.
    pub fn yields_to(&self, intent: &IntentId, now: Timestamp) -> bool {
        self.intent_id == *intent || self.until < now
    }
}

/// Reading decisions: all that most may do.
pub trait DecisionReader {
    /// The decision about a charge, consistently read.
    fn decision(&self, charge: &Charge) -> impl Future<Output = Result<Option<Decision>, StoreError>> + Send;
}

/// Refusing a charge, which also recovery may do.
pub trait Refusals: DecisionReader {
    /// Stores `refused`, and tells these events, if there is no decision yet.
    fn refuse(
        &self,
        charge: &Charge,
        reason: &str,
        tell: &[Event],
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// Reading entitlements, which those may do who show premium content.
pub trait EntitlementReader {
    /// A customer's entitlement, consistently read.
    fn entitlement(
        &self,
        customer: &CustomerId,
        tier: Tier,
    ) -> impl Future<Output = Result<Option<Versioned<Entitlement>>, StoreError>> + Send;
}

/// Content access' own table.
pub trait Entitlements: Refusals + EntitlementReader + Outbox {
    /// Stores `granted` and the entitlement, and tells these events, if there is no decision and nobody wrote the
    /// entitlement since `based_on`.
    fn grant(
        &self,
        charge: &Charge,
        entitlement: Entitlement,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// Refuses a charge and answers what is stored, which may be an earlier grant.
///
/// # Errors
/// [`StoreError`] when the table gives no answer.
pub async fn refuse_or_read(decisions: &impl Refusals, charge: &Charge, reason: &str) -> Result<Decision, StoreError> {
    if let Some(stored) = decisions.decision(charge).await? {
        return Ok(stored);
    }
    match decisions.refuse(charge, reason, &[]).await? {
        Commit::Done => Ok(Decision::Refused { reason: reason.to_owned() }),
        // First writer wins: somebody decided between our read and our write, and a decision never changes.
        Commit::Conflict => decisions
            .decision(charge)
            .await?
            .ok_or_else(|| StoreError { table: "entitlements", reason: "a decision was there and is gone".to_owned() }),
    }
}
