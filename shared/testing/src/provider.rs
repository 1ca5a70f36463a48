//! A payment provider in memory, with the habits that hurt: it replays what it saved under a key, errors too, and may
//! act without an answer.

use crate::turn::{Turnstile, lock};
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// What happens to the next writing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Not reached: nothing happens, no answer.
    Unreachable,
    /// It acts, and the answer is lost.
    LostReply,
    /// It fails and saves the failure under the call's key: every repetition fails.
    Saved500,
    /// Of a confirmation: the issuer declines.
    Decline,
    /// Of a refund or cancellation: refused for good.
    Refuse,
}

#[derive(Debug, Clone)]
struct Payment {
    intent: String,
    method: String,
    state: PaymentState,
}

#[derive(Debug, Default)]
struct State {
    payments: Vec<Payment>,
    saved: BTreeMap<String, Result<PaymentId, ProviderError>>,
    mishaps: VecDeque<Mishap>,
    captures: BTreeMap<String, u32>,
    down: bool,
}

/// A payment provider in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryProvider {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
}

impl MemoryProvider {
    /// A provider whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Sets what happens to the next writing calls.
    pub fn next(&self, mishap: Mishap) {
        lock(&self.state).mishaps.push_back(mishap);
    }

    /// Goes down or comes up.
    pub fn set_down(&self, down: bool) {
        lock(&self.state).down = down;
    }

    /// Forgets all keys, as providers do after a day.
    pub fn forget_keys(&self) {
        lock(&self.state).saved.clear();
    }

    /// How often money was taken for an intent.
    pub fn captures(&self, intent: &str) -> u32 {
        lock(&self.state).captures.get(intent).copied().unwrap_or(0)
    }

    /// What an intent was to be paid with.
    pub fn payment_methods(&self, intent: &str) -> Vec<String> {
        let state = lock(&self.state);
        state.payments.iter().filter(|p| p.intent == intent).map(|p| p.method.clone()).collect()
    }

    /// The payments of an intent, by id.
    pub fn payments(&self, intent: &str) -> Vec<(PaymentId, PaymentState)> {
        let state = lock(&self.state);
        let of_intent = state.payments.iter().enumerate().filter(|(_, p)| p.intent == intent);
        of_intent.map(|(place, p)| (id(place), p.state)).collect()
    }

    async fn act(
        &self,
        call: &'static str,
        key: &str,
        act: impl FnOnce(&mut State, Option<Mishap>) -> Result<PaymentId, ProviderError>,
    ) -> Result<PaymentId, ProviderError> {
        self.turns.pass(call).await;
        let mut state = lock(&self.state);
        if state.down {
            return Err(unknown("down"));
        }
        if let Some(saved) = state.saved.get(key) {
            return saved.clone();
        }
        let mishap = state.mishaps.pop_front();
        if mishap == Some(Mishap::Unreachable) {
            return Err(unknown("unreachable"));
        }
        let answer = if mishap == Some(Mishap::Saved500) { Err(unknown("500")) } else { act(&mut state, mishap) };
        state.saved.insert(key.to_owned(), answer.clone());
        if mishap == Some(Mishap::LostReply) { Err(unknown("lost reply")) } else { answer }
    }
}

fn unknown(reason: &str) -> ProviderError {
    ProviderError::Unknown { reason: reason.to_owned() }
}

fn rejected(code: &str) -> ProviderError {
    ProviderError::Rejected { code: code.to_owned() }
}

fn id(place: usize) -> PaymentId {
    PaymentId(format!("pi_{place}"))
}

fn payment<'a>(state: &'a mut State, id: &PaymentId) -> Result<&'a mut Payment, ProviderError> {
    let place = id.0.strip_prefix("pi_").and_then(|n| n.parse::<usize>().ok());
    place.and_then(|place| state.payments.get_mut(place)).ok_or_else(|| rejected("resource_missing"))
}

impl PaymentProvider for MemoryProvider {
    async fn create(&self, key: &str, new: &NewPayment) -> Result<PaymentId, ProviderError> {
        self.act("provider.create", key, |state, _| {
            state.payments.push(Payment {
                intent: new.intent.clone(),
                method: new.payment_method.clone(),
                state: PaymentState::Unconfirmed,
            });
            Ok(id(state.payments.len() - 1))
        })
        .await
    }

    async fn confirm(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let confirmed = self.act("provider.confirm", key, |state, mishap| {
            let found = payment(state, id)?;
            if !matches!(found.state, PaymentState::Unconfirmed | PaymentState::Declined) {
                return Err(rejected("payment_intent_unexpected_state"));
            }
            if mishap == Some(Mishap::Decline) {
                found.state = PaymentState::Declined;
                return Err(ProviderError::Declined { code: "card_declined".to_owned() });
            }
            found.state = PaymentState::Captured;
            let intent = found.intent.clone();
            *state.captures.entry(intent).or_default() += 1;
            Ok(id.clone())
        });
        confirmed.await.map(drop)
    }

    async fn get(&self, id: &PaymentId) -> Result<PaymentState, ProviderError> {
        self.turns.pass("provider.get").await;
        let mut state = lock(&self.state);
        if state.down {
            return Err(unknown("down"));
        }
        Ok(payment(&mut state, id)?.state)
    }

    async fn cancel(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let canceled = self.act("provider.cancel", key, |state, mishap| {
            let found = payment(state, id)?;
            if mishap == Some(Mishap::Refuse) || matches!(found.state, PaymentState::Captured | PaymentState::Refunded)
            {
                return Err(rejected("payment_intent_unexpected_state"));
            }
            found.state = PaymentState::Canceled;
            Ok(id.clone())
        });
        canceled.await.map(drop)
    }

    async fn refund(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let refunded = self.act("provider.refund", key, |state, mishap| {
            let found = payment(state, id)?;
            if mishap == Some(Mishap::Refuse) || found.state != PaymentState::Captured {
                return Err(rejected("charge_not_refundable"));
            }
            found.state = PaymentState::Refunded;
            Ok(id.clone())
        });
        refunded.await.map(drop)
    }
}
