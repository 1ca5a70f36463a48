//! Tells of requests that the newsletter's provider never took.

use aws::records::DynamoIdempotency;
use aws::system::System;
use aws_lambda_events::sqs::SqsEvent;
use customer_relations::newsletter::NewsletterFailures;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let sdk = aws::config::load().await;
    let records = DynamoIdempotency::new(&sdk, env.text("IDEMPOTENCY_TABLE")?, "newsletter-failed");
    let service = NewsletterFailures { records, clock: System };
    let service = &service;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let each = |record: aws_lambda_events::sqs::SqsMessage| async move {
            service.handle(record.body.as_deref().unwrap_or_default()).await
        };
        Ok::<_, Error>(Box::pin(lambda::batch::each(event.payload.records, each)).await)
    }))
    .await
}
