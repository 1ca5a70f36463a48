//! A steered route's requests, each to the side that the steering names.

use aws::functions::ServiceFunctions;
use aws::queues::SqsShadows;
use aws::ssm::RoutesParameter;
use aws::system::System;
use connectors::monolith::Monolith;
use lambda::telemetry::Metrics;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use strangler::config;
use strangler::observer::EmfObserver;
use strangler::splitter::Splitter;
use strangler::steering::Steerings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let hurried = aws::config::load_hurried().await;
    let parameter = RoutesParameter::new(&hurried, env.text("ROUTES_PARAMETER")?);
    let splitter = Splitter {
        steerings: Steerings::new(parameter, System),
        monolith: Monolith::new(&config::monolith(&env)?)?,
        services: ServiceFunctions::new(&hurried, config::functions(&env)?, config::modern_timeout(&env)?),
        shadows: SqsShadows::new(&hurried, env.text("SHADOW_QUEUE_URL")?),
        machine: System,
        observer: EmfObserver(Metrics::from_env(&env)?),
    };
    let splitter = &splitter;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        Ok::<_, Error>(splitter.answer(&event.payload).await)
    }))
    .await
}
