//! Takes and settles charges.

use aws::charges::DynamoCharges;
use connectors::ApiKey;
use connectors::stripe::Stripe;
use payments::config::Config;
use payments::{Payments, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::telemetry::init();
    let config = Config::from_env(&lambda::config::process())?;
    let sdk = aws::config::load().await;
    let key = aws::secrets::read(&sdk, &config.secret_id).await?;
    let service = Payments {
        charges: DynamoCharges::new(&sdk, config.payments_table),
        provider: Stripe::new(&config.provider, ApiKey::new(&key)?)?,
    };
    lambda::task::run(|request: Request| service.handle(request)).await
}
