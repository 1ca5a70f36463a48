//! Takes and settles charges.

use admission::Admission;
use admission::layer::GateLayer;
use aws::charges::DynamoRows;
use aws::gates::DynamoGates;
use aws::system::System;
use connectors::ApiKey;
use connectors::stripe::{self, Stripe};
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use payments::config::Config;
use payments::{Payments, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let config = Config::from_env(&env)?;
    let observer = EmfObserver(Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let key = aws::secrets::read(&sdk, &config.secret_id).await?;
    let admission = Admission::new(DynamoGates::new(&sdk, config.gates_table), System, observer, config.gates);
    let gate = GateLayer::new(admission, "payment", stripe::outcome)?.max_wait(config.max_wait);
    let service = Payments {
        charges: DynamoRows::payments(&sdk, config.payments_table),
        provider: Stripe::behind(&config.provider, ApiKey::new(&key)?, &gate)?,
    };
    lambda::task::run(|request: Request| service.handle(request)).await
}
