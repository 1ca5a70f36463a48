//! The variables of `payments-task`.

use connectors::HttpConfig;
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// `PAYMENTS_TABLE`, `PAYMENT_BASE_URL`, `PAYMENT_SECRET_ID`, `PAYMENT_TIMEOUT_MS`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The table of charges.
    pub payments_table: String,
    /// The provider's API and one call's limit.
    pub provider: HttpConfig,
    /// The secret that holds the provider's API key.
    pub secret_id: String,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable.
    pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        let timeout = Duration::from_millis(env.number("PAYMENT_TIMEOUT_MS", 100..=10_000)?);
        Ok(Self {
            payments_table: env.text("PAYMENTS_TABLE")?,
            provider: env.checked("PAYMENT_BASE_URL", |url| HttpConfig::new(&url, timeout))?,
            secret_id: env.text("PAYMENT_SECRET_ID")?,
        })
    }
}
