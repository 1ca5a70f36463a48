//! Projections that readers follow: parameters. Writing one cannot be conditional, so it is never the record.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use domain::pipeline::{Projection, ProjectionSource, Record};
use domain::routes::store::RouteProjection;
use domain::routes::table::RouteTable;
use domain::services::ServiceError;

const SERVICE: &str = "Systems Manager";

#[derive(Debug, Clone)]
struct Parameter {
    client: Client,
    name: String,
}

impl Parameter {
    fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), name: name.into() }
    }

    async fn write(&self, value: String) -> Result<(), ServiceError> {
        self.client
            .put_parameter()
            .name(&self.name)
            .value(value)
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }

    async fn read(&self) -> Result<String, ServiceError> {
        let answer =
            self.client.get_parameter().name(&self.name).send().await.map_err(|e| service_error(SERVICE, &e))?;
        answer
            .parameter
            .and_then(|p| p.value)
            .ok_or_else(|| ServiceError { service: SERVICE, reason: "the parameter has no value".to_owned() })
    }
}

/// What the banner reads.
#[derive(Debug, Clone)]
pub struct StatusParameter(Parameter);

impl StatusParameter {
    /// The parameter of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self(Parameter::new(sdk, name))
    }
}

impl Projection for StatusParameter {
    async fn publish(&self, record: &Record) -> Result<(), ServiceError> {
        let value = serde_json::json!({
            "state": record.state,
            "generation": record.generation,
            "since": record.since.and_then(domain::time::Timestamp::rfc3339).unwrap_or_default(),
            "reason": format!("{}: {}", record.by, record.why),
        });
        self.0.write(value.to_string()).await
    }
}

impl ProjectionSource for StatusParameter {
    async fn read(&self) -> Result<String, ServiceError> {
        self.0.read().await
    }
}

/// What the route splitter reads.
#[derive(Debug, Clone)]
pub struct RoutesParameter(Parameter);

impl RoutesParameter {
    /// The parameter of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self(Parameter::new(sdk, name))
    }
}

impl RouteProjection for RoutesParameter {
    async fn publish(&self, table: &RouteTable) -> Result<(), ServiceError> {
        let value =
            serde_json::to_string(table).map_err(|e| ServiceError { service: SERVICE, reason: e.to_string() })?;
        self.0.write(value).await
    }
}

impl ProjectionSource for RoutesParameter {
    async fn read(&self) -> Result<String, ServiceError> {
        self.0.read().await
    }
}
