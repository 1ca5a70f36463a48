//! Tables with one row a charge, in memory.

use crate::bus::MemoryBus;
use crate::turn::{Turnstile, lock};
use domain::charges::{ChargeReader, ChargeRow, OfCharge, Rows};
use domain::events::{Event, Outbox};
use domain::intent::Charge;
use domain::store::{Commit, StoreError, Versioned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Payments' table.
pub type MemoryCharges = MemoryRows<ChargeRow>;

type Stored<R> = BTreeMap<Charge, Versioned<R>>;

/// Rows in memory. What they tell goes to a bus.
#[derive(Debug, Clone)]
pub struct MemoryRows<R> {
    rows: Arc<Mutex<Stored<R>>>,
    turns: Turnstile,
    bus: MemoryBus,
}

impl<R> Default for MemoryRows<R> {
    fn default() -> Self {
        Self::new(Turnstile::default())
    }
}

impl<R> MemoryRows<R> {
    /// A table whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { rows: Arc::default(), turns, bus: MemoryBus::default() }
    }

    /// The same with this bus.
    #[must_use]
    pub fn on(self, bus: MemoryBus) -> Self {
        Self { bus, ..self }
    }
}

impl<R: Clone> MemoryRows<R> {
    /// Every row, for checking invariants; takes no turn.
    pub fn rows(&self) -> Vec<R> {
        lock(&self.rows).values().map(|v| v.value.clone()).collect()
    }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "charges", reason: format!("{call} was tripped") }
}

impl<R: Send> Outbox for MemoryRows<R> {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        self.turns.try_pass("charges.tell", no_answer, || self.bus.tell(events)).await
    }
}

impl<R: OfCharge + Clone + Send> Rows<R> for MemoryRows<R> {
    async fn row(&self, charge: &Charge) -> Result<Option<Versioned<R>>, StoreError> {
        self.turns.try_pass("charges.charge", no_answer, || lock(&self.rows).get(charge).cloned()).await
    }

    async fn put(&self, row: R, based_on: Option<u64>, tell: &[Event]) -> Result<Commit, StoreError> {
        let write = || {
            let mut rows = lock(&self.rows);
            if rows.get(row.charge()).map(|v| v.revision) != based_on {
                return Commit::Conflict;
            }
            rows.insert(row.charge().clone(), Versioned { value: row, revision: based_on.unwrap_or(0) + 1 });
            self.bus.tell(tell);
            Commit::Done
        };
        self.turns.try_pass("charges.put", no_answer, write).await
    }
}

impl ChargeReader for MemoryCharges {
    async fn charge(&self, charge: &Charge) -> Result<Option<Versioned<ChargeRow>>, StoreError> {
        self.row(charge).await
    }
}
