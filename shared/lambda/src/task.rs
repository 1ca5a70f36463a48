//! Tasks of a state machine: their errors, by names that a `Catch` matches exactly.

use domain::intent::what_is_wrong;
use domain::store::StoreError;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Something that we depend on did not answer: try again later, nothing is decided.
    #[error("{0}")]
    Retryable(String),
    /// Repeating is useless.
    #[error("{0}")]
    Terminal(String),
    /// The input does not fit: function and state machine were deployed out of step. It says nothing about the task.
    #[error("the task's input cannot be read: {0}")]
    BadInput(String),
    /// A dependency's circuit is open, and this request was not sent (earlier ones may have been): an outage, nothing is
    /// decided.
    #[error("{0}")]
    CallNotPermitted(String),
    /// A dependency takes no more calls just now, and this request was not sent: no failure. Wait and repeat, as often as
    /// it takes.
    #[error("{0}")]
    RateLimited(String),
    /// An answer, not a failure: the issuer said no. The message is its reason, a code.
    #[error("{0}")]
    Declined(String),
    /// An answer, not a failure: the charge is being settled or is settled, this way is closed. The message is why.
    #[error("{0}")]
    Settling(String),
    /// An answer, not a failure: content is refused for this charge. The message is the stored reason, a code.
    #[error("{0}")]
    Refused(String),
}

impl TaskError {
    /// The name that a state machine matches.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Retryable(_) => "Retryable",
            Self::Terminal(_) => "Terminal",
            Self::BadInput(_) => "BadInput",
            Self::CallNotPermitted(_) => "CallNotPermitted",
            Self::RateLimited(_) => "RateLimited",
            Self::Declined(_) => "Declined",
            Self::Settling(_) => "Settling",
            Self::Refused(_) => "Refused",
        }
    }

    /// Whether the task did its work and its answer is a no. As an error, it takes the state machine another way without
    /// a Choice state on the way of those who were told yes.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::Declined(_) | Self::Settling(_) | Self::Refused(_))
    }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        Self::Retryable(error.to_string())
    }
}

impl From<TaskError> for Diagnostic {
    fn from(error: TaskError) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}

/// Answers one state machine task. An input that does not fit the request's type is `BadInput`, which decides nothing
/// about the task.
///
/// # Errors
/// [`TaskError`]; it is logged here.
pub async fn answer<Q, A, F>(handle: impl Fn(Q) -> F, input: serde_json::Value) -> Result<A, TaskError>
where
    Q: DeserializeOwned,
    F: Future<Output = Result<A, TaskError>>,
{
    let answer = match serde_json::from_value(input) {
        // Boxed, as the compiler computes no layout of futures as deep as a service's in a runtime's.
        Ok(request) => Box::pin(handle(request)).await,
        Err(error) => Err(TaskError::BadInput(what_is_wrong(&error))),
    };
    match &answer {
        Err(error) if error.is_an_answer() => {
            tracing::info!(error.name = error.name(), error = %error, "the task's answer is a no");
        }
        Err(error @ TaskError::RateLimited(_)) => {
            tracing::info!(error.name = error.name(), error = %error, "the task has to wait");
        }
        Err(error) => tracing::warn!(error.name = error.name(), error = %error, "the task failed"),
        Ok(_) => {}
    }
    answer
}

/// Runs a function that answers one state machine task per invocation, as [`answer`] does.
///
/// # Errors
/// What the Lambda runtime says when it cannot go on.
pub async fn run<Q, A, F>(handle: impl Fn(Q) -> F) -> Result<(), lambda_runtime::Error>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, TaskError>>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<serde_json::Value>| answer(handle, event.payload))).await
}
