//! What a person sees of a gate, and does to it.

use crate::admission::{Admission, UnknownDependency};
use crate::observer::Observer;
use domain::gate::Gate;
use domain::gate::change::Because;
use domain::gate::operate::Order;
use domain::gate::store::{AuditLine, GateStoreError, Gates, Together};
use domain::time::{Chance, Clock, Pause};

/// The item keeps the beginning of a long reason, as every call writes the item; the audit keeps all of it.
const WHY_IN_THE_ITEM: usize = 200;
/// An order is decided anew when somebody writes in between.
const ATTEMPTS: usize = 16;

/// All that is known of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its items, by shard. Empty before the first call.
    pub shards: Vec<Gate>,
    /// What people did, the latest first.
    pub audit: Vec<AuditLine>,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such gate.
    #[error(transparent)]
    Unknown(#[from] UnknownDependency),
    /// The store gave no usable answer; look at the gate before repeating the order.
    #[error(transparent)]
    Store(#[from] GateStoreError),
    /// Somebody wrote in between, again and again.
    #[error("the gate changed again and again while the order was written; repeat it")]
    Busy,
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Admission<S, R, O> {
    /// What a gate is and what people did to it.
    ///
    /// # Errors
    /// [`OrderError`]: no such gate, or no answer.
    pub async fn inspect(&self, dependency: &str) -> Result<Status, OrderError> {
        let config = &self.guarded(dependency)?.config;
        let mut shards = Vec::new();
        for shard in 0..config.shards {
            shards.extend(self.inner.store.read(&config.dependency, shard).await?);
        }
        Ok(Status { shards, audit: self.inner.store.audit(&config.dependency).await? })
    }

    /// Carries out a person's order, on all shards, with an audit line in the same transaction.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn order(&self, dependency: &str, order: Order, by: &str, why: &str) -> Result<Status, OrderError> {
        let guarded = self.guarded(dependency)?;
        let config = &guarded.config;
        for _ in 0..ATTEMPTS {
            self.align(guarded).await?;
            let (mut changes, mut generation) = (Vec::new(), 0);
            let short = why.chars().take(WHY_IN_THE_ITEM).collect();
            let because = Because { by: by.to_owned(), why: short, at: self.now() };
            for shard in 0..config.shards {
                if let Some(gate) = self.inner.store.read(&config.dependency, shard).await? {
                    generation = gate.generation + 1;
                    changes.push((shard, config.force(order, &gate, because.clone())));
                }
            }
            if changes.len() != usize::from(config.shards) {
                continue;
            }
            let line = AuditLine { at: because.at, by: because.by, order, why: why.to_owned(), generation };
            if self.inner.store.apply_all(&config.dependency, &changes, Some(&line)).await? == Together::Refused {
                continue;
            }
            let status = self.inspect(dependency).await?;
            if let Some(gate) = status.shards.first() {
                self.turned(guarded, order.state(), gate);
                guarded.memory(0).see(gate.clone(), self.now());
            }
            return Ok(status);
        }
        Err(OrderError::Busy)
    }
}
