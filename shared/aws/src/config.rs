//! Clients with bounded waits: a function must notice that a service hangs before its own time is over.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use domain::services::ServiceError;
use std::time::Duration;

/// Region, credentials and endpoint from the environment; at most 4 tries, each at most 3 seconds.
pub async fn load() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(10))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(timeouts)
        .load()
        .await
}

/// An SDK error as the whole chain of its causes.
pub(crate) fn service_error(service: &'static str, error: &(impl std::error::Error + 'static)) -> ServiceError {
    ServiceError { service, reason: aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string() }
}
