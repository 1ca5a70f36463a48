//! Ports to what is around the pipeline: its queue, its executions, a dead-letter queue.

use crate::intent::IntentMessage;
use crate::ledger::Execution;
use std::future::Future;
use std::time::Duration;

/// A service behind a port gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service} gave no usable answer: {reason}")]
pub struct ServiceError {
    /// Which service.
    pub service: &'static str,
    /// For the log.
    pub reason: String,
}

/// The queue that the Pipe reads.
pub trait IntentQueue {
    /// Sends an intent's message, to be seen after `delay` (at most 15 minutes, SQS's limit).
    fn send(&self, message: &IntentMessage, delay: Duration) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// How long its oldest message has waited.
    fn oldest_age(&self) -> impl Future<Output = Result<Duration, ServiceError>> + Send;
}

/// A dead-letter queue that takes a message together with the reason.
pub trait DeadLetters {
    /// Parks a message's text.
    fn park(&self, text: &str, reason: &str) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// What became of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// It is at work.
    StillRuns,
    /// It ended, in whatever way, or nobody knows it any more.
    Over,
}

/// Asking the state machine about an execution.
pub trait Executions {
    /// Whether it still runs.
    fn ran(&self, execution: &Execution) -> impl Future<Output = Result<Ran, ServiceError>> + Send;
}

/// The state machine that conducts intents of the orchestrated styles.
pub trait Conductor {
    /// Hands one intent over, as the Pipe would.
    fn conduct(&self, message: &IntentMessage) -> impl Future<Output = Result<(), ServiceError>> + Send;
}
