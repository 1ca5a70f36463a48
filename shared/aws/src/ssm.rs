//! The projection that the banner reads: a parameter. Writing one cannot be conditional, so it is never the record.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use domain::pipeline::{Projection, ProjectionSource, Record};
use domain::services::ServiceError;

const SERVICE: &str = "Systems Manager";

/// One parameter.
#[derive(Debug, Clone)]
pub struct StatusParameter {
    client: Client,
    name: String,
}

impl StatusParameter {
    /// The parameter of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), name: name.into() }
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
        self.client
            .put_parameter()
            .name(&self.name)
            .value(value.to_string())
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }
}

impl ProjectionSource for StatusParameter {
    async fn read(&self) -> Result<String, ServiceError> {
        let answer =
            self.client.get_parameter().name(&self.name).send().await.map_err(|e| service_error(SERVICE, &e))?;
        answer
            .parameter
            .and_then(|p| p.value)
            .ok_or_else(|| ServiceError { service: SERVICE, reason: "the parameter has no value".to_owned() })
    }
}
