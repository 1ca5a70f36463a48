//! A fraud provider in memory, which may change its mind about the same charge.

use crate::turn::{Turnstile, lock};
use domain::choreography::fraud::Verdict;
use domain::events::Order;
use domain::fraud_provider::{FraudError, FraudProvider};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    down: bool,
    rejects_next: VecDeque<bool>,
}

/// A fraud provider in memory; it passes everybody unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct MemoryFraud {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
}

impl MemoryFraud {
    /// A provider whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Goes down or comes up.
    pub fn set_down(&self, down: bool) {
        lock(&self.state).down = down;
    }

    /// Says of one of the next calls whether it rejects.
    pub fn next(&self, rejects: bool) {
        lock(&self.state).rejects_next.push_back(rejects);
    }
}

impl FraudProvider for MemoryFraud {
    async fn check(&self, _order: &Order) -> Result<Verdict, FraudError> {
        self.turns.pass("fraud.check").await;
        let mut state = lock(&self.state);
        if state.down {
            return Err(FraudError::Unknown { reason: "down".to_owned() });
        }
        Ok(if state.rejects_next.pop_front().unwrap_or(false) {
            Verdict::Failed { reason: "fraud".to_owned() }
        } else {
            Verdict::Passed
        })
    }
}
