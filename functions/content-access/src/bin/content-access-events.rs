//! Hears the saga's events for content access.

use aws::entitlements::DynamoEntitlements;
use aws::queues::SqsDeadLetters;
use aws::system::System;
use content_access::choreography::Choreography;
use content_access::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (config, dlq) = (Config::from_env(&env)?, env.text("EVENTS_DLQ_URL")?);
    let sdk = aws::config::load().await;
    let entitlements = DynamoEntitlements::new(&sdk, config.entitlements_table);
    let service = Choreography { entitlements, clock: System, term: config.term };
    let service = &service;
    let dead_letters = SqsDeadLetters::new(&sdk, dlq);
    lambda::events::run(&dead_letters, async |event| service.hear(&event).await).await
}
