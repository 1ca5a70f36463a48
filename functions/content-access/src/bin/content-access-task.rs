//! Decides about content, once per charge.

use aws::entitlements::DynamoEntitlements;
use aws::system::System;
use content_access::config::Config;
use content_access::{ContentAccess, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let config = Config::from_env(&lambda::config::process())?;
    let entitlements = DynamoEntitlements::new(&aws::config::load().await, config.entitlements_table);
    let service = ContentAccess { entitlements, clock: System, term: config.term };
    lambda::task::run(|request: Request| service.handle(request)).await
}
