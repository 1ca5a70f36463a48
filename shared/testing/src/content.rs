//! Content access' table, in memory.

use crate::bus::MemoryBus;
use crate::turn::{Turnstile, lock};
use domain::decisions::{Decision, DecisionReader, Entitlement, EntitlementReader, Entitlements, Refusals};
use domain::events::{Event, Outbox};
use domain::intent::{Charge, CustomerId, Tier};
use domain::store::{Commit, StoreError, Versioned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    decisions: BTreeMap<Charge, Decision>,
    entitlements: BTreeMap<(CustomerId, &'static str), Versioned<Entitlement>>,
}

/// Decisions and entitlements in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryEntitlements {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
    bus: MemoryBus,
}

impl MemoryEntitlements {
    /// A table whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// The same with this bus.
    #[must_use]
    pub fn on(self, bus: MemoryBus) -> Self {
        Self { bus, ..self }
    }

    /// Every decision, for checking invariants; takes no turn.
    pub fn decisions(&self) -> Vec<(Charge, Decision)> {
        lock(&self.state).decisions.iter().map(|(c, d)| (c.clone(), d.clone())).collect()
    }

    /// Gives a customer an entitlement from elsewhere; takes no turn.
    pub fn give(&self, entitlement: Entitlement) {
        let place = (entitlement.customer.clone(), entitlement.tier.as_str());
        lock(&self.state).entitlements.insert(place, Versioned { value: entitlement, revision: 1 });
    }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "entitlements", reason: format!("{call} was tripped") }
}

impl DecisionReader for MemoryEntitlements {
    async fn decision(&self, charge: &Charge) -> Result<Option<Decision>, StoreError> {
        self.turns.try_pass("decisions.decision", no_answer, || lock(&self.state).decisions.get(charge).cloned()).await
    }
}

impl Refusals for MemoryEntitlements {
    async fn refuse(&self, charge: &Charge, reason: &str, tell: &[Event]) -> Result<Commit, StoreError> {
        let write = || {
            let mut state = lock(&self.state);
            if state.decisions.contains_key(charge) {
                return Commit::Conflict;
            }
            state.decisions.insert(charge.clone(), Decision::Refused { reason: reason.to_owned() });
            self.bus.tell(tell);
            Commit::Done
        };
        self.turns.try_pass("decisions.refuse", no_answer, write).await
    }
}

impl Outbox for MemoryEntitlements {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        self.turns.try_pass("decisions.tell", no_answer, || self.bus.tell(events)).await
    }
}

impl EntitlementReader for MemoryEntitlements {
    async fn entitlement(
        &self,
        customer: &CustomerId,
        tier: Tier,
    ) -> Result<Option<Versioned<Entitlement>>, StoreError> {
        let read = || lock(&self.state).entitlements.get(&(customer.clone(), tier.as_str())).cloned();
        self.turns.try_pass("entitlements.entitlement", no_answer, read).await
    }
}

impl Entitlements for MemoryEntitlements {
    async fn grant(
        &self,
        charge: &Charge,
        entitlement: Entitlement,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> Result<Commit, StoreError> {
        let write = || {
            let mut state = lock(&self.state);
            let place = (entitlement.customer.clone(), entitlement.tier.as_str());
            let stored = state.entitlements.get(&place).map(|v| v.revision);
            if state.decisions.contains_key(charge) || stored != based_on {
                return Commit::Conflict;
            }
            state.decisions.insert(charge.clone(), Decision::Granted { until: entitlement.until });
            state.entitlements.insert(place, Versioned { value: entitlement, revision: based_on.unwrap_or(0) + 1 });
            self.bus.tell(tell);
            Commit::Done
        };
        self.turns.try_pass("decisions.grant", no_answer, write).await
    }
}
