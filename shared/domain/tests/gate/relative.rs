//! Makes an endless protocol finite: time stands still and everything else moves into the past instead, generations
//! are only this one or an older one, and admissions are named by who holds them.

use domain::breaker::BreakerState;
use domain::gate::bucket::{Micros, Take};
use domain::gate::change::{Because, Change, Trial};
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// The present, for ever.
pub const NOW: Timestamp = Timestamp(1_000_000);
/// One tick, and the grain of all times.
pub const UNIT: Duration = Duration::from_secs(1);
/// So far back that nothing depends on how far, for a burst of at most two.
pub const LONG_AGO: Timestamp = Timestamp(NOW.0 - 4000);
/// The same for a bucket's `tat`, and an overlap of at most one.
const FULL_BEFORE: Timestamp = Timestamp(NOW.0 - 2000);
/// The generation of the gate; whatever is older has the number before.
pub const THIS: u64 = 2;
const OLDER: u64 = 1;

/// How one state becomes the next: who is renamed, which generation is the present one, how much time has passed.
pub struct Frame {
    /// Milliseconds.
    pub passed: i64,
    /// The gate's generation, before.
    pub generation: u64,
    /// New names of admissions.
    pub names: BTreeMap<PermitId, PermitId>,
}

impl Frame {
    /// A moment recedes.
    pub fn moment(&self, moment: &mut Timestamp) {
        *moment = Timestamp(moment.0 - self.passed).max(LONG_AGO);
    }

    /// A moment recedes, of which only matters when it comes.
    pub fn awaited(&self, moment: &mut Timestamp) {
        *moment = Timestamp(moment.0 - self.passed).max(NOW);
    }

    fn micros(&self, moment: &mut Micros) {
        *moment = moment.plus(-self.passed * 1000).max(Micros::from(FULL_BEFORE));
    }

    /// Only "this one" and "an older one" matter.
    pub fn generation(&self, generation: &mut u64) {
        *generation = if *generation == self.generation { THIS } else { OLDER };
    }

    /// The name that it has from now on; a name that nobody refers to stays.
    pub fn name(&self, id: &mut PermitId) {
        if let Some(name) = self.names.get(id) {
            id.clone_from(name);
        }
    }

    /// An item.
    pub fn gate(&self, gate: &mut Gate) {
        let names = |ids: &mut std::collections::BTreeSet<PermitId>| {
            *ids = std::mem::take(ids).into_iter().map(|id| self.names.get(&id).cloned().unwrap_or(id)).collect();
        };
        names(&mut gate.permits);
        names(&mut gate.successes);
        self.generation(&mut gate.generation);
        if gate.state == BreakerState::HalfOpen {
            self.awaited(&mut gate.until);
        } else {
            self.moment(&mut gate.until);
        }
        self.awaited(&mut gate.not_before);
        self.micros(&mut gate.tat);
        gate.since = NOW;
        gate.by.clear();
        gate.why.clear();
    }

    fn because(because: &mut Because) {
        *because = Because { by: String::new(), why: String::new(), at: NOW };
    }

    fn trial(&self, trial: &mut Trial) {
        let Trial { generation, id, permits: _, tat_was, tat, until, now, call_at, opens: _ } = trial;
        self.generation(generation);
        self.name(id);
        self.micros(tat_was);
        self.micros(tat);
        self.moment(until);
        self.moment(now);
        self.moment(call_at);
    }

    /// A write that is on its way.
    pub fn change(&self, change: &mut Change) {
        match change {
            Change::Reserve { state: _, take, now } => {
                match take {
                    Take::Append { by: _, from, to } => {
                        self.micros(from);
                        self.micros(to);
                    }
                    Take::Restart { to, before } => {
                        self.micros(to);
                        self.micros(before);
                    }
                }
                self.moment(now);
            }
            Change::BeginTrials(trial) | Change::JoinTrials(trial) | Change::RestartTrials(trial) => self.trial(trial),
            Change::CountSuccess { generation, id, below: _ } => {
                self.generation(generation);
                self.name(id);
            }
            Change::Close { generation, id, others: _, because } => {
                self.generation(generation);
                self.name(id);
                Self::because(because);
            }
            Change::Count { generation, mark: _, bucket: _ } | Change::Forget { generation, buckets: _ } => {
                self.generation(generation);
            }
            Change::Open { generation, from: _, until, opens: _, because } => {
                self.generation(generation);
                self.moment(until);
                if *generation == OLDER {
                    *until = LONG_AGO;
                }
                Self::because(because);
            }
            Change::Hold { until, tat, moves_tat: _ } => {
                self.awaited(until);
                self.micros(tat);
            }
            Change::Force { generation, state: _, not_before, limit, cuts_tat: _, because } => {
                self.generation(generation);
                self.awaited(not_before);
                self.micros(limit);
                Self::because(because);
            }
            Change::Follow { .. } | Change::Install { .. } => panic!("one shard only, and it is there: {change:?}"),
        }
    }
}

/// A write as part of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending(pub Change);

impl Hash for Pending {
    fn hash<H: Hasher>(&self, h: &mut H) {
        std::mem::discriminant(&self.0).hash(h);
        match &self.0 {
            Change::Reserve { state, take, now } => {
                match take {
                    Take::Append { by, from, to } => (0, by, from, to).hash(h),
                    Take::Restart { to, before } => (1, to, before).hash(h),
                }
                (state, now).hash(h);
            }
            Change::BeginTrials(trial) | Change::JoinTrials(trial) | Change::RestartTrials(trial) => {
                let Trial { generation, id, permits, tat_was, tat, until, now, call_at, opens } = trial;
                (generation, id, permits, tat_was, tat, until, now, call_at, opens).hash(h);
            }
            Change::CountSuccess { generation, id, below } => (generation, id, below).hash(h),
            Change::Close { generation, id, others, because: _ } => (generation, id, others).hash(h),
            Change::Count { generation, mark, bucket } => (generation, mark, bucket).hash(h),
            Change::Forget { generation, buckets } => (generation, buckets).hash(h),
            Change::Open { generation, from, until, opens, because: _ } => (generation, from, until, opens).hash(h),
            Change::Hold { until, tat, moves_tat } => (until, tat, moves_tat).hash(h),
            Change::Force { generation, state, not_before, limit, cuts_tat, because: _ } => {
                (generation, state, not_before, limit, cuts_tat).hash(h);
            }
            Change::Follow { .. } | Change::Install { .. } => panic!("one shard only, and it is there: {:?}", self.0),
        }
    }
}
