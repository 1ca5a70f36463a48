//! A table with one item that answers after a while and keeps a log. A write's condition is evaluated when the write lands,
//! whereas the time in it is the caller's when it was sent, as on a network.

use crate::world::{TaskId, World, lock};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::change::Change;
use domain::gate::config::Dependency;
use domain::gate::store::{Answer, AuditLine, GateStoreError, Gates, Together};
use domain::time::Clock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an access was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A read.
    Read,
    /// A write that asks for a call.
    Admission,
    /// A write that counts a failed call.
    Count,
    /// The write that opens.
    Opening,
    /// Any other write of a report.
    OtherReport,
}

/// One access, as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Whose.
    pub task: TaskId,
    /// When it was sent.
    pub sent: Duration,
    /// When it landed.
    pub landed: Duration,
    /// What for.
    pub purpose: Purpose,
    /// Whether a write's condition held.
    pub done: bool,
}

/// One item, and what was done to it. Clones are the same table.
#[derive(Debug, Clone)]
pub struct Table {
    world: World,
    latency: Duration,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    item: Gate,
    version: u64,
    log: Vec<Access>,
}

impl Table {
    /// A table with an unused gate, whose accesses land after `latency`.
    pub fn new(world: &World, latency: Duration) -> Self {
        let kept = Kept { item: Gate::new(world.now()), version: 0, log: Vec::new() };
        Self { world: world.clone(), latency, kept: Arc::new(Mutex::new(kept)) }
    }

    /// Every access so far, in the order in which they landed.
    pub fn log(&self) -> Vec<Access> {
        lock(&self.kept).log.clone()
    }

    /// The item and its version.
    pub async fn read_version(&self) -> (Gate, u64) {
        self.land(Purpose::Read, |kept| (true, (kept.item.clone(), kept.version))).await
    }

    /// Replaces the item, if its version is still the one that was read. Whether it was.
    pub async fn replace(&self, version: u64, item: Gate) -> bool {
        self.land(Purpose::Admission, |kept| {
            let same = kept.version == version;
            if same {
                kept.put(item);
            }
            (same, same)
        })
        .await
    }

    /// Performs a change.
    pub async fn write(&self, change: &Change) -> Answer {
        self.land(purpose(change), |kept| match change.apply(&kept.item) {
            Some(after) => {
                kept.put(after.clone());
                (true, Answer::Done(after))
            }
            None => (false, Answer::Refused(kept.item.clone())),
        })
        .await
    }

    async fn land<T>(&self, purpose: Purpose, effect: impl FnOnce(&mut Kept) -> (bool, T)) -> T {
        let (task, sent) = (self.world.running(), self.world.elapsed());
        self.world.sleep(self.latency).await;
        let mut kept = lock(&self.kept);
        let (done, answer) = effect(&mut kept);
        kept.log.push(Access { task, sent, landed: self.world.elapsed(), purpose, done });
        answer
    }
}

impl Kept {
    fn put(&mut self, item: Gate) {
        self.item = item;
        self.version += 1;
    }
}

fn purpose(change: &Change) -> Purpose {
    match change {
        Change::Reserve { .. } => Purpose::Admission,
        trial if trial.is_trial() => Purpose::Admission,
        Change::Count { .. } => Purpose::Count,
        other if other.turns_to() == Some(BreakerState::Open) => Purpose::Opening,
        _ => Purpose::OtherReport,
    }
}

fn only_one_item(call: &str) -> GateStoreError {
    GateStoreError::Unreachable(format!("{call}: the counted table has one item and no audit"))
}

impl Gates for Table {
    async fn read(&self, _: &Dependency, _: u16) -> Result<Option<Gate>, GateStoreError> {
        Ok(Some(self.read_version().await.0))
    }

    async fn apply(&self, _: &Dependency, _: u16, change: &Change) -> Result<Answer, GateStoreError> {
        Ok(self.write(change).await)
    }

    async fn apply_all(
        &self,
        _: &Dependency,
        _: &[(u16, Change)],
        _: Option<&AuditLine>,
    ) -> Result<Together, GateStoreError> {
        Err(only_one_item("apply_all"))
    }

    async fn audit(&self, _: &Dependency) -> Result<Vec<AuditLine>, GateStoreError> {
        Err(only_one_item("audit"))
    }
}
