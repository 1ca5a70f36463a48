//! The steps of the saga that write the ledger.

use aws::charges::DynamoRows;
use aws::entitlements::DynamoEntitlements;
use aws::ledger::DynamoLedger;
use aws::system::System;
use subscriptions::config;
use subscriptions::tasks::{Request, Tasks};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (terms, attempt_timeout) = (config::terms(&env)?, config::attempt_timeout(&env)?);
    let sdk = aws::config::load().await;
    let service = Tasks {
        ledger: DynamoLedger::new(&sdk, env.text("LEDGER_TABLE")?).with_cases(&sdk, env.text("CASES_TABLE")?),
        charges: DynamoRows::payments(&sdk, env.text("PAYMENTS_TABLE")?),
        decisions: DynamoEntitlements::new(&sdk, env.text("ENTITLEMENTS_TABLE")?),
        clock: System,
        terms,
        attempt_timeout,
    };
    lambda::task::run(|request: Request| service.handle(request)).await
}
