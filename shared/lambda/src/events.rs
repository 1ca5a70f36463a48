//! Consumers of the saga's events: a queue behind the bus, and its dead-letter queue.

use crate::batch;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::events::Event;
use domain::services::{DeadLetters, ServiceError};
use domain::store::StoreError;
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Why an event could not be handled; it comes again, and ends in the dead-letter queue when it came too often.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// A table gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A third party gave no usable answer, or was not to be called now.
    #[error("{0}")]
    NotYet(String),
    /// Somebody wrote between each read and write.
    #[error("the row is contended: somebody wrote between each read and write")]
    Contended,
}

/// Hears one message of a queue behind the bus. What can never be read goes to the dead-letter queue at once, with the
/// reason.
///
/// # Errors
/// [`HearError`]: the message comes again.
pub async fn hear(
    text: &str,
    dead_letters: &impl DeadLetters,
    heard: &impl AsyncFn(Event) -> Result<(), HearError>,
) -> Result<(), HearError> {
    match Event::from_bus(text) {
        Ok(event) => heard(event).await,
        Err(poison) => {
            tracing::warn!(reason = poison.reason, "a message is no event of the saga and goes to the DLQ");
            Ok(dead_letters.park(text, &poison.to_string()).await?)
        }
    }
}

/// Hears each message of a batch.
pub async fn hear_all(
    batch: SqsEvent,
    dead_letters: &impl DeadLetters,
    heard: &impl AsyncFn(Event) -> Result<(), HearError>,
) -> SqsBatchResponse {
    batch::each(batch.records, async |message| {
        hear(message.body.as_deref().unwrap_or_default(), dead_letters, heard).await
    })
    .await
}

/// Runs a function that hears events.
///
/// # Errors
/// What the Lambda runtime says when it cannot go on.
pub async fn run(
    dead_letters: &impl DeadLetters,
    heard: impl AsyncFn(Event) -> Result<(), HearError>,
) -> Result<(), Error> {
    let heard = &heard;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(Box::pin(hear_all(event.payload, dead_letters, heard)).await)
    }))
    .await
}
