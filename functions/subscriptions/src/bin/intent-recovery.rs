//! Brings failed attempts back: hears of executions that ended badly, and sweeps.

use aws::entitlements::DynamoEntitlements;
use aws::ledger::DynamoLedger;
use aws::queues::{SqsDeadLetters, SqsIntents};
use aws::states::StepFunctions;
use aws::system::System;
use lambda::telemetry::Metrics;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use subscriptions::config;
use subscriptions::recovery::{IntentRecovery, Invocation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (limits, metrics) = (config::limits(&env)?, Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let service = IntentRecovery {
        ledger: DynamoLedger::new(&sdk, env.text("LEDGER_TABLE")?).with_cases(&sdk, env.text("CASES_TABLE")?),
        decisions: DynamoEntitlements::new(&sdk, env.text("ENTITLEMENTS_TABLE")?),
        queue: SqsIntents::new(&sdk, env.text("INTENTS_QUEUE_URL")?, System),
        executions: StepFunctions::new(&sdk),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("RECOVERY_DLQ_URL")?),
        clock: System,
        chance: System,
        limits,
        metrics,
    };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Invocation>| {
        Box::pin(service.handle(event.payload)).await.map_err(Error::from)
    }))
    .await
}
