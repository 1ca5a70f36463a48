//! The pipeline breaker: the breaker whose switch is an EventBridge Pipe. The record says what shall be; the Pipe and
//! the projection follow it, and only the holder of the record's lease touches those two.

use crate::breaker::BreakerState;
use crate::services::ServiceError;
use crate::store::{Commit, StoreError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// One row of `pipelines`. Where there is none, the breaker is closed since ever, in generation 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What shall be.
    pub state: BreakerState,
    /// Rises with each change of state; every write is conditioned on the one that it read.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The generation that Pipe and projection follow.
    #[serde(default)]
    pub applied: Option<u64>,
    /// We asked the Pipe to stop. Without it, a Pipe that does not run was stopped by somebody else.
    #[serde(default)]
    pub stop_mark: bool,
    /// When the Pipe was seen stopped; what it had polled may still arrive for a while after.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// No trial before this.
    #[serde(default)]
    pub next_probe_at: Option<Timestamp>,
    /// Probes that failed in a row.
    #[serde(default)]
    pub opens: u32,
    /// Who changed the state: `alarm`, `probe`, `outside` or a person.
    #[serde(default)]
    pub by: String,
    /// Why, as a sentence.
    #[serde(default)]
    pub why: String,
    /// Since when intents wait, or flow: an outage has one beginning, however often it is probed.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            generation: 0,
            applied: Some(0),
            stop_mark: false,
            stopped_at: None,
            next_probe_at: None,
            opens: 0,
            by: "deploy".to_owned(),
            why: "never opened".to_owned(),
            since: None,
        }
    }
}

impl Record {
    /// Whether Pipe and projection follow this generation.
    pub fn is_applied(&self) -> bool {
        self.applied == Some(self.generation)
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What shall be.
    pub to: BreakerState,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
    /// No trial before this.
    pub next_probe_at: Option<Timestamp>,
    /// Probes that failed in a row, from now on.
    pub opens: u32,
    /// When.
    pub at: Timestamp,
}

impl Transition {
    /// Whether intents begin to wait, or to flow.
    pub fn turns(&self, from: &Record) -> bool {
        from.since.is_none() || from.state.lets_flow() != self.to.lets_flow()
    }

    /// Whether the mark of our stop is void: it belongs to one span between two flowing states.
    pub fn clears_stop_mark(&self, from: BreakerState) -> bool {
        from.lets_flow() || self.to.lets_flow()
    }
}

/// The record's table. Each write is conditioned on the generation that the caller read.
pub trait Records {
    /// The record, consistently read.
    fn read(&self) -> impl Future<Output = Result<Record, StoreError>> + Send;
    /// Changes the state; the generation rises by one.
    fn write(&self, from: &Record, to: &Transition) -> impl Future<Output = Result<Commit, StoreError>> + Send;
    /// Marks that we are about to stop the Pipe: SET stopMark REMOVE applied.
    fn mark_stop(&self, generation: u64) -> impl Future<Output = Result<Commit, StoreError>> + Send;
    /// Pipe and projection follow now. `newly` also sets `stoppedAt`.
    fn mark_applied(
        &self,
        generation: u64,
        newly: bool,
        now: Timestamp,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
    /// Takes the lease until a moment; a conflict means that somebody holds it.
    fn take_lease(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
    /// Frees the lease if this holder has it.
    fn free_lease(&self, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What the Pipe does, as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchState {
    /// It delivers (also where a stop failed).
    Running,
    /// It does not (also where a start failed).
    Stopped,
    /// It is on the way, or being created, updated or deleted.
    InTransition,
}

/// The Pipe. Starting and stopping only ask; a conflict with another change counts as asked.
pub trait Switch {
    /// What it does now.
    fn state(&self) -> impl Future<Output = Result<SwitchState, ServiceError>> + Send;
    /// Asks it to start.
    fn start(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// Asks it to stop.
    fn stop(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// The parameter that the banner reads.
pub trait Projection {
    /// Writes what the record says.
    fn publish(&self, record: &Record) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// Reading that parameter.
pub trait ProjectionSource {
    /// Its text.
    fn read(&self) -> impl Future<Output = Result<String, ServiceError>> + Send;
}

/// The alarm's level: events about it get lost, the level does not.
pub trait Alarm {
    /// Whether it is in ALARM.
    fn is_ringing(&self) -> impl Future<Output = Result<bool, ServiceError>> + Send;
}

/// An intent taken from the queue for a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedIntent {
    /// The message's id.
    pub id: String,
    /// What deletes it.
    pub receipt: String,
    /// Its text, handed over as it is.
    pub body: String,
}

/// What a trial says about the dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// It went all the way, or ended as somebody who answered said.
    Healthy,
    /// It says nothing: a duplicate, a busy intent.
    None,
    /// It failed.
    Failed,
}

/// The queue and the state machine behind the Pipe.
pub trait Trials {
    /// Takes at most `limit` intents from the queue.
    fn receive(&self, limit: u32) -> impl Future<Output = Result<Vec<QueuedIntent>, ServiceError>> + Send;
    /// Starts an execution for an intent, as the Pipe would, and returns its ARN.
    fn start(&self, intent: &QueuedIntent, name: &str) -> impl Future<Output = Result<String, ServiceError>> + Send;
    /// Deletes the intent's message.
    fn delete(&self, intent: &QueuedIntent) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// How the execution ended; `None` while it runs.
    fn evidence(&self, execution: &str) -> impl Future<Output = Result<Option<Evidence>, ServiceError>> + Send;
}
