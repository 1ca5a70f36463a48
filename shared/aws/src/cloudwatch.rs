//! The alarm's level.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::StateValue;
use domain::pipeline::Alarm;
use domain::services::ServiceError;

const SERVICE: &str = "CloudWatch";

/// One metric alarm.
#[derive(Debug, Clone)]
pub struct MetricAlarm {
    client: Client,
    name: String,
}

impl MetricAlarm {
    /// The alarm of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), name: name.into() }
    }
}

impl Alarm for MetricAlarm {
    async fn is_ringing(&self) -> Result<bool, ServiceError> {
        let answer = self
            .client
            .describe_alarms()
            .alarm_names(&self.name)
            .send()
            .await
            .map_err(|e| service_error(SERVICE, &e))?;
        let alarm = answer
            .metric_alarms()
            .first()
            .ok_or_else(|| ServiceError { service: SERVICE, reason: format!("there is no alarm {}", self.name) })?;
        Ok(alarm.state_value == Some(StateValue::Alarm))
    }
}
