//! The parameter and the API's stage follow the table of routes, and the bus hears of each change.

use aws::bus::EventBus;
use aws::routes::{DynamoRoutes, changes};
use aws::ssm::RoutesParameter;
use aws::stages::ApiStage;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use strangler::config;
use strangler::projector::Projector;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let sdk = aws::config::load().await;
    let (api, stage) = (env.text("API_ID")?, env.text("API_STAGE")?);
    let projector = Projector {
        records: DynamoRoutes::new(&sdk, env.text("ROUTES_TABLE")?),
        parameter: RoutesParameter::new(&sdk, env.text("ROUTES_PARAMETER")?),
        stage: ApiStage::new(&sdk, api, stage, env.text("SPLITTER_FUNCTION")?, config::functions(&env)?),
        news: EventBus::new(&sdk, env.text("BUS_NAME")?),
    };
    let projector = &projector;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        projector.handle(&changes(&event.payload)?).await?;
        Ok::<_, Error>(())
    }))
    .await
}
