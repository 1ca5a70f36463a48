//! The gate: circuit breaker, sliding window and token bucket of one dependency, together in one item.
//!
//! A call that asks the bucket writes once anyway. With the breaker's state, its window and its permits in the same
//! item, that one conditional write answers both questions for the whole fleet: is the circuit closed, and when may I
//! call? A success costs nothing more, and nothing lives in one process's memory.
//!
//! Everything here is a pure function of an item, a request or outcome, and the time:
//!
//! | module | question |
//! | --- | --- |
//! | [`config`] | which knobs work together |
//! | [`bucket`] | may `n` tokens be taken, and when is their call (GCRA) |
//! | [`window`] | did too many of the last calls fail |
//! | [`admit`] | which write asks for a permit, and what does a refused write mean |
//! | [`report`] | which writes follow from a call's outcome |
//! | [`operate`] | what a person may do |
//! | [`memory`] | which write to try first |
//! | [`change`] | the conditional writes, as data, and what each does to an item |
//! | [`store`] | the port: who keeps items and performs changes |
//!
//! A gate may have several *shards*, items that share the load; they share state and generation, and each has its part
//! of rate and burst and judges its own calls. Trial calls are admitted by shard 0.

pub mod admit;
pub mod bucket;
pub mod change;
pub mod config;
pub mod memory;
pub mod operate;
pub mod report;
pub mod store;
pub mod window;

#[cfg(test)]
mod examples;

use crate::breaker::BreakerState;
use crate::time::Timestamp;
use bucket::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of one admission; a trial's permit is listed under it, so that a repeated write finds its own trace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermitId(pub String);

/// A bucket of the window: calls `b · size + 1 ..= (b + 1) · size` of the generation.
pub type WindowBucket = u64;

/// The item of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Closed, open, half-open, forced open or disabled.
    pub state: BreakerState,
    /// Rises with each change of state. Reports of an older generation change nothing.
    pub generation: u64,
    /// Open: no trial before this. Half-open: no restart of the trials before this.
    pub until: Timestamp,
    /// How often it opened in a row; the break doubles with it.
    pub opens: u32,
    /// Who holds a permit for a trial call of this generation.
    pub permits: BTreeSet<PermitId>,
    /// Whose trial call succeeded in this generation.
    pub successes: BTreeSet<PermitId>,
    /// No call at all before this: the provider asked for it.
    pub not_before: Timestamp,
    /// The bucket: when it will be full again (GCRA's theoretical arrival time).
    pub tat: Micros,
    /// Calls admitted since the gate closed.
    pub sequence: u64,
    /// Failed calls, by the window's bucket of the call's own number.
    pub failures: BTreeMap<WindowBucket, u64>,
    /// Slow calls, likewise.
    pub slow: BTreeMap<WindowBucket, u64>,
    /// When the state changed last.
    pub since: Timestamp,
    /// Who changed it: `gate`, or a person.
    pub by: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Gate {
    /// A gate that nobody has used yet: closed, all zeros. Its generation is the moment of its making, so that an item
    /// that was deleted and made again never meets reports of its former life.
    pub fn new(now: Timestamp) -> Self {
        Self {
            state: BreakerState::Closed,
            generation: u64::try_from(now.0).unwrap_or(0),
            until: Timestamp(0),
            opens: 0,
            permits: BTreeSet::new(),
            successes: BTreeSet::new(),
            not_before: Timestamp(0),
            tat: Micros(0),
            sequence: 0,
            failures: BTreeMap::new(),
            slow: BTreeMap::new(),
            since: now,
            by: "gate".to_owned(),
            why: "never opened".to_owned(),
        }
    }
}
