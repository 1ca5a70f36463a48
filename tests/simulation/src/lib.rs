//! Runs the state machines of `infra/statemachines` without Step Functions: step by step, under a clock and a source
//! of chance that the caller owns, so that a test can interleave executions and kill them between any two effects.
//!
//! It knows the subset of the Amazon States Language and of `JSONata` that our files use, and refuses everything else
//! by name when a file is loaded: what it runs, it runs as Step Functions would.
//!
//! ```
//! use serde_json::json;
//! use simulation::{Execution, Machine, Next};
//!
//! let file = r#"{
//!   "QueryLanguage": "JSONata", "StartAt": "Charge",
//!   "States": {"Charge": {
//!     "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
//!     "Arguments": {"FunctionName": "${Payments}", "Payload": {"customer": "{% $states.input.customer %}"}},
//!     "Retry": [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 2}],
//!     "Output": "{% $states.result.Payload %}", "End": true}}}"#;
//! let machine = Machine::load(file, &[("Payments", "payments-task")])?;
//! let mut now = 1_700_000_000_000; // milliseconds since 1970
//! let mut execution = Execution::new(&machine, "execution:1", json!({"customer": "ada"}), now, fastrand::Rng::with_seed(7));
//! let mut calls = 0;
//! let output = loop {
//!     match execution.next(now) {
//!         Next::Task(task) => {
//!             calls += 1;
//!             let (function, payload) = simulation::lambda_call(&task.arguments).ok_or("a Lambda task")?;
//!             let answer = match calls {
//!                 1 => Err(simulation::lambda_error("Retryable", "the provider is down")),
//!                 _ => Ok(simulation::lambda_answer(json!({"by": function, "for": payload["customer"]}))),
//!             };
//!             execution.answer(now, answer)?;
//!         }
//!         Next::Wait(pause) => now += i64::try_from(pause.as_millis())?,
//!         Next::Succeeded { output } => break output,
//!         Next::Failed(error) => return Err(error.into()),
//!     }
//! };
//! assert_eq!(output, json!({"by": "payments-task", "for": "ada"}));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod asl;
pub mod jsonata;
mod lambda;
mod moment;

pub use asl::{Execution, LoadError, Machine, Next, TaskCall, TaskError, Unasked};
pub use lambda::{lambda_answer, lambda_call, lambda_error};
