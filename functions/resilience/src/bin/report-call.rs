//! Tells a gate how a call ended.

use admission::Admission;
use aws::gates::DynamoGates;
use aws::system::System;
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use resilience::report::{Report, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (gates, observer) = (lambda::gates::from_env(&env)?, EmfObserver(Metrics::from_env(&env)?));
    let store = DynamoGates::new(&aws::config::load().await, env.text("GATES_TABLE")?);
    let service = Report { admission: Admission::new(store, System, observer, gates), clock: System };
    lambda::task::run(|request: Request| service.handle(request)).await
}
