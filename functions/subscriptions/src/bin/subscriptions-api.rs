//! What customers see of their subscriptions.

use aws::ledger::DynamoLedger;
use subscriptions::api;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let origin = lambda::http::origin(&env)?;
    let ledger = DynamoLedger::new(&aws::config::load().await, env.text("LEDGER_TABLE")?);
    lambda::http::run(api::router(ledger), origin).await
}
