//! Stands before the fraud provider in a choreography.

use admission::Admission;
use admission::layer::GateLayer;
use aws::charges::DynamoRows;
use aws::gates::DynamoGates;
use aws::queues::SqsDeadLetters;
use aws::system::System;
use connectors::ApiKey;
use connectors::fraud::{self, Fraud};
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use third_party::config::Config;
use third_party::fraud_proxy::FraudProxy;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let config = Config::from_env(&env)?;
    let observer = EmfObserver(Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let key = ApiKey::new(&aws::secrets::read(&sdk, &config.secret_id).await?)?;
    let admission = Admission::new(DynamoGates::new(&sdk, config.gates_table), System, observer, config.gates);
    let gate = GateLayer::new(admission, "fraud", fraud::outcome)?.max_wait(config.max_wait);
    let provider = Fraud::behind(&config.provider, key, &gate)?;
    let service = FraudProxy { verdicts: DynamoRows::fraud_verdicts(&sdk, config.table), provider, clock: System };
    let service = &service;
    let dead_letters = SqsDeadLetters::new(&sdk, config.events_dlq_url);
    lambda::events::run(&dead_letters, async |event| service.hear(&event).await).await
}
