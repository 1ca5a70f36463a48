//! `intent-recovery`: one way back for all ways to fail. It hears of executions that ended badly, and sweeps the
//! ledger for what nobody heard of. It never judges money: at a limit it lets the saga settle, and only then asks a
//! person.

use crate::CONFLICTS;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::choreography;
use domain::decisions::{Refusals, refuse_or_read};
use domain::intent::{IntentMessage, what_is_wrong};
use domain::ledger::store::{IntentLists, Ledger};
use domain::ledger::transitions::{self, Fault, Recovery};
use domain::ledger::{Execution, Intent, Status};
use domain::services::{DeadLetters, Executions, IntentQueue, Ran, ServiceError};
use domain::store::{Commit, StoreError};
use domain::time::{Chance, Clock, Timestamp, full_jitter};
use lambda::telemetry::{Metrics, Unit};
use serde::Deserialize;
use std::time::Duration;

/// The first retry's longest delay; it doubles with each attempt.
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// How many rows of one status one sweep looks at. What it brings back leaves the list, so the next sweep sees others.
const SWEEP_LIMIT: u32 = 500;

/// The part of a "Step Functions Execution Status Change" that matters
/// (Step Functions developer guide, "Automating event delivery with EventBridge").
#[derive(Debug, Clone, Deserialize)]
pub struct StatusEvent {
    /// The execution.
    pub detail: StatusDetail,
}

/// Its detail.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetail {
    /// The ARN.
    pub execution_arn: String,
    /// `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// What the Pipe handed over; absent where it is too large for an event.
    #[serde(default)]
    pub input: Option<String>,
    /// The name that the state machine's Fail state gave.
    #[serde(default)]
    pub error: Option<String>,
    /// Its cause: JSON with a `dependency`, where the state machine wrote it.
    #[serde(default)]
    pub cause: Option<String>,
}

impl StatusDetail {
    /// Whose fault it was. An outage ends in `Retryable`; all else, time-outs and aborts too, is ours.
    fn fault(&self) -> Fault {
        if self.status == "FAILED" && self.error.as_deref() == Some("Retryable") {
            Fault::Dependency
        } else {
            Fault::Ours
        }
    }

    fn dependency(&self) -> String {
        #[derive(Deserialize)]
        struct Cause {
            dependency: String,
        }
        self.cause
            .as_deref()
            .and_then(|cause| serde_json::from_str::<Cause>(cause).ok())
            .map_or_else(|| "none".to_owned(), |cause| cause.dependency)
    }

    /// The message that the execution was started with.
    fn message(&self) -> Option<IntentMessage> {
        #[derive(Deserialize)]
        struct Record {
            body: String,
        }
        let records: Vec<Record> = serde_json::from_str(self.input.as_deref()?).ok()?;
        IntentMessage::parse(&records.first()?.body).ok()
    }
}

/// What the function is invoked with: a batch of status events, or the schedule's word to sweep.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Invocation {
    /// From the queue that hears status events.
    Events(SqsEvent),
    /// From the schedule.
    Sweep {
        /// Always true.
        sweep: bool,
    },
}

/// Why recovery must come again.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A table gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Somebody wrote between each read and write.
    #[error("the row of intent {0} is contended")]
    Contended(String),
}

/// When recovery acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Attempts that may fail by our own fault.
    pub max_attempts: u32,
    /// An owned row untouched for so long is asked about.
    pub stale_after: Duration,
    /// A message is sent again when it is older than this and anything in the queue.
    pub resend_after: Duration,
    /// In a choreography: how long an attempt may take.
    pub attempt_timeout: Duration,
    /// The longest delay of a retry.
    pub max_delay: Duration,
}

/// The service behind the Lambda `intent-recovery`.
pub struct IntentRecovery<L, D, Q, X, G, C, R> {
    /// The ledger.
    pub ledger: L,
    /// Where a second limit refuses.
    pub decisions: D,
    /// The queue.
    pub queue: Q,
    /// The executions.
    pub executions: X,
    /// Where an event goes that can never be read.
    pub dead_letters: G,
    /// The time.
    pub clock: C,
    /// Chance, for jitter.
    pub chance: R,
    /// When it acts.
    pub limits: Limits,
    /// Where `AttemptFailed` is counted.
    pub metrics: Metrics,
}

impl<L, D, Q, X, G, C, R> IntentRecovery<L, D, Q, X, G, C, R>
where
    L: Ledger + IntentLists,
    D: Refusals,
    Q: IntentQueue,
    X: Executions,
    G: DeadLetters,
    C: Clock,
    R: Chance,
{
    /// Answers one invocation: the records of a batch that must come again, or none.
    ///
    /// # Errors
    /// [`RecoveryError`] of a sweep; the next one tries again.
    pub async fn handle(&self, invocation: Invocation) -> Result<SqsBatchResponse, RecoveryError> {
        match invocation {
            Invocation::Events(batch) => {
                Ok(lambda::batch::each(batch.records, |record| self.hear(record.body.unwrap_or_default())).await)
            }
            Invocation::Sweep { .. } => self.sweep().await.map(|_| SqsBatchResponse::default()),
        }
    }

    async fn hear(&self, text: String) -> Result<(), RecoveryError> {
        match serde_json::from_str::<StatusEvent>(&text) {
            Ok(event) => self.execution_ended(&event.detail).await,
            Err(error) => {
                let reason = format!("not a status event of an execution: {}", what_is_wrong(&error));
                tracing::warn!(reason, "an event goes to the DLQ");
                Ok(self.dead_letters.park(&text, &reason).await?)
            }
        }
    }

    /// Hears that an execution ended badly. An event of an execution that owns nothing changes nothing, so a doubled
    /// or late event is harmless.
    ///
    /// # Errors
    /// [`RecoveryError`]: the event comes again.
    pub async fn execution_ended(&self, event: &StatusDetail) -> Result<(), RecoveryError> {
        let Some(message) = event.message() else {
            // The sweep asks about every owner, so an event without its input loses nothing but time.
            tracing::info!(execution.arn = event.execution_arn, "the event has no intent; the sweep will find it");
            return Ok(());
        };
        let dead = Execution(event.execution_arn.clone());
        let intent = (message.customer.clone(), message.intent_id());
        if self.recover(&intent.0, &intent.1, Some(&dead), event.fault()).await? {
            self.count_failed_attempt(&event.dependency(), "orchestration");
        }
        Ok(())
    }

    /// By dependency for people, by style for the alarm: where events drive the saga, no execution fails.
    fn count_failed_attempt(&self, dependency: &str, style: &str) {
        let now = self.clock.now();
        for dimension in [("Dependency", dependency), ("Style", style)] {
            self.metrics.put(now, "AttemptFailed", 1.0, Unit::Count, &[dimension]);
        }
    }

    /// Finds what nobody heard of: dead owners, lost messages, rows that grew too old. Returns how many rows it
    /// brought back.
    ///
    /// # Errors
    /// [`RecoveryError`], after all rows were tried: the first one.
    pub async fn sweep(&self) -> Result<u32, RecoveryError> {
        let now = self.clock.now();
        let mut failed = None;
        let mut touched = 0;
        // A message that was sent before the oldest one that still waits is not in the queue any more. However long
        // the circuit stays open, a waiting message is not doubled.
        let sent_before = now.minus(self.limits.resend_after).minus(self.queue.oldest_age().await?);
        for status in [Status::Accepted, Status::Retrying] {
            let unsent = self.ledger.unsent_since(status, sent_before, SWEEP_LIMIT).await;
            for intent in listed(unsent, &mut failed) {
                note(self.sweep_waiting(&intent, sent_before).await, &mut touched, &mut failed);
            }
        }
        for status in [Status::Processing, Status::Compensating] {
            // A choreography's attempt has a deadline of its own, which may be sooner.
            let after = self.limits.stale_after.min(self.limits.attempt_timeout);
            let stale = self.ledger.untouched_since(status, now.minus(after), SWEEP_LIMIT).await;
            for intent in listed(stale, &mut failed) {
                note(self.sweep_under_way(&intent).await, &mut touched, &mut failed);
            }
        }
        tracing::info!(rows = touched, "the sweep is done");
        failed.map_or(Ok(touched), Err)
    }

    async fn sweep_under_way(&self, intent: &Intent) -> Result<bool, RecoveryError> {
        let Some(owner) = &intent.owner else {
            let overdue = self.recover(&intent.customer, &intent.intent_id, None, Fault::Dependency).await?;
            if overdue {
                // Which dependency it waited for, only its events would tell.
                self.count_failed_attempt("unknown", "choreography");
            }
            return Ok(overdue);
        };
        if intent.updated_at > self.clock.now().minus(self.limits.stale_after) {
            return Ok(false);
        }
        if self.executions.ran(owner).await? == Ran::StillRuns {
            return Ok(false);
        }
        // How it ended is not known here: nobody's attempt is burned by a lost event.
        self.recover(&intent.customer, &intent.intent_id, Some(owner), Fault::Dependency).await
    }

    async fn sweep_waiting(&self, intent: &Intent, sent_before: Timestamp) -> Result<bool, RecoveryError> {
        let Some(row) = self.ledger.intent(&intent.customer, &intent.intent_id).await? else { return Ok(false) };
        let now = self.clock.now();
        if row.value.deadline < now && !row.value.extended {
            return self.recover(&intent.customer, &intent.intent_id, None, Fault::Dependency).await;
        }
        let Some(change) = transitions::resend(&row, sent_before, now) else { return Ok(false) };
        if self.ledger.commit(change).await? == Commit::Conflict {
            return Ok(false);
        }
        tracing::warn!(intent.id = %intent.intent_id, "its message was lost and is sent again");
        self.queue.send(&intent.message(), Duration::ZERO).await?;
        Ok(true)
    }

    /// Takes a failed attempt back; whether it was this call that did.
    async fn recover(
        &self,
        customer: &domain::intent::CustomerId,
        id: &domain::intent::IntentId,
        dead: Option<&Execution>,
        fault: Fault,
    ) -> Result<bool, RecoveryError> {
        for _ in 0..CONFLICTS {
            let Some(row) = self.ledger.intent(customer, id).await? else { return Ok(false) };
            let now = self.clock.now();
            let recovery = if row.value.style.is_choreographed() {
                choreography::subscriptions::recover(&row, now)
            } else {
                transitions::recover(&row, dead, fault, self.limits.max_attempts, now)
            };
            let change = match recovery {
                Recovery::Leave => return Ok(false),
                Recovery::SendAgain => {
                    self.queue.send(&row.value.message(), Duration::ZERO).await?;
                    return Ok(false);
                }
                Recovery::Retry(change) => *change,
                Recovery::Refuse => {
                    let decision = refuse_or_read(&self.decisions, &row.value.charge(), "given-up").await?;
                    transitions::give_up(&row, dead, decision.is_granted(), now)
                }
            };
            let intent = change.intent.clone();
            if self.ledger.commit(change).await? == Commit::Conflict {
                continue;
            }
            tracing::info!(
                intent.id = %id, status = intent.status.as_str(), attempt = intent.attempt, fault = ?fault,
                "a failed attempt was taken back"
            );
            if intent.status == Status::Retrying {
                let delay = full_jitter(FIRST_DELAY, intent.attempt - 1, self.limits.max_delay, &self.chance);
                self.queue.send(&intent.message(), delay).await?;
            }
            return Ok(true);
        }
        Err(RecoveryError::Contended(id.to_string()))
    }
}

fn listed(rows: Result<Vec<Intent>, StoreError>, failed: &mut Option<RecoveryError>) -> Vec<Intent> {
    rows.unwrap_or_else(|error| {
        note(Err(error.into()), &mut 0, failed);
        Vec::new()
    })
}

fn note(result: Result<bool, RecoveryError>, touched: &mut u32, failed: &mut Option<RecoveryError>) {
    match result {
        Ok(true) => *touched += 1,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(error = %error, "the sweep could not bring a row back; it tries again next time");
            failed.get_or_insert(error);
        }
    }
}
