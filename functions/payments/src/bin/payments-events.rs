//! Hears the saga's events for payments.

use aws::charges::DynamoRows;
use aws::queues::SqsDeadLetters;
use aws::system::System;
use payments::choreography::Choreography;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (table, dlq) = (env.text("PAYMENTS_TABLE")?, env.text("EVENTS_DLQ_URL")?);
    let sdk = aws::config::load().await;
    let service = Choreography { charges: DynamoRows::payments(&sdk, table), clock: System };
    let service = &service;
    let dead_letters = SqsDeadLetters::new(&sdk, dlq);
    lambda::events::run(&dead_letters, async |event| service.hear(&event).await).await
}
