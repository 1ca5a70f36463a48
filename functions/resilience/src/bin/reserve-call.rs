//! Asks a gate for a call.

use admission::Admission;
use aws::gates::DynamoGates;
use aws::system::System;
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use resilience::reserve::{Request, Reserve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (gates, observer) = (lambda::gates::from_env(&env)?, EmfObserver(Metrics::from_env(&env)?));
    let store = DynamoGates::new(&aws::config::load().await, env.text("GATES_TABLE")?);
    let service = Reserve { admission: Admission::new(store, System, observer, gates), clock: System };
    lambda::task::run(|request: Request| service.handle(request)).await
}
