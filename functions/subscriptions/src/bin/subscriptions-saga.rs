//! Takes intents up from the Pipe and hears how they end, where the saga is a choreography.

use aws::cases::DynamoCases;
use aws::ledger::DynamoLedger;
use aws::queues::SqsDeadLetters;
use aws::states::Subscribe;
use aws::system::System;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use subscriptions::choreography::{Choreography, Invocation};
use subscriptions::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (terms, attempt_timeout) = (config::terms(&env)?, config::attempt_timeout(&env)?);
    let (cases, events_dlq) = (env.text("CASES_TABLE")?, env.text("EVENTS_DLQ_URL")?);
    let sdk = aws::config::load().await;
    let service = Choreography {
        ledger: DynamoLedger::new(&sdk, env.text("LEDGER_TABLE")?).with_cases(&sdk, &cases),
        cases: DynamoCases::new(&sdk, cases),
        clock: System,
        terms,
        attempt_timeout,
        conductor: Subscribe::new(&sdk, env.text("SUBSCRIBE_STATE_MACHINE_ARN")?),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("INTENTS_DLQ_URL")?),
    };
    let (service, events_dlq) = (&service, SqsDeadLetters::new(&sdk, events_dlq));
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Invocation>| {
        Ok::<_, Error>(Box::pin(service.answer(event.payload, &events_dlq)).await)
    }))
    .await
}
