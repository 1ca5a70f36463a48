//! The steps of the saga that write the ledger. Each reads, decides by a pure transition, and writes on the condition
//! that nobody wrote in between; a conflict decides anew.

use crate::CONFLICTS;
use crate::choreography::{self, Taken};
use domain::charges::{ChargeReader, ChargeState, Settled};
use domain::decisions::{Decision, DecisionReader};
use domain::intent::{Charge, CustomerId, IntentId, IntentKey, IntentMessage, PaymentMethod, Tier};
use domain::ledger::store::{Change, Ledger};
use domain::ledger::transitions::{self, Claim, Step};
use domain::ledger::{Execution, Intent, Out, Status, Terms, TierLock};
use domain::pipeline::Evidence;
use domain::store::{Commit, Versioned};
use domain::time::Clock;
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An intent as it travels through the state machine. The ledger stays the truth: this is what the next steps need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntentView {
    /// Whose.
    pub customer: CustomerId,
    /// Its id.
    pub intent_id: IntentId,
    /// The customer's name for it.
    pub key: IntentKey,
    /// The charge of this attempt.
    pub charge: Charge,
    /// Which attempt.
    pub attempt: u32,
    /// What is subscribed to.
    pub tier: Tier,
    /// The price in minor units.
    pub amount: u64,
    /// Its currency.
    pub currency: domain::money::Currency,
    /// The token to pay with.
    pub payment_method: PaymentMethod,
}

impl From<&Intent> for IntentView {
    fn from(intent: &Intent) -> Self {
        Self {
            customer: intent.customer.clone(),
            intent_id: intent.intent_id.clone(),
            key: intent.key.clone(),
            charge: intent.charge(),
            attempt: intent.attempt,
            tier: intent.body.tier,
            amount: intent.price.amount,
            currency: intent.price.currency.clone(),
            payment_method: intent.body.payment_method.clone(),
        }
    }
}

/// What the state machine asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Request {
    /// Take an intent from a message and say where to go on.
    Claim {
        /// The message's text.
        message: String,
        /// Who asks.
        execution: Execution,
    },
    /// The content is unblocked: make the customer active.
    Activate {
        /// Which intent.
        intent: IntentView,
        /// Who asks.
        execution: Execution,
    },
    /// Say that the charge will be settled.
    BeginSettling {
        /// Which intent.
        intent: IntentView,
        /// Who asks.
        execution: Execution,
        /// How it shall end.
        settle_as: Out,
        /// Why, a code.
        reason: String,
    },
    /// The charge is settled: end.
    FinishSettling {
        /// Which intent.
        intent: IntentView,
        /// Who asks.
        execution: Execution,
        /// How the charge ended.
        settled: Settled,
        /// Who declined in this very execution, if somebody did.
        #[serde(default)]
        declined_by: String,
    },
    /// Settling failed for good: ask a person.
    Park {
        /// Which intent.
        intent: IntentView,
        /// Who asks.
        execution: Execution,
        /// Why.
        reason: String,
    },
}

/// Where the state machine goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// Forward, from the start.
    FraudCheck,
    /// Forward: the money is there.
    Unblock,
    /// Forward: the content is there.
    Activate,
    /// Back.
    Settle,
    /// Back, second step: refuse the content.
    Refuse,
    /// Nothing to do.
    End,
    /// The message can never be handled.
    Poison,
}

/// What the state machine is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Where to go on, if the step can branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// How it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What that says about the dependencies, to the pipeline breaker's probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How it shall end, when `next` is `settle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_as: Option<Out>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What payments' row says of the charge, when `next` is `unblock`: content access asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged: Option<ChargeState>,
    /// The intent, when there is work to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentView>,
}

impl Answer {
    fn end(outcome: &'static str, evidence: Evidence) -> Self {
        Self { next: Some(Next::End), outcome: Some(outcome), evidence: Some(evidence), ..Self::default() }
    }

    fn go(next: Next, intent: &Intent) -> Self {
        Self { next: Some(next), intent: Some(intent.into()), ..Self::default() }
    }

    fn settle(intent: &Intent, settle_as: Out, reason: &str) -> Self {
        Self { settle_as: Some(settle_as), reason: Some(reason.to_owned()), ..Self::go(Next::Settle, intent) }
    }
}

/// The service behind the Lambda `subscriptions-task`.
pub struct Tasks<L, P, D, C> {
    /// The ledger.
    pub ledger: L,
    /// Payments' rows, to read.
    pub charges: P,
    /// The decisions, to read.
    pub decisions: D,
    /// The time.
    pub clock: C,
    /// What a new intent is promised.
    pub terms: Terms,
    /// In a choreography: how long an attempt may take before it is taken back.
    pub attempt_timeout: Duration,
}

impl<L: Ledger, P: ChargeReader, D: DecisionReader, C: Clock> Tasks<L, P, D, C> {
    /// Answers one task.
    ///
    /// # Errors
    /// `Retryable` when a table gives no answer; `Terminal` when a step is called out of order.
    pub async fn handle(&self, request: Request) -> Result<Answer, TaskError> {
        match request {
            Request::Claim { message, execution } => self.claim(&message, &execution).await,
            Request::Activate { intent, execution } => self.activate(&intent, &execution).await,
            Request::BeginSettling { intent, execution, settle_as, reason } => {
                self.begin_settling(&intent, &execution, settle_as, &reason).await
            }
            Request::FinishSettling { intent, execution, settled, declined_by } => {
                self.finish_settling(&intent, &execution, settled, &declined_by).await
            }
            Request::Park { intent, execution, reason } => self.park(&intent, &execution, &reason).await,
        }
    }

    async fn claim(&self, text: &str, me: &Execution) -> Result<Answer, TaskError> {
        let message = match IntentMessage::parse(text) {
            Ok(message) => message,
            Err(poison) => {
                tracing::warn!(execution.arn = me.0, reason = poison.reason, "a message is no subscription intent");
                let reason = Some(poison.to_string());
                return Ok(Answer { next: Some(Next::Poison), reason, ..Answer::end("poison", Evidence::None) });
            }
        };
        let (customer, id) = (&message.customer, message.intent_id());
        for _ in 0..CONFLICTS {
            let row = self.ledger.intent(customer, &id).await?;
            if row.as_ref().map_or(self.terms.style, |row| row.value.style).is_choreographed() {
                return self.hand_over(&message).await;
            }
            let lock = self.ledger.lock(customer, message.body.tier).await?;
            let charge = row.as_ref().map_or_else(|| Charge { intent: id.clone(), n: 1 }, |r| r.value.charge());
            let begun = self.charges.charge(&charge).await?.is_some_and(|c| c.value.settled().is_none());
            let now = self.clock.now();
            let write = match transitions::claim(row.as_ref(), &lock, &message, me, begun, &self.terms, now) {
                Claim::Take(write) | Claim::Decline(write) => write,
                Claim::Mine(intent) => return self.route(&intent).await,
                Claim::Busy => return Ok(Answer::end("busy", Evidence::None)),
                Claim::Ended(intent) if intent.ended_by.as_ref() == Some(me) => {
                    return Ok(Answer::end(intent.status.as_str(), Evidence::None));
                }
                Claim::Ended(_) => return Ok(Answer::end("duplicate", Evidence::None)),
            };
            let intent = write.intent.clone();
            if self.ledger.commit(*write).await? == Commit::Conflict {
                continue;
            }
            tracing::info!(intent.id = %id, status = intent.status.as_str(), attempt = intent.attempt, "claimed");
            return if intent.status.is_terminal() {
                Ok(Answer::end(intent.status.as_str(), Evidence::None))
            } else {
                self.route(&intent).await
            };
        }
        Err(contended())
    }

    /// An intent that began as a choreography goes on as one, whatever the style is now: its events drive it, and this
    /// execution has no more to do.
    async fn hand_over(&self, message: &IntentMessage) -> Result<Answer, TaskError> {
        match choreography::take_up(&self.ledger, &self.clock, &self.terms, self.attempt_timeout, message).await {
            Ok(Taken::Duplicate) => Ok(Answer::end("duplicate", Evidence::None)),
            Ok(Taken::Up(_)) => Ok(Answer::end("choreographed", Evidence::None)),
            Ok(Taken::Orchestrated) => Err(TaskError::Retryable("its style changed as it was read".to_owned())),
            Err(error) => Err(TaskError::Retryable(error.to_string())),
        }
    }

    /// Where a claimed intent goes on. These reads may be stale: every step decides for itself by its own table.
    async fn route(&self, intent: &Intent) -> Result<Answer, TaskError> {
        let charge = intent.charge();
        match self.decisions.decision(&charge).await? {
            Some(Decision::Granted { .. }) => return Ok(Answer::go(Next::Activate, intent)),
            Some(Decision::Refused { reason }) => return Ok(Answer::settle(intent, Out::Refunded, &reason)),
            None => {}
        }
        let state = self.charges.charge(&charge).await?.map(|row| row.value.state);
        Ok(match (intent.out, state) {
            (Some(out), _) => Answer::settle(intent, out, intent.reason.as_deref().unwrap_or("given-up")),
            (None, Some(ChargeState::Refunding | ChargeState::Refunded | ChargeState::Canceled)) => {
                Answer::settle(intent, Out::Refunded, "charge-ended")
            }
            (None, Some(charged @ ChargeState::Captured)) => {
                Answer { charged: Some(charged), ..Answer::go(Next::Unblock, intent) }
            }
            // `Requested` is a choreography's, whose intents never come here.
            (None, Some(ChargeState::Created | ChargeState::Requested) | None) => Answer::go(Next::FraudCheck, intent),
        })
    }

    async fn activate(&self, view: &IntentView, me: &Execution) -> Result<Answer, TaskError> {
        // The pivot is read, not believed: nobody becomes active without a stored grant.
        let Some(Decision::Granted { until }) = self.decisions.decision(&view.charge).await? else {
            return Err(TaskError::Terminal("activation without a granted decision".to_owned()));
        };
        let step = self.write(view, |row, lock| transitions::activate(row, lock, me, until, self.clock.now())).await?;
        Ok(match step {
            Some(Status::Active) => Answer::end("active", Evidence::Healthy),
            _ => Answer::end("lost", Evidence::None),
        })
    }

    async fn begin_settling(
        &self,
        view: &IntentView,
        me: &Execution,
        settle_as: Out,
        reason: &str,
    ) -> Result<Answer, TaskError> {
        let step = self
            .write(view, |row, _| transitions::begin_settling(row, me, settle_as, reason, self.clock.now()))
            .await?;
        Ok(match step {
            Some(Status::Compensating) => Answer { next: Some(Next::Refuse), ..Answer::default() },
            Some(status) => Answer::end(status.as_str(), Evidence::None),
            None => Answer::end("lost", Evidence::None),
        })
    }

    async fn finish_settling(
        &self,
        view: &IntentView,
        me: &Execution,
        settled: Settled,
        declined_by: &str,
    ) -> Result<Answer, TaskError> {
        let step = self
            .write(view, |row, lock| transitions::finish_settling(row, lock, me, settled, self.clock.now()))
            .await?;
        Ok(match step {
            // Whoever declines is alive; that is what a probe wants to know.
            Some(Status::Declined) if !declined_by.is_empty() => Answer::end("declined", Evidence::Healthy),
            Some(Status::Parked) => Answer::end("parked", Evidence::Failed),
            Some(status) => Answer::end(status.as_str(), Evidence::None),
            None => Answer::end("lost", Evidence::None),
        })
    }

    async fn park(&self, view: &IntentView, me: &Execution, reason: &str) -> Result<Answer, TaskError> {
        let step = self.write(view, |row, _| transitions::park(row, me, reason, self.clock.now())).await?;
        Ok(match step {
            Some(Status::Parked) => {
                tracing::error!(intent.id = %view.intent_id, "parked: a person must decide, money may be held");
                Answer::end("parked", Evidence::Failed)
            }
            _ => Answer::end("lost", Evidence::None),
        })
    }

    /// Writes what `decide` says, deciding anew after a conflict. The status that was written (or had been, by this
    /// owner); `None` where the intent is no longer ours.
    async fn write(
        &self,
        view: &IntentView,
        decide: impl Fn(&Versioned<Intent>, &Option<Versioned<TierLock>>) -> Step,
    ) -> Result<Option<Status>, TaskError> {
        for _ in 0..CONFLICTS {
            let row = self.ledger.intent(&view.customer, &view.intent_id).await?;
            let lock = self.ledger.lock(&view.customer, view.tier).await?;
            // A row of another charge is another attempt's: what this execution knows is void.
            let Some(row) = row.filter(|r| r.value.charge() == view.charge) else { return Ok(None) };
            let change: Change = match decide(&row, &lock) {
                Step::Write(change) => *change,
                Step::Done(status) => return Ok(Some(status)),
                Step::Lost => return Ok(None),
            };
            let status = change.intent.status;
            if self.ledger.commit(change).await? == Commit::Done {
                tracing::info!(intent.id = %view.intent_id, status = status.as_str(), "the ledger says so");
                return Ok(Some(status));
            }
        }
        Err(contended())
    }
}

fn contended() -> TaskError {
    TaskError::Retryable("the ledger's row is contended: somebody wrote between each read and write".to_owned())
}
