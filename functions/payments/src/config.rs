//! The variables of `payments-task`.

use connectors::HttpConfig;
use domain::gate::config::GateConfig;
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// `PAYMENTS_TABLE`, `PAYMENT_BASE_URL`, `PAYMENT_SECRET_ID`, `PAYMENT_TIMEOUT_MS` (at most 10 000), `GATES`, `GATES_TABLE`,
/// `PAYMENT_MAX_WAIT_MS` (at most 3000: a task makes four calls, and each may wait so long and take the time-out beside).
#[derive(Debug, Clone)]
pub struct Config {
    /// The table of charges.
    pub payments_table: String,
    /// The provider's API and one call's limit.
    pub provider: HttpConfig,
    /// The secret that holds the provider's API key.
    pub secret_id: String,
    /// The gates, the provider's among them.
    pub gates: Vec<GateConfig>,
    /// The table of gates.
    pub gates_table: String,
    /// How long a call waits for its slot before the task is to be tried again.
    pub max_wait: Duration,
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
            gates: lambda::gates::from_env(env)?,
            gates_table: env.text("GATES_TABLE")?,
            max_wait: Duration::from_millis(env.number("PAYMENT_MAX_WAIT_MS", 0..=3000)?),
        })
    }
}
