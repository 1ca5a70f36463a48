//! A case asks a person to decide about a parked intent, and remembers what they did.

use crate::intent::{CustomerId, IntentId, IntentKey};
use crate::store::{StoreError, Versioned};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;

/// What a person is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseKind {
    /// The intent was given up; its charge is settled, no money is held.
    GaveUp,
    /// The intent was given up and its charge could not be settled: money may be held.
    Unsettled,
    /// The provider will not give the money back: money is held.
    RefundFailed,
    /// The customer is premium, and part of what comes with it could not be arranged. No money is in question.
    Relations,
}

/// What a person may do, and the one thing that happens without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Try the intent again.
    Retry,
    /// Give the money back.
    Refund,
    /// End it; only when its charge is settled.
    Close,
    /// Nobody did anything: an event came late and ended it. Only the saga itself may write this.
    Overtaken,
}

impl Action {
    /// The word in requests and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Refund => "refund",
            Self::Close => "close",
            Self::Overtaken => "overtaken",
        }
    }
}

/// Who did what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// The caller's ARN.
    pub by: String,
    /// What.
    pub action: Action,
    /// In their words.
    pub why: String,
}

/// One row of `cases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// The intent, its charge number and how often it was tried: a second park of an intent is a case of its own.
    pub id: String,
    /// Which intent.
    pub intent_id: IntentId,
    /// Whose.
    pub customer: CustomerId,
    /// The customer's name for it.
    pub key: IntentKey,
    /// What is asked.
    pub kind: CaseKind,
    /// Why, as a sentence.
    pub why: String,
    /// What the ledger knew: charge, attempt, faults, reason.
    pub evidence: BTreeMap<String, String>,
    /// Since when.
    pub opened_at: Timestamp,
    /// What ended it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolution: Option<Action>,
    /// All that was done about it.
    #[serde(default)]
    pub audit: Vec<AuditLine>,
}

impl Case {
    /// Whether it still asks.
    pub fn is_open(&self) -> bool {
        self.resolution.is_none()
    }

    /// The case with a resolution and its line in the audit.
    #[must_use]
    pub fn resolved(mut self, line: AuditLine) -> Self {
        self.resolution = Some(line.action);
        self.audit.push(line);
        self
    }
}

/// Reading cases. They are written with the ledger's row, in one transaction.
pub trait Cases {
    /// One case, consistently read.
    fn case(&self, id: &str) -> impl Future<Output = Result<Option<Versioned<Case>>, StoreError>> + Send;

    /// Open cases, oldest first, at most `limit`.
    fn open_cases(&self, limit: u32) -> impl Future<Output = Result<Vec<Case>, StoreError>> + Send;
}
