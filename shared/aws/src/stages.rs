//! An API's stage: which function a steered route reaches, by the stage's variables.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{Op, PatchOperation};
use domain::routes::store::RouteProjection;
use domain::routes::table::RouteTable;
use domain::routes::{Mode, RouteName};
use domain::services::ServiceError;
use std::collections::BTreeMap;

/// One stage of a REST API. Its variable `{route}Function` names the function that API Gateway calls for a route: the
/// service itself in mode `modern`, which saves a hop, and the splitter in all others.
#[derive(Debug, Clone)]
pub struct ApiStage {
    client: Client,
    api: String,
    stage: String,
    splitter: String,
    services: BTreeMap<RouteName, String>,
}

impl ApiStage {
    /// The stage of this API, with the names of the functions.
    pub fn new(
        sdk: &SdkConfig,
        api: impl Into<String>,
        stage: impl Into<String>,
        splitter: impl Into<String>,
        services: BTreeMap<RouteName, String>,
    ) -> Self {
        let client = Client::new(sdk);
        Self { client, api: api.into(), stage: stage.into(), splitter: splitter.into(), services }
    }
}

impl RouteProjection for ApiStage {
    async fn publish(&self, table: &RouteTable) -> Result<(), ServiceError> {
        let mut update = self.client.update_stage().rest_api_id(&self.api).stage_name(&self.stage);
        for (route, service) in &self.services {
            let function = if table.steering(*route).mode == Mode::Modern { service } else { &self.splitter };
            let path = format!("/variables/{route}Function");
            update =
                update.patch_operations(PatchOperation::builder().op(Op::Replace).path(path).value(function).build());
        }
        update.send().await.map_err(|e| service_error("API Gateway", &e))?;
        Ok(())
    }
}
