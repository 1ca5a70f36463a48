//! The subset of the [Amazon States Language](https://states-language.net/spec.html) that the state machines use:
//! `Pass`, `Task`, `Choice`, `Wait`, `Succeed` and `Fail`, in `JSONata`.

mod execution;
mod machine;
mod template;

pub use execution::{Execution, Next, TaskCall, Unasked};
pub use machine::{LoadError, Machine};

/// An error as a task, or Step Functions itself, reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskError {
    /// The name that `Retry` and `Catch` match.
    pub error: String,
    /// The detail.
    pub cause: String,
}

impl TaskError {
    /// An error of this name and detail.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }
}

#[cfg(test)]
mod tests;
