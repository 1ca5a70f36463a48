//! The variables of this service's functions.

use connectors::{HttpConfig, InvalidHttpConfig};
use domain::cursor::Signer;
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// The shortest key that signs cursors, in bytes.
const SHORTEST_KEY: usize = 32;

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is missing or wrong.
    #[error("{0:?}")]
    Config(#[from] ConfigError),
    /// The cursors' key can be guessed.
    #[error("the cursors' key must have at least {SHORTEST_KEY} bytes")]
    ShortKey,
    /// The monolith's URL is none that may be called.
    #[error("environment variable MONOLITH_URL is wrong: {0}")]
    Monolith(#[from] InvalidHttpConfig),
}

/// The signer with the key that a secret holds.
///
/// # Errors
/// [`StartError::ShortKey`], without a word of it.
pub fn signer(key: &str) -> Result<Signer, StartError> {
    if key.len() < SHORTEST_KEY { Err(StartError::ShortKey) } else { Ok(Signer::new(key.as_bytes())) }
}

/// `MONOLITH_URL` (https, or this machine), `FEED_TIMEOUT_MS` (100 to 20,000; keep it below the function's own).
///
/// # Errors
/// [`StartError`] that names the variable.
pub fn monolith(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<HttpConfig, StartError> {
    let timeout = Duration::from_millis(env.number("FEED_TIMEOUT_MS", 100..=20_000)?);
    Ok(HttpConfig::new(&env.text("MONOLITH_URL")?, timeout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        assert!(signer(&"k".repeat(SHORTEST_KEY - 1)).is_err());
        assert!(signer(&"k".repeat(SHORTEST_KEY)).is_ok());
    }

    #[test]
    fn the_monolith_is_reached_over_tls_or_on_this_machine() {
        let with = |url: &'static str| {
            monolith(&Variables::from(move |name| Some(if name == "MONOLITH_URL" { url } else { "5000" }.to_owned())))
        };
        assert!(with("https://www.example.com").is_ok() && with("http://127.0.0.1:8080").is_ok());
        let refused = with("http://www.example.com").unwrap_err().to_string();
        assert!(refused.contains("MONOLITH_URL"), "{refused}");
        let refused = monolith(&Variables::from(|_| None)).unwrap_err().to_string();
        assert!(refused.contains("FEED_TIMEOUT_MS"), "{refused}");
    }
}
