//! The variables of a proxy.

use connectors::HttpConfig;
use domain::gate::config::GateConfig;
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// `TABLE` (the proxy's own), `EVENTS_DLQ_URL`, `BASE_URL`, `SECRET_ID`, `TIMEOUT_MS` (at most 10 000), `GATES`,
/// `GATES_TABLE`, `MAX_WAIT_MS` (at most 3000: an event may need several calls, and each may wait so long).
#[derive(Debug, Clone)]
pub struct Config {
    /// The proxy's own table.
    pub table: String,
    /// Where an event goes that can never be read.
    pub events_dlq_url: String,
    /// The third party's API and one call's limit.
    pub provider: HttpConfig,
    /// The secret that holds the key of that API.
    pub secret_id: String,
    /// The gates, this third party's among them.
    pub gates: Vec<GateConfig>,
    /// The table of gates.
    pub gates_table: String,
    /// How long a call waits for its slot before the event is to come again.
    pub max_wait: Duration,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable.
    pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        let timeout = Duration::from_millis(env.number("TIMEOUT_MS", 100..=10_000)?);
        Ok(Self {
            table: env.text("TABLE")?,
            events_dlq_url: env.text("EVENTS_DLQ_URL")?,
            provider: env.checked("BASE_URL", |url| HttpConfig::new(&url, timeout))?,
            secret_id: env.text("SECRET_ID")?,
            gates: lambda::gates::from_env(env)?,
            gates_table: env.text("GATES_TABLE")?,
            max_wait: Duration::from_millis(env.number("MAX_WAIT_MS", 0..=3000)?),
        })
    }
}
