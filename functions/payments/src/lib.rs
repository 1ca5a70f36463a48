//! The payments service: it owns the charges. Where a state machine conducts the saga it speaks to the payment provider
//! itself; in a choreography payment-proxy does, and payments hears of it ([`choreography`]).
//!
//! A charge is taken in durable steps: create an unconfirmed payment, store its id, confirm the stored id, read the
//! object. Every answer of the provider is a hint; the object decides. A row only moves forward, so a call that
//! outlives its execution finds the place taken.
//!
//! A call that the provider's gate held back changed nothing: the task fails as `RateLimited` or `CallNotPermitted`, and
//! its repetition goes on where it stopped, under the same keys.

pub mod choreography;
pub mod config;

use domain::charges::{ChargeRow, ChargeState, Rows, Settled};
use domain::intent::Charge;
use domain::money::{Currency, Money};
use domain::payment_dialogue::{self, GivenBack, Keys};
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use domain::store::{Commit, Versioned};
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 10;

/// The part of an intent that payments reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentOrder {
    /// Which charge.
    pub charge: Charge,
    /// Part of the provider's keys: a saved error is never replayed into the next attempt.
    pub attempt: u32,
    /// Minor units.
    pub amount: u64,
    /// ISO 4217.
    pub currency: Currency,
    /// The token to pay with.
    pub payment_method: domain::intent::PaymentMethod,
}

impl PaymentOrder {
    fn keys(&self, retry: u32) -> Keys<'_> {
        Keys { charge: &self.charge, attempt: self.attempt, retry }
    }

    fn money(&self) -> Money {
        Money { amount: self.amount, currency: self.currency.clone() }
    }
}

/// What the state machine asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Request {
    /// Take the money.
    Charge {
        /// For what.
        intent: PaymentOrder,
    },
    /// End a charge that must not stand. The caller has the decision `refused`.
    Settle {
        /// For what.
        intent: PaymentOrder,
        /// How often the state machine has repeated this task: part of the provider's keys, so that a saved error is
        /// not replayed into every repetition. A repeated refund is safe: the object is read before and after.
        #[serde(default)]
        retry: u32,
    },
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The money is ours.
    Captured,
    /// Settled: the money went back.
    Refunded,
    /// Settled: no money was taken.
    Canceled,
}

/// What the state machine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
}

impl Answer {
    fn of(outcome: Outcome) -> Self {
        Self { outcome }
    }
}

/// The service behind the Lambda `payments-task`.
pub struct Payments<S, P> {
    /// The charges.
    pub charges: S,
    /// Who takes the money.
    pub provider: P,
}

impl<S: Rows<ChargeRow>, P: PaymentProvider> Payments<S, P> {
    /// Answers one task.
    ///
    /// # Errors
    /// `Retryable` while the outcome is unknown; `RateLimited` or `CallNotPermitted` when the provider was not to be called
    /// now; `Terminal` when the provider will never do it. A charge that is not
    /// captured is no success: `Declined` when the issuer said no, or wants the customer to act, which nobody can ask for
    /// in the background; `Settling` when the charge is being settled or is settled.
    pub async fn handle(&self, request: Request) -> Result<Answer, TaskError> {
        match request {
            Request::Charge { intent } => self.charge(&intent).await,
            Request::Settle { intent, retry } => self.settle(&intent, retry).await,
        }
    }

    async fn charge(&self, order: &PaymentOrder) -> Result<Answer, TaskError> {
        for _ in 0..CONFLICTS {
            let row = match self.charges.row(&order.charge).await? {
                None => match self.create_and_store(order).await? {
                    Created::Stored(row) => row,
                    Created::Conflict => continue,
                },
                Some(row) => row,
            };
            let id = match (row.value.state, &row.value.payment_id) {
                (ChargeState::Captured, _) => return Ok(Answer::of(Outcome::Captured)),
                (ChargeState::Created, Some(id)) => id.clone(),
                _ => return Err(settling()),
            };
            match payment_dialogue::confirm(&self.provider, order.keys(0), &id).await.map_err(|e| task_error(&e))? {
                PaymentState::Captured => {
                    if self.advance(&row, ChargeState::Captured).await? == Commit::Done {
                        tracing::info!(charge = %order.charge, "captured");
                        return Ok(Answer::of(Outcome::Captured));
                    }
                }
                PaymentState::Declined => return Err(TaskError::Declined("card-declined".to_owned())),
                PaymentState::ActionRequired => return Err(TaskError::Declined("action-required".to_owned())),
                PaymentState::Refunded | PaymentState::RefundPending | PaymentState::Canceled => {
                    return Err(settling());
                }
                PaymentState::Unconfirmed | PaymentState::Processing => {
                    return Err(TaskError::Retryable("the payment's outcome is not known yet".to_owned()));
                }
            }
        }
        Err(contended())
    }

    /// Creates a payment that nobody confirmed and stores its id. Whoever loses the race leaves an orphan at the
    /// provider that takes no money.
    async fn create_and_store(&self, order: &PaymentOrder) -> Result<Created, TaskError> {
        let payment = NewPayment {
            money: order.money(),
            payment_method: order.payment_method.as_str().to_owned(),
            intent: order.charge.intent.to_string(),
        };
        let id = match self.provider.create(&order.keys(0).create(), &payment).await {
            Ok(id) => id,
            Err(ProviderError::Declined { code }) => return Err(TaskError::Declined(code)),
            Err(error) => return Err(task_error(&error)),
        };
        let row = ChargeRow {
            charge: order.charge.clone(),
            state: ChargeState::Created,
            payment_id: Some(id),
            money: order.money(),
            reason: None,
        };
        Ok(match self.charges.put(row.clone(), None, &[]).await? {
            Commit::Done => Created::Stored(Versioned { value: row, revision: 1 }),
            Commit::Conflict => Created::Conflict,
        })
    }

    async fn settle(&self, order: &PaymentOrder, retry: u32) -> Result<Answer, TaskError> {
        for _ in 0..CONFLICTS {
            let Some(row) = self.charges.row(&order.charge).await? else {
                // A tombstone: a call that still wants to store or capture finds the place taken.
                let tombstone = ChargeRow {
                    charge: order.charge.clone(),
                    state: ChargeState::Refunding,
                    payment_id: None,
                    money: order.money(),
                    reason: None,
                };
                if self.charges.put(tombstone, None, &[]).await? == Commit::Done {
                    tracing::info!(charge = %order.charge, "nothing was begun; the place is taken");
                }
                continue;
            };
            let end = match (row.value.state, &row.value.payment_id) {
                // Payment-proxy has its payment, if there is one: nothing that is known here settles it.
                (ChargeState::Requested, _) => {
                    return Err(TaskError::Terminal("the charge belongs to a choreography".to_owned()));
                }
                (ChargeState::Refunded, _) => return Ok(Answer::of(Outcome::Refunded)),
                (ChargeState::Canceled, _) => return Ok(Answer::of(Outcome::Canceled)),
                (ChargeState::Created | ChargeState::Captured, _) => ChargeState::Refunding,
                (ChargeState::Refunding, None) => ChargeState::Canceled,
                (ChargeState::Refunding, Some(id)) => match self.give_back(order, retry, id).await? {
                    Settled::Refunded => ChargeState::Refunded,
                    Settled::Canceled => ChargeState::Canceled,
                },
            };
            // A conflict is another call that settles the same charge: read what it wrote.
            if self.advance(&row, end).await? == Commit::Done {
                tracing::info!(charge = %order.charge, state = ?end, "settling");
            }
        }
        Err(contended())
    }

    /// Cancels or refunds until the object says that no money is held.
    async fn give_back(&self, order: &PaymentOrder, retry: u32, id: &PaymentId) -> Result<Settled, TaskError> {
        match payment_dialogue::give_back(&self.provider, order.keys(retry), id).await.map_err(|e| task_error(&e))? {
            GivenBack::Settled(settled) => Ok(settled),
            GivenBack::Refused { code } => {
                Err(TaskError::Terminal(format!("the provider refuses to settle the payment: {code}")))
            }
            GivenBack::Pending => Err(TaskError::Retryable("the payment is not settled yet".to_owned())),
        }
    }

    async fn advance(&self, row: &Versioned<ChargeRow>, state: ChargeState) -> Result<Commit, TaskError> {
        let next = ChargeRow { state, ..row.value.clone() };
        Ok(self.charges.put(next, Some(row.revision), &[]).await?)
    }
}

enum Created {
    Stored(Versioned<ChargeRow>),
    Conflict,
}

fn task_error(error: &ProviderError) -> TaskError {
    match error {
        ProviderError::Unknown { .. } => TaskError::Retryable(error.to_string()),
        ProviderError::RateLimited { .. } => TaskError::RateLimited(error.to_string()),
        ProviderError::NotPermitted { .. } => TaskError::CallNotPermitted(error.to_string()),
        ProviderError::Rejected { .. } | ProviderError::Declined { .. } => TaskError::Terminal(error.to_string()),
    }
}

fn settling() -> TaskError {
    TaskError::Settling("charge-ended".to_owned())
}

fn contended() -> TaskError {
    TaskError::Retryable("the charge's row is contended: somebody wrote between each read and write".to_owned())
}
