//! Subscriptions in a choreography: takes intents up and hears how they end. No execution owns the row: whoever hears
//! writes it, on the condition that nobody wrote in between.

use crate::CONFLICTS;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::cases::Cases;
use domain::choreography::subscriptions::{self, Claim, Heard};
use domain::events::Event;
use domain::intent::IntentMessage;
use domain::ledger::store::Ledger;
use domain::ledger::{Intent, Terms};
use domain::services::{Conductor, DeadLetters};
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;
use serde::Deserialize;
use std::time::Duration;

/// The service behind the Lambda `subscriptions-saga`.
pub struct Choreography<L, K, C, M, Q> {
    /// The ledger.
    pub ledger: L,
    /// The cases, to read.
    pub cases: K,
    /// The time.
    pub clock: C,
    /// What a new intent is promised.
    pub terms: Terms,
    /// How long an attempt may take before it is taken back.
    pub attempt_timeout: Duration,
    /// Where an intent goes on that began in another style.
    pub conductor: M,
    /// Where a message goes that is no intent.
    pub dead_letters: Q,
}

/// What the function is invoked with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Invocation {
    /// From the queue of the saga's events.
    Events(SqsEvent),
    /// From the Pipe: its records, without anything around them.
    Intents(Vec<SqsMessage>),
}

/// What became of an intent's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Events drive it now, or it is declined already.
    Up(Box<Intent>),
    /// It was under way already, has ended or waits for a person.
    Duplicate,
    /// It began in a style where a state machine conducts, and stays there.
    Orchestrated,
}

impl<L: Ledger, K: Cases, C: Clock, M: Conductor, Q: DeadLetters> Choreography<L, K, C, M, Q> {
    /// Answers one invocation: the records that must come again, or none.
    pub async fn answer(&self, invocation: Invocation, events_dlq: &impl DeadLetters) -> SqsBatchResponse {
        match invocation {
            Invocation::Events(batch) => {
                lambda::events::hear_all(batch, events_dlq, &async |event| self.hear(&event).await).await
            }
            Invocation::Intents(records) => {
                lambda::batch::each(records, async |record| {
                    self.handle(record.body.as_deref().unwrap_or_default()).await
                })
                .await
            }
        }
    }

    /// Handles one message of the Pipe. What can never be read goes to the dead-letter queue, with the reason; what began
    /// in another style goes to its state machine.
    ///
    /// # Errors
    /// [`HearError`]: the message comes again.
    pub async fn handle(&self, text: &str) -> Result<(), HearError> {
        let message = match IntentMessage::parse(text) {
            Ok(message) => message,
            Err(poison) => {
                tracing::warn!(reason = poison.reason, "a message is no subscription intent and goes to the DLQ");
                return Ok(self.dead_letters.park(text, &poison.to_string()).await?);
            }
        };
        match take_up(&self.ledger, &self.clock, &self.terms, self.attempt_timeout, &message).await? {
            Taken::Up(_) | Taken::Duplicate => Ok(()),
            Taken::Orchestrated => Ok(self.conductor.conduct(&message).await?),
        }
    }

    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        let matter = event.happened.matter();
        for _ in 0..CONFLICTS {
            // An event is told after its row was written, so there is a row, or the event is none of ours.
            let Some(row) = self.ledger.intent(&matter.customer, matter.intent()).await? else { return Ok(()) };
            let lock = self.ledger.lock(&matter.customer, matter.tier).await?;
            let case = match &row.value.case_id {
                Some(id) => self.cases.case(id).await?.map(|case| case.value),
                None => None,
            };
            match subscriptions::hear(&row, &lock, case, &event.happened, self.clock.now()) {
                Heard::Pass => return Ok(()),
                Heard::Tell(again) => return Ok(self.ledger.tell(&[*again]).await?),
                Heard::Write(change) => {
                    let status = change.intent.status.as_str();
                    if self.ledger.commit(*change).await? == Commit::Done {
                        let (id, name) = (matter.intent(), event.happened.name());
                        tracing::info!(intent.id = %id, status, event = name, "the ledger says so");
                        return Ok(());
                    }
                }
            }
        }
        Err(HearError::Contended)
    }
}

/// Takes an intent up.
///
/// # Errors
/// [`HearError`]: the message comes again.
pub(crate) async fn take_up(
    ledger: &impl Ledger,
    clock: &impl Clock,
    terms: &Terms,
    attempt_timeout: Duration,
    message: &IntentMessage,
) -> Result<Taken, HearError> {
    let id = message.intent_id();
    for _ in 0..CONFLICTS {
        let row = ledger.intent(&message.customer, &id).await?;
        if !row.as_ref().map_or(terms.style, |row| row.value.style).is_choreographed() {
            return Ok(Taken::Orchestrated);
        }
        let lock = ledger.lock(&message.customer, message.body.tier).await?;
        let claim = subscriptions::claim(row.as_ref(), &lock, message, terms, attempt_timeout, clock.now());
        let Claim::Write(change) = claim else { return Ok(Taken::Duplicate) };
        let intent = change.intent.clone();
        if ledger.commit(*change).await? == Commit::Done {
            let (status, attempt) = (intent.status.as_str(), intent.attempt);
            tracing::info!(intent.id = %id, status, attempt, "taken up");
            return Ok(Taken::Up(Box::new(intent)));
        }
    }
    Err(HearError::Contended)
}
