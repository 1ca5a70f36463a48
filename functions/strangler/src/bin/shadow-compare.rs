//! Compares the new service's answers with those that the monolith gave.

use aws::functions::ServiceFunctions;
use aws::queues::SqsDeadLetters;
use aws::routes::DynamoRoutes;
use aws::system::System;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda::telemetry::Metrics;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use strangler::config;
use strangler::observer::EmfObserver;
use strangler::shadow::Comparer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let sdk = aws::config::load().await;
    let service = Comparer {
        services: ServiceFunctions::new(&sdk, config::functions(&env)?, config::modern_timeout(&env)?),
        mismatches: DynamoRoutes::new(&sdk, env.text("ROUTES_TABLE")?),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("SHADOW_DLQ_URL")?),
        clock: System,
        observer: EmfObserver(Metrics::from_env(&env)?),
        ignored: config::ignored_fields(&env)?,
    };
    let service = &service;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let each = |record: SqsMessage| async move { service.handle(record.body.as_deref().unwrap_or_default()).await };
        Ok::<_, Error>(lambda::batch::each(event.payload.records, each).await)
    }))
    .await
}
