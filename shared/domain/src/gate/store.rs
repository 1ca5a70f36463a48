//! The port: who keeps the items of gates and performs changes on them.

use super::Gate;
use super::change::Change;
use super::config::Dependency;
use crate::time::Timestamp;
use std::future::Future;

/// What became of one conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refused write wrote nothing"]
pub enum Answer {
    /// Written; the item that it left.
    Done(Gate),
    /// The condition was false, nothing was written; the item that it found.
    Refused(Gate),
    /// There is no such item.
    Missing,
}

/// What became of writes that take effect together or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
pub enum Together {
    /// All are written.
    Done,
    /// A condition was false, nothing was written.
    Refused,
}

/// The store cannot be used for a gate. Whether a write happened is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateStoreError {
    /// It gave no answer, after its own retries.
    #[error("the table of gates gave no answer: {0}")]
    Unreachable(String),
    /// It is there, and others keep it from answering: transactions on the same items, or too many writes. Nothing was
    /// written, and nobody may take it for unreachable.
    #[error("the table of gates is busy: {0}")]
    Busy(String),
    /// The item is there and cannot be read.
    #[error("the item {item} is corrupt: {reason}")]
    Corrupt {
        /// Its key.
        item: String,
        /// What is wrong.
        reason: String,
    },
    /// A newer version of this software wrote it.
    #[error("the item {item} has format {format}, which is newer than this software")]
    NewerFormat {
        /// Its key.
        item: String,
        /// Its format.
        format: u64,
    },
}

/// A gate's audit keeps so many lines.
pub const AUDIT_LINES: usize = 50;

/// One line of a gate's audit: what a person did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What.
    pub order: super::operate::Order,
    /// Why.
    pub why: String,
    /// The generation that it began.
    pub generation: u64,
}

/// The table of gates. A store retries throttling and conflicts with transactions by itself, bounded and with jitter.
pub trait Gates {
    /// An item, consistently read.
    fn read(
        &self,
        dependency: &Dependency,
        shard: u16,
    ) -> impl Future<Output = Result<Option<Gate>, GateStoreError>> + Send;

    /// Performs one change on one item.
    fn apply(
        &self,
        dependency: &Dependency,
        shard: u16,
        change: &Change,
    ) -> impl Future<Output = Result<Answer, GateStoreError>> + Send;

    /// Performs changes on several items, with an audit line if a person asked for them: all, or none.
    fn apply_all(
        &self,
        dependency: &Dependency,
        changes: &[(u16, Change)],
        audit: Option<&AuditLine>,
    ) -> impl Future<Output = Result<Together, GateStoreError>> + Send;

    /// What people did, the latest first, at most [`AUDIT_LINES`].
    fn audit(&self, dependency: &Dependency) -> impl Future<Output = Result<Vec<AuditLine>, GateStoreError>> + Send;
}
