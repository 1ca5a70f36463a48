//! The port to the ledger's table.

use super::{Intent, Status, TierLock};
use crate::cases::Case;
use crate::events::{Event, Outbox};
use crate::intent::{CustomerId, IntentId, Tier};
use crate::store::{Commit, StoreError, Versioned};
use crate::time::Timestamp;
use std::future::Future;

/// What one transaction writes. Each part is conditional: it takes effect only if nobody wrote in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row as it shall be.
    pub intent: Intent,
    /// The revision that it was decided on; `None`: there was no row.
    pub based_on: Option<u64>,
    /// What happens to the tier's lock.
    pub lock: LockChange,
    /// A case that is opened or resolved with it.
    pub case: Option<CaseChange>,
    /// What others are told of it, in the same transaction.
    pub events: Vec<Event>,
}

/// What happens to the tier's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockChange {
    /// Nothing.
    Keep,
    /// It is written; `based_on` as in [`Change`].
    Put {
        /// The lock as it shall be.
        lock: TierLock,
        /// The revision that it was decided on.
        based_on: Option<u64>,
    },
    /// It is removed.
    Free {
        /// The revision that it was decided on.
        based_on: u64,
    },
}

/// What happens to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseChange {
    /// It is new.
    Open(Case),
    /// It was open and is resolved; the case as it shall be.
    Resolve(Case),
}

/// The ledger's table.
pub trait Ledger: Outbox {
    /// One intent, consistently read.
    fn intent(
        &self,
        customer: &CustomerId,
        intent: &IntentId,
    ) -> impl Future<Output = Result<Option<Versioned<Intent>>, StoreError>> + Send;

    /// The tier's lock, consistently read.
    fn lock(
        &self,
        customer: &CustomerId,
        tier: Tier,
    ) -> impl Future<Output = Result<Option<Versioned<TierLock>>, StoreError>> + Send;

    /// Writes all of the change or nothing.
    fn commit(&self, change: Change) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// Lists of intents, for people and the sweep. A list may be stale; every write after it is conditional.
pub trait IntentLists {
    /// A customer's own intents, newest first, at most 100.
    fn of_customer(&self, customer: &CustomerId) -> impl Future<Output = Result<Vec<Intent>, StoreError>> + Send;

    /// Intents in a status whose message was last sent before a moment, at most `limit`.
    fn unsent_since(
        &self,
        status: Status,
        moment: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Intent>, StoreError>> + Send;

    /// Intents in a status that nobody wrote since a moment, oldest first, at most `limit`.
    fn untouched_since(
        &self,
        status: Status,
        moment: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Intent>, StoreError>> + Send;
}
