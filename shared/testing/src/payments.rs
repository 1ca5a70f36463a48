//! Payments' table, in memory.

use crate::turn::{Turnstile, lock};
use domain::charges::{ChargeReader, ChargeRow, Charges};
use domain::intent::Charge;
use domain::store::{Commit, StoreError, Versioned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Charges in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryCharges {
    rows: Arc<Mutex<BTreeMap<Charge, Versioned<ChargeRow>>>>,
    turns: Turnstile,
}

impl MemoryCharges {
    /// A table whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Every row, for checking invariants; takes no turn.
    pub fn rows(&self) -> Vec<ChargeRow> {
        lock(&self.rows).values().map(|v| v.value.clone()).collect()
    }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "payments", reason: format!("{call} was tripped") }
}

impl ChargeReader for MemoryCharges {
    async fn charge(&self, charge: &Charge) -> Result<Option<Versioned<ChargeRow>>, StoreError> {
        self.turns.try_pass("charges.charge", no_answer, || lock(&self.rows).get(charge).cloned()).await
    }
}

impl Charges for MemoryCharges {
    async fn put(&self, row: ChargeRow, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let write = || {
            let mut rows = lock(&self.rows);
            if rows.get(&row.charge).map(|v| v.revision) != based_on {
                return Commit::Conflict;
            }
            rows.insert(row.charge.clone(), Versioned { value: row, revision: based_on.unwrap_or(0) + 1 });
            Commit::Done
        };
        self.turns.try_pass("charges.put", no_answer, write).await
    }
}
