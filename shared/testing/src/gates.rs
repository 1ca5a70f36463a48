//! The table of gates in memory.

use crate::turn::{Turnstile, lock};
use domain::gate::Gate;
use domain::gate::change::Change;
use domain::gate::config::Dependency;
use domain::gate::store::{AUDIT_LINES, Answer, AuditLine, GateStoreError, Gates, Together};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct Rows {
    items: BTreeMap<(Dependency, u16), Gate>,
    audit: BTreeMap<Dependency, Vec<AuditLine>>,
}

/// All gates of all dependencies.
#[derive(Debug, Clone, Default)]
pub struct MemoryGates {
    rows: Arc<Mutex<Rows>>,
    turns: Turnstile,
}

impl MemoryGates {
    /// An empty table.
    pub fn new(turns: Turnstile) -> Self {
        Self { rows: Arc::default(), turns }
    }

    /// An item; takes no turn.
    pub fn gate(&self, dependency: &str, shard: u16) -> Option<Gate> {
        lock(&self.rows)
            .items
            .iter()
            .find(|((d, s), _)| d.as_str() == dependency && *s == shard)
            .map(|(_, g)| g.clone())
    }

    /// Replaces an item, as another hand would; takes no turn.
    pub fn set_gate(&self, dependency: &Dependency, shard: u16, gate: Gate) {
        lock(&self.rows).items.insert((dependency.clone(), shard), gate);
    }

    /// Deletes an item, as another hand would; takes no turn.
    pub fn delete(&self, dependency: &str, shard: u16) {
        lock(&self.rows).items.retain(|(d, s), _| d.as_str() != dependency || *s != shard);
    }
}

impl Rows {
    fn changed(&self, dependency: &Dependency, shard: u16, change: &Change) -> Answer {
        match (self.items.get(&(dependency.clone(), shard)), change) {
            (None, Change::Install { over: None, gate }) => Answer::Done(gate.as_ref().clone()),
            (None, _) => Answer::Missing,
            (Some(found), _) => change.apply(found).map_or_else(|| Answer::Refused(found.clone()), Answer::Done),
        }
    }
}

fn unreachable(call: &'static str) -> GateStoreError {
    GateStoreError::Unreachable(format!("{call}: tripped"))
}

impl Gates for MemoryGates {
    async fn read(&self, dependency: &Dependency, shard: u16) -> Result<Option<Gate>, GateStoreError> {
        let read = || lock(&self.rows).items.get(&(dependency.clone(), shard)).cloned();
        self.turns.try_pass("gates.read", unreachable, read).await
    }

    async fn apply(&self, dependency: &Dependency, shard: u16, change: &Change) -> Result<Answer, GateStoreError> {
        let write = || {
            let mut rows = lock(&self.rows);
            let answer = rows.changed(dependency, shard, change);
            if let Answer::Done(gate) = &answer {
                rows.items.insert((dependency.clone(), shard), gate.clone());
            }
            answer
        };
        self.turns.try_pass("gates.apply", unreachable, write).await
    }

    async fn apply_all(
        &self,
        dependency: &Dependency,
        changes: &[(u16, Change)],
        audit: Option<&AuditLine>,
    ) -> Result<Together, GateStoreError> {
        let write = || {
            let mut rows = lock(&self.rows);
            let mut done = Vec::new();
            for (shard, change) in changes {
                let Answer::Done(gate) = rows.changed(dependency, *shard, change) else { return Together::Refused };
                done.push((*shard, gate));
            }
            for (shard, gate) in done {
                rows.items.insert((dependency.clone(), shard), gate);
            }
            if let Some(line) = audit {
                let lines = rows.audit.entry(dependency.clone()).or_default();
                lines.insert(0, line.clone());
                lines.truncate(AUDIT_LINES);
            }
            Together::Done
        };
        self.turns.try_pass("gates.apply_all", unreachable, write).await
    }

    async fn audit(&self, dependency: &Dependency) -> Result<Vec<AuditLine>, GateStoreError> {
        let read = || lock(&self.rows).audit.get(dependency).cloned().unwrap_or_default();
        self.turns.try_pass("gates.audit", unreachable, read).await
    }
}
