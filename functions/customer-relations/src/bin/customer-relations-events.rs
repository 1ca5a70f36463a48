//! Hears of new subscribers, and of what loyalty programme and newsletter say.

use aws::queues::SqsDeadLetters;
use aws::relations::{CognitoAddresses, DynamoRelations, SqsNewsletter};
use aws::system::System;
use customer_relations::events::CustomerRelations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let sdk = aws::config::load().await;
    let service = CustomerRelations {
        rows: DynamoRelations::new(&sdk, env.text("TABLE")?),
        addresses: CognitoAddresses::new(&sdk, env.text("USER_POOL_ID")?),
        newsletter: SqsNewsletter::new(&sdk, env.text("NEWSLETTER_QUEUE_URL")?),
        clock: System,
    };
    let service = &service;
    let dead_letters = SqsDeadLetters::new(&sdk, env.text("EVENTS_DLQ_URL")?);
    lambda::events::run(&dead_letters, async |event| service.hear(&event).await).await
}
