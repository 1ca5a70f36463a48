//! SQS batches with partial answers: a record that fails comes again, alone.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};

/// Handles each record of a batch and names those that failed.
pub async fn each<F, E>(records: Vec<SqsMessage>, handle: impl Fn(SqsMessage) -> F) -> SqsBatchResponse
where
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut response = SqsBatchResponse::default();
    for record in records {
        let id = record.message_id.clone().unwrap_or_default();
        if let Err(error) = handle(record).await {
            tracing::warn!(message.id = id, error = %error, "the message could not be handled and comes again");
            response.add_failure(id);
        }
    }
    response
}
