//! The functions of the new services, called as API Gateway calls them.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use domain::routes::RouteName;
use domain::routes::store::Services;
use domain::services::ServiceError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const SERVICE: &str = "Lambda";

/// A function for each route.
#[derive(Debug, Clone)]
pub struct ServiceFunctions {
    client: Client,
    names: BTreeMap<RouteName, String>,
}

impl ServiceFunctions {
    /// Functions by name. A call takes at most `timeout` and is made once: whether to repeat it is the caller's to know,
    /// and a write must not happen twice.
    pub fn new(sdk: &SdkConfig, names: BTreeMap<RouteName, String>, timeout: Duration) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(timeout.min(Duration::from_secs(1)))
            .operation_timeout(timeout)
            .operation_attempt_timeout(timeout)
            .build();
        let config = aws_sdk_lambda::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), names }
    }
}

fn unusable(reason: impl Into<String>) -> ServiceError {
    ServiceError { service: SERVICE, reason: reason.into() }
}

impl Services for ServiceFunctions {
    async fn ask(&self, route: RouteName, event: &Value) -> Result<Value, ServiceError> {
        let name = self.names.get(&route).ok_or_else(|| unusable(format!("no function answers {route}")))?;
        let event = serde_json::to_vec(event).map_err(|e| unusable(e.to_string()))?;
        let sent = self.client.invoke().function_name(name).payload(Blob::new(event)).send().await;
        let answer = sent.map_err(|e| service_error(SERVICE, &e))?;
        if let Some(kind) = answer.function_error {
            // Its payload has the function's own words, which may hold anything.
            return Err(unusable(format!("{name} failed: {kind}")));
        }
        let payload = answer.payload.ok_or_else(|| unusable(format!("{name} answered nothing")))?;
        serde_json::from_slice(payload.as_ref()).map_err(|_| unusable(format!("{name} answered no JSON")))
    }
}
