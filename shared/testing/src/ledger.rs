//! The ledger and its cases, in memory.

use crate::bus::MemoryBus;
use crate::turn::{Turnstile, lock};
use domain::cases::{Case, Cases};
use domain::events::{Event, Outbox};
use domain::intent::{CustomerId, IntentId, Tier};
use domain::ledger::store::{CaseChange, Change, IntentLists, Ledger, LockChange};
use domain::ledger::{Intent, Status, TierLock};
use domain::store::{Commit, StoreError, Versioned};
use domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type LockKey = (CustomerId, &'static str);

#[derive(Debug, Default)]
struct State {
    intents: BTreeMap<(CustomerId, IntentId), Versioned<Intent>>,
    locks: BTreeMap<LockKey, Versioned<TierLock>>,
    cases: BTreeMap<String, Versioned<Case>>,
}

/// A ledger in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
    bus: MemoryBus,
}

impl MemoryLedger {
    /// A ledger whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// The same with this bus.
    #[must_use]
    pub fn on(self, bus: MemoryBus) -> Self {
        Self { bus, ..self }
    }

    fn write(&self, change: Change) -> Commit {
        let mut state = lock(&self.state);
        let row = (change.intent.customer.clone(), change.intent.intent_id.clone());
        let place = (change.intent.customer.clone(), change.intent.body.tier.as_str());
        let stored = state.locks.get(&place);
        let lock_is_ours = match &change.lock {
            LockChange::Keep => true,
            LockChange::Put { based_on, .. } => at(stored, *based_on),
            LockChange::Free { based_on } => at(stored, Some(*based_on)),
        };
        let case_is_ours = match &change.case {
            None => true,
            Some(CaseChange::Open(case)) => !state.cases.contains_key(&case.id),
            Some(CaseChange::Resolve(case)) => state.cases.get(&case.id).is_some_and(|c| c.value.is_open()),
        };
        if !(at(state.intents.get(&row), change.based_on) && lock_is_ours && case_is_ours) {
            return Commit::Conflict;
        }
        match change.lock {
            LockChange::Keep => {}
            LockChange::Put { lock, based_on } => {
                state.locks.insert(place, next(lock, based_on));
            }
            LockChange::Free { .. } => {
                state.locks.remove(&place);
            }
        }
        if let Some(CaseChange::Open(case) | CaseChange::Resolve(case)) = change.case {
            state.cases.insert(case.id.clone(), next(case, None));
        }
        self.bus.tell(&change.events);
        state.intents.insert(row, next(change.intent, change.based_on));
        Commit::Done
    }

    /// Every row, for checking invariants; takes no turn.
    pub fn rows(&self) -> Vec<Intent> {
        lock(&self.state).intents.values().map(|v| v.value.clone()).collect()
    }

    /// Every lock, for checking invariants; takes no turn.
    pub fn locks(&self) -> Vec<(CustomerId, TierLock)> {
        lock(&self.state).locks.iter().map(|(k, v)| (k.0.clone(), v.value.clone())).collect()
    }

    /// Every case, for checking invariants; takes no turn.
    pub fn all_cases(&self) -> Vec<Case> {
        lock(&self.state).cases.values().map(|v| v.value.clone()).collect()
    }
}

fn at<T>(stored: Option<&Versioned<T>>, based_on: Option<u64>) -> bool {
    stored.map(|v| v.revision) == based_on
}

fn next<T>(value: T, based_on: Option<u64>) -> Versioned<T> {
    Versioned { value, revision: based_on.unwrap_or(0) + 1 }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "ledger", reason: format!("{call} was tripped") }
}

impl Ledger for MemoryLedger {
    async fn intent(&self, customer: &CustomerId, intent: &IntentId) -> Result<Option<Versioned<Intent>>, StoreError> {
        let read = || lock(&self.state).intents.get(&(customer.clone(), intent.clone())).cloned();
        self.turns.try_pass("ledger.intent", no_answer, read).await
    }

    async fn lock(&self, customer: &CustomerId, tier: Tier) -> Result<Option<Versioned<TierLock>>, StoreError> {
        let read = || lock(&self.state).locks.get(&(customer.clone(), tier.as_str())).cloned();
        self.turns.try_pass("ledger.lock", no_answer, read).await
    }

    async fn commit(&self, change: Change) -> Result<Commit, StoreError> {
        self.turns.try_pass("ledger.commit", no_answer, || self.write(change)).await
    }
}

impl Outbox for MemoryLedger {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        self.turns.try_pass("ledger.tell", no_answer, || self.bus.tell(events)).await
    }
}

impl IntentLists for MemoryLedger {
    async fn of_customer(&self, customer: &CustomerId) -> Result<Vec<Intent>, StoreError> {
        self.turns.pass("ledger.of_customer").await;
        let mut rows: Vec<Intent> = self.rows().into_iter().filter(|row| row.customer == *customer).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.accepted_at));
        Ok(rows)
    }

    async fn unsent_since(&self, status: Status, moment: Timestamp, limit: u32) -> Result<Vec<Intent>, StoreError> {
        self.turns.pass("ledger.unsent_since").await;
        let mut rows = self.rows();
        rows.retain(|row| row.status == status && row.last_sent_at < moment);
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn untouched_since(&self, status: Status, moment: Timestamp, limit: u32) -> Result<Vec<Intent>, StoreError> {
        self.turns.pass("ledger.untouched_since").await;
        let mut rows = self.rows();
        rows.retain(|row| row.status == status && row.updated_at < moment);
        rows.sort_by_key(|row| row.updated_at);
        rows.truncate(limit as usize);
        Ok(rows)
    }
}

impl Cases for MemoryLedger {
    async fn case(&self, id: &str) -> Result<Option<Versioned<Case>>, StoreError> {
        self.turns.pass("cases.case").await;
        Ok(lock(&self.state).cases.get(id).cloned())
    }

    async fn open_cases(&self, limit: u32) -> Result<Vec<Case>, StoreError> {
        self.turns.pass("cases.open_cases").await;
        let mut cases = self.all_cases();
        cases.retain(Case::is_open);
        cases.sort_by_key(|case| case.opened_at);
        cases.truncate(limit as usize);
        Ok(cases)
    }
}
