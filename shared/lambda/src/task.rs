//! Tasks of a state machine: their two errors, by names that a `Catch` matches exactly.

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
}

impl TaskError {
    /// The name that a state machine matches.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Retryable(_) => "Retryable",
            Self::Terminal(_) => "Terminal",
            Self::BadInput(_) => "BadInput",
        }
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

/// Runs a function that answers one state machine task per invocation. An input that does not fit the request's type
/// is `BadInput`, which decides nothing about the task.
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
    lambda_runtime::run(service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        let request = serde_json::from_value(event.payload).map_err(|e| TaskError::BadInput(what_is_wrong(&e)))?;
        let answer = handle(request).await;
        if let Err(error) = &answer {
            tracing::warn!(error.name = error.name(), error = %error, "the task failed");
        }
        answer
    }))
    .await
}
