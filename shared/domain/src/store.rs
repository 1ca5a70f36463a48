//! What every store of ours has in common: optimistic concurrency by revision.

/// A value and the revision that it had when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Rises with each write, from 1.
    pub revision: u64,
}

/// How a conditional write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
pub enum Commit {
    /// Written.
    Done,
    /// Somebody wrote in between, nothing was written: read again and decide anew.
    Conflict,
}

/// The store gave no answer, after its own retries. Whether a write happened is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table {table} gave no usable answer: {reason}")]
pub struct StoreError {
    /// Which table.
    pub table: &'static str,
    /// For the log.
    pub reason: String,
}
