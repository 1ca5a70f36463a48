//! The variables of this service's functions.

use crate::recovery::Limits;
use domain::ledger::Terms;
use domain::money::{Currency, Money};
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// `PREMIUM_PRICE_MINOR` (minor units, from 1), `PREMIUM_CURRENCY` (ISO 4217), `MAX_INTENT_AGE_HOURS` (1 to 336, SQS's
/// longest retention), `SAGA_STYLE` (`Hybrid` or `Choreography`).
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn terms(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Terms, ConfigError> {
    let amount = env.number("PREMIUM_PRICE_MINOR", 1..=100_000_000)?;
    let currency = env.checked("PREMIUM_CURRENCY", |text| Currency::new(&text))?;
    let max_intent_age = Duration::from_hours(env.number("MAX_INTENT_AGE_HOURS", 1..=336)?);
    let style = env.parsed("SAGA_STYLE")?;
    Ok(Terms { price: Money { amount, currency }, max_intent_age, style })
}

/// `MAX_ATTEMPTS`, `SWEEP_STALE_SECONDS`, `RESEND_AFTER_SECONDS`, [`attempt_timeout`]'s, `RETRY_MAX_DELAY_SECONDS` (at most 900, SQS's longest
/// delay).
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn limits(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Limits, ConfigError> {
    Ok(Limits {
        max_attempts: u32::try_from(env.number("MAX_ATTEMPTS", 1..=1000)?).unwrap_or(1000),
        stale_after: env.seconds("SWEEP_STALE_SECONDS", 1..=604_800)?,
        resend_after: env.seconds("RESEND_AFTER_SECONDS", 1..=604_800)?,
        attempt_timeout: attempt_timeout(env)?,
        max_delay: env.seconds("RETRY_MAX_DELAY_SECONDS", 1..=900)?,
    })
}

/// `ATTEMPT_TIMEOUT_SECONDS`: in a choreography, how long an attempt may take before it is taken back.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn attempt_timeout(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Duration, ConfigError> {
    env.seconds("ATTEMPT_TIMEOUT_SECONDS", 1..=86_400)
}
