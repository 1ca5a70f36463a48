//! `report-call`: tells a gate how a call ended, for state machines in any language.
//!
//! `{"permit": PERMIT, "outcome": "success" | "ignored" | "failure" | "slow" | "pushedBack", "retryAfter": …}` →
//! `{"reported": true}`.

use admission::observer::Observer;
use admission::{Admission, ReportError};
use domain::gate::admit::Permit;
use domain::gate::report::Outcome;
use domain::gate::store::Gates;
use domain::retry_after;
use domain::time::{Chance, Clock, Pause, Timestamp};
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What the function is invoked with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Of `reserve-call`.
    pub permit: Permit,
    /// How the call ended.
    pub outcome: Word,
    /// Of a push-back: the answer's `Retry-After`, in seconds (a number or a text) or as an HTTP date. What cannot be read
    /// counts as absent: it comes from the provider, and a push-back without a time is a push-back all the same.
    #[serde(default)]
    pub retry_after: Option<Value>,
}

/// How a call ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Word {
    /// The provider answered.
    Success,
    /// It answered, and what went wrong is ours.
    Ignored,
    /// It did not answer, or answered that it cannot.
    Failure,
    /// It answered, too slowly.
    Slow,
    /// It asked to be left alone for a while (HTTP 429).
    PushedBack,
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// True.
    pub reported: bool,
}

/// The service behind the Lambda `report-call`.
pub struct Report<S, R, O> {
    /// Asks the gates.
    pub admission: Admission<S, R, O>,
    /// The time.
    pub clock: R,
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Report<S, R, O> {
    /// Answers one invocation.
    ///
    /// # Errors
    /// [`TaskError::Retryable`] when the table gave no answer, [`TaskError::BadInput`] when there is no such gate.
    pub async fn handle(&self, request: Request) -> Result<Answer, TaskError> {
        let outcome = match request.outcome {
            Word::Success => Outcome::Success,
            Word::Ignored => Outcome::Ignored,
            Word::Failure => Outcome::Failure,
            Word::Slow => Outcome::Slow,
            Word::PushedBack => Outcome::PushedBack(self.pause(&request)),
        };
        match self.admission.report(&request.permit, outcome).await {
            Ok(()) => Ok(Answer { reported: true }),
            Err(ReportError::Unknown(error)) => Err(TaskError::BadInput(error.to_string())),
            Err(ReportError::Store(error)) => Err(TaskError::Retryable(error.to_string())),
        }
    }

    fn pause(&self, request: &Request) -> Option<Duration> {
        let given = request.retry_after.as_ref()?;
        let pause = read(given, self.clock.now());
        if pause.is_none() {
            tracing::warn!(gate.dependency = %request.permit.dependency, "a push-back named a time that cannot be read");
        }
        pause
    }
}

fn read(retry_after: &Value, now: Timestamp) -> Option<Duration> {
    match retry_after {
        Value::String(text) => retry_after::parse_at(text, now),
        // A whole number, though JSON may write it with a point.
        Value::Number(number) => retry_after::parse_at(&format!("{:.0}", number.as_f64()?.ceil()), now),
        _ => None,
    }
}
