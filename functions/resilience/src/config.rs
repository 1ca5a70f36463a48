//! The variables of this service's functions.

use crate::probe::{Knobs, OnEmptyQueue};
use lambda::config::{ConfigError, Variables};
use std::time::Duration;

/// Where the probe works: `PIPELINES_TABLE`, `PIPELINE_NAME`, `PIPE_NAME`, `QUEUE_URL`, `STATE_MACHINE_ARN`,
/// `ALARM_NAME`, `STATUS_PARAMETER`; where the Pipe's target is a choreography, `TRIAL_FUNCTION` and `LEDGER_TABLE` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeConfig {
    /// The table of pipelines.
    pub pipelines_table: String,
    /// Which row.
    pub pipeline_name: String,
    /// The Pipe.
    pub pipe_name: String,
    /// Its queue.
    pub queue_url: String,
    /// Its target, or where intents go that began as executions.
    pub state_machine_arn: String,
    /// Its target where that is a choreography: the function, and the ledger that says how a trial ended.
    pub choreography: Option<(String, String)>,
    /// The alarm that opens.
    pub alarm_name: String,
    /// The projection.
    pub status_parameter: String,
    /// When it acts.
    pub knobs: Knobs,
}

impl ProbeConfig {
    /// Reads the variables, these and the knobs: `TRIAL_INTENTS` (1 to 10), `TRIAL_SECONDS`, `SETTLE_SECONDS`,
    /// `PROBE_BASE_SECONDS`, `PROBE_MAX_SECONDS`, `LEASE_SECONDS` (longer than the trial), `ON_EMPTY_QUEUE`
    /// (`StayOpen` or `Close`).
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable.
    pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        let trial_time = env.seconds("TRIAL_SECONDS", 1..=840)?;
        let lease = env.seconds("LEASE_SECONDS", 1..=3600)?;
        if lease <= trial_time {
            let rule = "must be longer than TRIAL_SECONDS, or two probes could act at once".to_owned();
            return Err(ConfigError::Wrong { name: "LEASE_SECONDS", rule });
        }
        Ok(Self {
            pipelines_table: env.text("PIPELINES_TABLE")?,
            pipeline_name: env.text("PIPELINE_NAME")?,
            pipe_name: env.text("PIPE_NAME")?,
            queue_url: env.text("QUEUE_URL")?,
            state_machine_arn: env.text("STATE_MACHINE_ARN")?,
            choreography: match env.text("TRIAL_FUNCTION") {
                Ok(function) => Some((function, env.text("LEDGER_TABLE")?)),
                Err(_) => None,
            },
            alarm_name: env.text("ALARM_NAME")?,
            status_parameter: env.text("STATUS_PARAMETER")?,
            knobs: Knobs {
                trial_intents: u32::try_from(env.number("TRIAL_INTENTS", 1..=10)?).unwrap_or(10),
                trial_time,
                settle_time: env.seconds("SETTLE_SECONDS", 0..=900)?,
                probe_base: env.seconds("PROBE_BASE_SECONDS", 1..=3600)?,
                probe_max: env.seconds("PROBE_MAX_SECONDS", 1..=86_400)?,
                lease,
                on_empty_queue: env.checked("ON_EMPTY_QUEUE", |text| match text.as_str() {
                    "StayOpen" => Ok(OnEmptyQueue::StayOpen),
                    "Close" => Ok(OnEmptyQueue::Close),
                    _ => Err("must be StayOpen or Close"),
                })?,
            },
        })
    }
}

/// `MAX_INTENT_AGE_HOURS` (1 to 336): what an operator's retry grants anew.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn max_intent_age(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Duration, ConfigError> {
    env.number("MAX_INTENT_AGE_HOURS", 1..=336).map(Duration::from_hours)
}
