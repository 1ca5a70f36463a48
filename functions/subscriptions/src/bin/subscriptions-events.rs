//! Records accepted intents from `subscription-register`.

use aws::ledger::DynamoLedger;
use aws::queues::SqsDeadLetters;
use aws::system::System;
use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use subscriptions::config;
use subscriptions::register::Register;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let terms = config::terms(&env)?;
    let sdk = aws::config::load().await;
    let service = Register {
        ledger: DynamoLedger::new(&sdk, env.text("LEDGER_TABLE")?),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("REGISTER_DLQ_URL")?),
        clock: System,
        terms,
    };
    let service = &service;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let each = |record: aws_lambda_events::sqs::SqsMessage| async move {
            service.handle(record.body.as_deref().unwrap_or_default()).await
        };
        Ok::<_, Error>(lambda::batch::each(event.payload.records, each).await)
    }))
    .await
}
