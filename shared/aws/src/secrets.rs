//! Secrets, read once when a function starts.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use domain::services::ServiceError;

const SERVICE: &str = "Secrets Manager";

/// A secret's text. Hand it straight to a type that cannot be printed.
///
/// # Errors
/// [`ServiceError`] when there is none.
pub async fn read(sdk: &SdkConfig, id: &str) -> Result<String, ServiceError> {
    let answer =
        Client::new(sdk).get_secret_value().secret_id(id).send().await.map_err(|e| service_error(SERVICE, &e))?;
    answer.secret_string.ok_or_else(|| ServiceError { service: SERVICE, reason: "the secret has no text".to_owned() })
}
