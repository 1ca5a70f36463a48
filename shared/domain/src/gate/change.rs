//! The conditional writes of the protocol, as data. [`Change::apply`] says what each does to an item; a store performs
//! the same as one atomic write.

use super::bucket::{Micros, Take};
use super::{Gate, PermitId, WindowBucket};
use crate::breaker::BreakerState;
use crate::time::Timestamp;

/// Who changed a state, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// `gate`, or a person.
    pub by: String,
    /// A sentence.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// A trial call's admission, based on the item that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The generation that was read.
    pub generation: u64,
    /// Who asks.
    pub id: PermitId,
    /// K: permits per generation.
    pub permits: usize,
    /// The `tat` that was read.
    pub tat_was: Micros,
    /// The `tat` with the tokens taken.
    pub tat: Micros,
    /// The end of the lease, or of an earlier permit's.
    pub until: Timestamp,
    /// The caller's time.
    pub now: Timestamp,
    /// When the call is.
    pub call_at: Timestamp,
    /// How often the gate has opened in a row, as it was read.
    pub opens: u32,
}

/// What of an item a whole new one is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its generation.
    pub generation: u64,
    /// Its hold.
    pub not_before: Timestamp,
    /// Its `tat`.
    pub tat: Micros,
}

impl Seen {
    /// What is there now.
    pub fn of(gate: &Gate) -> Self {
        Self { generation: gate.generation, not_before: gate.not_before, tat: gate.tat }
    }
}

/// What a call's report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A failed call.
    Failure,
    /// A slow one.
    Slow,
}

/// One conditional write of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Takes tokens. In `closed` the call gets a number.
    Reserve {
        /// `Closed` or `Disabled`: the state that the write is conditioned on.
        state: BreakerState,
        /// How.
        take: Take,
        /// The caller's time.
        now: Timestamp,
    },
    /// The first trial: open → half-open.
    BeginTrials(Trial),
    /// One more trial of the generation.
    JoinTrials(Trial),
    /// All permits are out, their lease is over, nobody reported: a new generation of trials.
    RestartTrials(Trial),
    /// A trial succeeded, and it is not the one that closes.
    CountSuccess {
        /// The trial's generation.
        generation: u64,
        /// Whose.
        id: PermitId,
        /// Only while fewer than this have succeeded.
        below: usize,
    },
    /// The last successful trial: half-open → closed.
    Close {
        /// The trial's generation.
        generation: u64,
        /// Whose; it must not have been counted yet.
        id: PermitId,
        /// Only where so many others have succeeded.
        others: usize,
        /// Why.
        because: Because,
    },
    /// Counts a failed or slow call.
    Count {
        /// The call's generation.
        generation: u64,
        /// What it was.
        mark: Mark,
        /// The bucket of the call's own number.
        bucket: WindowBucket,
    },
    /// Removes counters that no window needs.
    Forget {
        /// The generation that was read.
        generation: u64,
        /// Which.
        buckets: Vec<WindowBucket>,
    },
    /// → open.
    Open {
        /// The generation that saw the failures.
        generation: u64,
        /// `Closed`, or `HalfOpen` for a trial that failed.
        from: BreakerState,
        /// No trial before this.
        until: Timestamp,
        /// How often in a row, with this one.
        opens: u32,
        /// Why.
        because: Because,
    },
    /// The provider pushed back: nobody calls before `until`. Time only moves forward.
    Hold {
        /// The end of the hold.
        until: Timestamp,
        /// The `tat` that lets nobody call earlier.
        tat: Micros,
        /// Whether `tat` is behind it and moves there, or is beyond it and stays. (A write has no maximum.)
        moves_tat: bool,
    },
    /// A person's word.
    Force {
        /// The generation that was read.
        generation: u64,
        /// `Closed`, `ForcedOpen` or `Disabled`.
        state: BreakerState,
        /// The hold that was read; it stays.
        not_before: Timestamp,
        /// The latest `tat` that makes sense after a pause: reservations are void, a hold is not.
        limit: Micros,
        /// Whether `tat` is beyond the limit and is cut, or is not and stays.
        cuts_tat: bool,
        /// Why.
        because: Because,
    },
    /// What a change of state on one shard means for the others.
    Follow {
        /// The generation that all shards have.
        generation: u64,
        /// The new state.
        state: BreakerState,
        /// As on the first.
        until: Timestamp,
        /// As on the first; `None` leaves it.
        opens: Option<u32>,
        /// Why.
        because: Because,
    },
    /// Puts a whole item: where there is none (`over: None`), or over one that nobody has changed since.
    Install {
        /// The item that it replaces.
        over: Option<Seen>,
        /// The item.
        gate: Box<Gate>,
    },
}

impl Change {
    /// The item after this change; `None` where its condition does not hold. (`Install` over nothing has no item before.)
    pub fn apply(&self, gate: &Gate) -> Option<Gate> {
        if self.generation().is_some_and(|generation| generation != gate.generation) {
            return None;
        }
        let mut next = gate.clone();
        match self {
            Self::Reserve { state, take, .. } => {
                if gate.state != *state {
                    return None;
                }
                next.tat = take.apply(gate.tat)?;
                next.sequence += u64::from(*state == BreakerState::Closed);
            }
            Self::BeginTrials(trial) => {
                if gate.state != BreakerState::Open || gate.until > trial.now || !trial.fits(gate) {
                    return None;
                }
                trial.begin(&mut next);
            }
            Self::JoinTrials(trial) => {
                if gate.state != BreakerState::HalfOpen || gate.permits.len() >= trial.permits || !trial.fits(gate) {
                    return None;
                }
                trial.join(&mut next);
            }
            Self::RestartTrials(trial) => {
                let full = gate.permits.len() >= trial.permits;
                if gate.state != BreakerState::HalfOpen || !full || gate.until > trial.now || !trial.fits(gate) {
                    return None;
                }
                trial.begin(&mut next);
            }
            Self::CountSuccess { id, below, .. } => {
                if gate.state != BreakerState::HalfOpen || gate.successes.len() >= *below {
                    return None;
                }
                next.successes.insert(id.clone());
            }
            Self::Close { id, others, because, .. } => {
                let others_did = gate.successes.len() >= *others && !gate.successes.contains(id);
                if gate.state != BreakerState::HalfOpen || !others_did {
                    return None;
                }
                next.turn(BreakerState::Closed, because);
                next.clear();
            }
            Self::Count { mark, bucket, .. } => {
                let counts = match mark {
                    Mark::Failure => &mut next.failures,
                    Mark::Slow => &mut next.slow,
                };
                *counts.entry(*bucket).or_default() += 1;
            }
            Self::Forget { buckets, .. } => {
                next.failures.retain(|bucket, _| !buckets.contains(bucket));
                next.slow.retain(|bucket, _| !buckets.contains(bucket));
            }
            Self::Open { from, until, opens, because, .. } => {
                if gate.state != *from {
                    return None;
                }
                next.turn(BreakerState::Open, because);
                next.until = *until;
                next.opens = *opens;
            }
            Self::Hold { until, tat, moves_tat } => {
                if gate.not_before >= *until || (gate.tat < *tat) != *moves_tat {
                    return None;
                }
                next.not_before = *until;
                next.tat = next.tat.max(*tat);
            }
            Self::Force { state, not_before, limit, cuts_tat, because, .. } => {
                if gate.not_before != *not_before || (gate.tat > *limit) != *cuts_tat {
                    return None;
                }
                next.turn(*state, because);
                next.clear();
                next.tat = next.tat.min(*limit);
            }
            Self::Follow { state, until, opens, because, .. } => {
                next.turn(*state, because);
                next.until = *until;
                next.opens = opens.unwrap_or(next.opens);
                if *state == BreakerState::Closed {
                    next.clear();
                }
            }
            Self::Install { over, gate: installed } => {
                if *over != Some(Seen::of(gate)) {
                    return None;
                }
                next = installed.as_ref().clone();
            }
        }
        Some(next)
    }

    /// The generation that it is fenced by: nothing that was decided in another one takes effect.
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::Reserve { .. } | Self::Hold { .. } => None,
            Self::BeginTrials(trial) | Self::JoinTrials(trial) | Self::RestartTrials(trial) => Some(trial.generation),
            Self::CountSuccess { generation, .. }
            | Self::Close { generation, .. }
            | Self::Count { generation, .. }
            | Self::Forget { generation, .. }
            | Self::Open { generation, .. }
            | Self::Force { generation, .. }
            | Self::Follow { generation, .. } => Some(*generation),
            Self::Install { over, .. } => over.map(|seen| seen.generation),
        }
    }

    /// Whether it admits a trial call, which only shard 0 does.
    pub fn is_trial(&self) -> bool {
        matches!(self, Self::BeginTrials(_) | Self::JoinTrials(_) | Self::RestartTrials(_))
    }

    /// The state that this change leads to, if it is a change of state.
    pub fn turns_to(&self) -> Option<BreakerState> {
        match self {
            Self::BeginTrials(_) | Self::RestartTrials(_) => Some(BreakerState::HalfOpen),
            Self::Close { .. } => Some(BreakerState::Closed),
            Self::Open { .. } => Some(BreakerState::Open),
            Self::Force { state, .. } | Self::Follow { state, .. } => Some(*state),
            _ => None,
        }
    }

    /// What a change of state means for the gate's other shards.
    pub fn follow(&self) -> Option<Self> {
        let follow = |generation, state, until, opens, because: &Because| {
            Some(Self::Follow { generation, state, until, opens, because: because.clone() })
        };
        match self {
            Self::BeginTrials(trial) | Self::RestartTrials(trial) => {
                follow(trial.generation, BreakerState::HalfOpen, trial.until, None, &trial.because())
            }
            Self::Close { generation, because, .. } => {
                follow(*generation, BreakerState::Closed, Timestamp(0), Some(0), because)
            }
            Self::Open { generation, until, opens, because, .. } => {
                follow(*generation, BreakerState::Open, *until, Some(*opens), because)
            }
            _ => None,
        }
    }
}

impl Trial {
    /// Nothing happened since the item was read, and no hold forbids a call.
    fn fits(&self, gate: &Gate) -> bool {
        gate.not_before <= self.now && gate.tat == self.tat_was
    }

    fn begin(&self, gate: &mut Gate) {
        gate.turn(BreakerState::HalfOpen, &self.because());
        self.join(gate);
    }

    fn join(&self, gate: &mut Gate) {
        gate.permits.insert(self.id.clone());
        gate.until = self.until;
        gate.tat = self.tat;
    }

    /// A trial's change of state, in words.
    pub fn because(&self) -> Because {
        Because { by: "gate".to_owned(), why: "It is time to try.".to_owned(), at: self.now }
    }
}

impl Gate {
    fn turn(&mut self, state: BreakerState, because: &Because) {
        self.state = state;
        self.generation += 1;
        self.permits.clear();
        self.successes.clear();
        self.since = because.at;
        self.by.clone_from(&because.by);
        self.why.clone_from(&because.why);
    }

    /// A fresh count: old failures must not open a gate that has just closed.
    fn clear(&mut self) {
        self.sequence = 0;
        self.opens = 0;
        self.until = Timestamp(0);
        self.failures.clear();
        self.slow.clear();
    }
}

#[cfg(test)]
mod tests;
