//! The variables of `content-access-task`.

use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// `ENTITLEMENTS_TABLE`, `PREMIUM_TERM_DAYS` (1 to 3660).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The table of decisions and entitlements.
    pub entitlements_table: String,
    /// How long premium lasts.
    pub term: Duration,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable.
    pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        Ok(Self {
            entitlements_table: env.text("ENTITLEMENTS_TABLE")?,
            term: Duration::from_hours(24 * env.number("PREMIUM_TERM_DAYS", 1..=3660)?),
        })
    }
}
