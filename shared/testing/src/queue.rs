//! The intents' queue, and a dead-letter queue, in memory.

use crate::turn::{Turnstile, lock};
use domain::intent::IntentMessage;
use domain::services::{Conductor, DeadLetters, IntentQueue, ServiceError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A queue in memory; delays are noted and not waited for, as a message may come at any time.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    messages: Arc<Mutex<VecDeque<String>>>,
    oldest: Arc<Mutex<Duration>>,
    turns: Turnstile,
}

impl MemoryQueue {
    /// A queue whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Puts a message there; takes no turn.
    pub fn push(&self, text: impl Into<String>) {
        lock(&self.messages).push_back(text.into());
    }

    /// Takes the first message; takes no turn.
    pub fn pop(&self) -> Option<String> {
        lock(&self.messages).pop_front()
    }

    /// How many wait; takes no turn.
    pub fn len(&self) -> usize {
        lock(&self.messages).len()
    }

    /// Whether none waits; takes no turn.
    pub fn is_empty(&self) -> bool {
        lock(&self.messages).is_empty()
    }

    /// Says how long the oldest message has waited.
    pub fn set_oldest_age(&self, age: Duration) {
        *lock(&self.oldest) = age;
    }
}

impl IntentQueue for MemoryQueue {
    async fn send(&self, message: &IntentMessage, _delay: Duration) -> Result<(), ServiceError> {
        let text =
            serde_json::to_string(message).map_err(|e| ServiceError { service: "queue", reason: e.to_string() })?;
        let no_answer = |call| ServiceError { service: "queue", reason: format!("{call} was tripped") };
        self.turns.try_pass("queue.send", no_answer, || self.push(text)).await
    }

    async fn oldest_age(&self) -> Result<Duration, ServiceError> {
        self.turns.pass("queue.oldest_age").await;
        Ok(*lock(&self.oldest))
    }
}

/// Dead letters in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryDeadLetters(Arc<Mutex<Vec<(String, String)>>>);

impl MemoryDeadLetters {
    /// Texts and reasons.
    pub fn letters(&self) -> Vec<(String, String)> {
        lock(&self.0).clone()
    }
}

impl DeadLetters for MemoryDeadLetters {
    async fn park(&self, text: &str, reason: &str) -> Result<(), ServiceError> {
        lock(&self.0).push((text.to_owned(), reason.to_owned()));
        Ok(())
    }
}

/// A state machine that only notes what it is handed.
#[derive(Debug, Clone, Default)]
pub struct MemoryConductor(Arc<Mutex<Vec<IntentMessage>>>);

impl MemoryConductor {
    /// What was handed over.
    pub fn conducted(&self) -> Vec<IntentMessage> {
        lock(&self.0).clone()
    }
}

impl Conductor for MemoryConductor {
    async fn conduct(&self, message: &IntentMessage) -> Result<(), ServiceError> {
        lock(&self.0).push(message.clone());
        Ok(())
    }
}
