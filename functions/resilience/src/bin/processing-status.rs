//! What readers are told while intents wait.

use aws::ssm::StatusParameter;
use aws::system::System;
use resilience::status;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let origin = lambda::http::origin(&env)?;
    let source = StatusParameter::new(&aws::config::load().await, env.text("STATUS_PARAMETER")?);
    lambda::http::run(status::router(source, System), origin).await
}
