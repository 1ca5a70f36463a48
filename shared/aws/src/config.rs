//! Clients with bounded waits: a function must notice that a service hangs before its own time is over.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use domain::services::ServiceError;
use std::time::Duration;

/// Region, credentials and endpoint from the environment; at most 3 tries within 4.5 seconds. The shortest time-out of
/// a function is 5 seconds.
pub async fn load() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_millis(4500))
        .build();
    loaded(timeouts, 3).await
}

/// The same for calls that a reader waits for and could do without: at most 2 tries within a second.
pub async fn load_hurried() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(300))
        .operation_attempt_timeout(Duration::from_millis(600))
        .operation_timeout(Duration::from_secs(1))
        .build();
    loaded(timeouts, 2).await
}

async fn loaded(timeouts: TimeoutConfig, attempts: u32) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(timeouts)
        .load()
        .await
}

/// An SDK error as the whole chain of its causes.
pub(crate) fn service_error(service: &'static str, error: &(impl std::error::Error + 'static)) -> ServiceError {
    ServiceError { service, reason: aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string() }
}
