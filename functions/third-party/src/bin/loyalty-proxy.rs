//! Stands before the loyalty programme.

use admission::Admission;
use admission::layer::GateLayer;
use aws::gates::DynamoGates;
use aws::queues::SqsDeadLetters;
use aws::records::DynamoIdempotency;
use aws::system::System;
use connectors::ApiKey;
use connectors::loyalty::{self, Loyalty};
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use third_party::config::Config;
use third_party::loyalty_proxy::LoyaltyProxy;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let config = Config::from_env(&env)?;
    let observer = EmfObserver(Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let key = ApiKey::new(&aws::secrets::read(&sdk, &config.secret_id).await?)?;
    let admission = Admission::new(DynamoGates::new(&sdk, config.gates_table), System, observer, config.gates);
    let gate = GateLayer::new(admission, "loyalty", loyalty::outcome)?.max_wait(config.max_wait);
    let programme = Loyalty::behind(&config.provider, key, &gate)?;
    let records = DynamoIdempotency::new(&sdk, config.table, "loyalty-proxy");
    let service = LoyaltyProxy { records, programme, clock: System };
    let service = &service;
    let dead_letters = SqsDeadLetters::new(&sdk, config.events_dlq_url);
    lambda::events::run(&dead_letters, async |event| service.hear(&event).await).await
}
