//! Step Functions: executions that were started, and trials that the probe starts.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use domain::intent::IntentMessage;
use domain::ledger::Execution;
use domain::pipeline::{Evidence, QueuedIntent, Trials};
use domain::services::{Conductor, Executions, Ran, ServiceError};
use serde_json::Value;

const SERVICE: &str = "Step Functions";

/// Asking about executions.
#[derive(Debug, Clone)]
pub struct StepFunctions(Client);

impl StepFunctions {
    /// In the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self(Client::new(sdk))
    }

    async fn describe(&self, arn: &str) -> Result<Option<DescribeExecutionOutput>, ServiceError> {
        match self.0.describe_execution().execution_arn(arn).send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some("ExecutionDoesNotExist") => Ok(None),
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }
}

impl Executions for StepFunctions {
    async fn ran(&self, execution: &Execution) -> Result<Ran, ServiceError> {
        let running = matches!(
            self.describe(&execution.0).await?.map(|e| e.status),
            Some(ExecutionStatus::Running | ExecutionStatus::PendingRedrive)
        );
        Ok(if running { Ran::StillRuns } else { Ran::Over })
    }
}

/// The state machine `subscribe`.
#[derive(Debug, Clone)]
pub struct Subscribe {
    client: Client,
    state_machine: String,
}

impl Subscribe {
    /// The state machine of this ARN.
    pub fn new(sdk: &SdkConfig, state_machine: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), state_machine: state_machine.into() }
    }
}

impl Conductor for Subscribe {
    async fn conduct(&self, message: &IntentMessage) -> Result<(), ServiceError> {
        let body = serde_json::to_string(message).map_err(|e| service_error(SERVICE, &e))?;
        // An array of one record, as the Pipe hands it over.
        let input = serde_json::json!([{ "body": body }]);
        let start = self.client.start_execution().state_machine_arn(&self.state_machine).input(input.to_string());
        start.send().await.map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }
}

/// The queue and the state machine behind a Pipe.
#[derive(Debug, Clone)]
pub struct PipelineTrials {
    states: StepFunctions,
    state_machine: String,
    queue: aws_sdk_sqs::Client,
    queue_url: String,
}

impl PipelineTrials {
    /// Trials of this state machine with intents of this queue.
    pub fn new(sdk: &SdkConfig, state_machine: impl Into<String>, queue_url: impl Into<String>) -> Self {
        Self {
            states: StepFunctions::new(sdk),
            state_machine: state_machine.into(),
            queue: aws_sdk_sqs::Client::new(sdk),
            queue_url: queue_url.into(),
        }
    }
}

impl Trials for PipelineTrials {
    async fn receive(&self, limit: u32) -> Result<Vec<QueuedIntent>, ServiceError> {
        let answer = self
            .queue
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(limit.min(10)).unwrap_or(10))
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(|e| service_error("SQS", &e))?;
        let intents = answer.messages.unwrap_or_default().into_iter().filter_map(|message| {
            Some(QueuedIntent { id: message.message_id?, receipt: message.receipt_handle?, body: message.body? })
        });
        Ok(intents.collect())
    }

    async fn start(&self, intent: &QueuedIntent, name: &str) -> Result<String, ServiceError> {
        // An array of one record, as the Pipe hands it over.
        let input = serde_json::json!([{ "messageId": intent.id, "body": intent.body }]);
        let started = self
            .states
            .0
            .start_execution()
            .state_machine_arn(&self.state_machine)
            .name(name)
            .input(input.to_string())
            .send()
            .await;
        match started {
            Ok(answer) => Ok(answer.execution_arn),
            // A reply was lost: the name is this very intent's, so the execution is ours.
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => {
                Ok(format!("{}:{name}", self.state_machine.replacen(":stateMachine:", ":execution:", 1)))
            }
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }

    async fn delete(&self, intent: &QueuedIntent) -> Result<(), ServiceError> {
        self.queue
            .delete_message()
            .queue_url(&self.queue_url)
            .receipt_handle(&intent.receipt)
            .send()
            .await
            .map_err(|e| service_error("SQS", &e))?;
        Ok(())
    }

    /// An execution that succeeded says itself what it proves, in `evidence` of its output; a state machine that says
    /// nothing there proves health by succeeding.
    async fn evidence(&self, execution: &str) -> Result<Option<Evidence>, ServiceError> {
        let Some(answer) = self.states.describe(execution).await? else { return Ok(None) };
        Ok(match answer.status {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => None,
            ExecutionStatus::Succeeded => {
                let output: Option<Value> = answer.output.as_deref().and_then(|o| serde_json::from_str(o).ok());
                let Some(said) = output.and_then(|o| o.get("evidence").cloned()) else {
                    return Ok(Some(Evidence::Healthy));
                };
                // A word that nobody knows proves nothing.
                Some(serde_json::from_value(said).unwrap_or_else(|_| {
                    tracing::warn!(
                        execution.arn = execution,
                        "the execution's evidence is not healthy, none or failed"
                    );
                    Evidence::None
                }))
            }
            _ => Some(Evidence::Failed),
        })
    }
}
