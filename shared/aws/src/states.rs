//! Step Functions: executions that were started, and trials that the probe starts, of a state machine or of a choreography.

use crate::config::service_error;
use crate::ledger::DynamoLedger;
use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use domain::intent::{CustomerId, IntentId, IntentMessage};
use domain::ledger::store::Ledger;
use domain::ledger::{ALREADY_SUBSCRIBED, Execution, Status};
use domain::pipeline::{Evidence, QueuedIntent, Trials};
use domain::services::{Conductor, Executions, Ran, ServiceError};
use serde::{Deserialize, Serialize};
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

/// What a Pipe hands intents to.
#[derive(Debug, Clone)]
pub enum Target {
    /// A Standard workflow, by its ARN: a trial is an execution, whose output says what it proves.
    StateMachine(String),
    /// A function that takes intents up and lets events drive them: a trial is a row of the ledger, which says the same.
    Choreography(Choreography),
}

/// A choreography, as a probe sees it.
#[derive(Debug, Clone)]
pub struct Choreography {
    functions: aws_sdk_lambda::Client,
    name: String,
    ledger: DynamoLedger,
}

/// One trial of a choreography.
#[derive(Debug, Serialize, Deserialize)]
struct Trial {
    customer: CustomerId,
    intent: IntentId,
    attempt: u32,
}

/// A trial of a message that proves nothing: a duplicate, or no intent at all.
const PROVES_NOTHING: &str = "none";

impl Choreography {
    /// The choreography that this function takes intents up for.
    pub fn new(sdk: &SdkConfig, function: impl Into<String>, ledger_table: impl Into<String>) -> Self {
        let ledger = DynamoLedger::new(sdk, ledger_table);
        Self { functions: aws_sdk_lambda::Client::new(sdk), name: function.into(), ledger }
    }

    async fn start(&self, intent: &QueuedIntent) -> Result<String, ServiceError> {
        let trial = match IntentMessage::parse(&intent.body) {
            Ok(message) => self.trial(&message).await?,
            Err(_) => None,
        };
        let payload = serde_json::json!([{ "messageId": intent.id, "body": intent.body }]).to_string();
        let call = self.functions.invoke().function_name(&self.name).payload(Blob::new(payload));
        let answer = call.send().await.map_err(|e| service_error("Lambda", &e))?;
        let failures: Option<SqsFailures> =
            answer.payload.and_then(|payload| serde_json::from_slice(payload.as_ref()).ok());
        match (answer.function_error, failures) {
            (None, Some(failures)) if failures.batch_item_failures.is_empty() => {}
            _ => return Err(ServiceError { service: "Lambda", reason: "it did not take the intent up".to_owned() }),
        }
        match trial {
            Some(trial) => serde_json::to_string(&trial).map_err(|e| service_error("ledger", &e)),
            None => Ok(PROVES_NOTHING.to_owned()),
        }
    }

    /// The trial that taking this message up begins. A duplicate of what is under way or has ended proves nothing.
    async fn trial(&self, message: &IntentMessage) -> Result<Option<Trial>, ServiceError> {
        let (customer, intent) = (message.customer.clone(), message.intent_id());
        let row = self.ledger.intent(&customer, &intent).await.map_err(|e| service_error("DynamoDB", &e))?;
        let waits = row.as_ref().is_none_or(|r| matches!(r.value.status, Status::Accepted | Status::Retrying));
        let attempt = row.map_or(1, |row| row.value.attempt);
        Ok(waits.then_some(Trial { customer, intent, attempt }))
    }

    async fn evidence(&self, trial: &str) -> Result<Option<Evidence>, ServiceError> {
        let Ok(trial) = serde_json::from_str::<Trial>(trial) else { return Ok(Some(Evidence::None)) };
        let row = self.ledger.intent(&trial.customer, &trial.intent).await;
        let Some(row) = row.map_err(|e| service_error("DynamoDB", &e))? else { return Ok(None) };
        let intent = row.value;
        Ok(match intent.status {
            // The tier was another intent's: nobody was asked.
            Status::Declined if intent.reason.as_deref() == Some(ALREADY_SUBSCRIBED) => Some(Evidence::None),
            // Whoever declines is alive; that is what a probe wants to know.
            Status::Active | Status::Declined => Some(Evidence::Healthy),
            Status::Refunded => Some(Evidence::None),
            Status::Parked => Some(Evidence::Failed),
            _ if intent.attempt > trial.attempt => Some(Evidence::Failed),
            Status::Accepted | Status::Processing | Status::Compensating | Status::Retrying => None,
        })
    }
}

/// What a function that takes a batch answers.
#[derive(Debug, Deserialize)]
struct SqsFailures {
    #[serde(rename = "batchItemFailures")]
    batch_item_failures: Vec<Value>,
}

/// The queue before a Pipe and the target behind it.
#[derive(Debug, Clone)]
pub struct PipelineTrials {
    states: StepFunctions,
    target: Target,
    queue: aws_sdk_sqs::Client,
    queue_url: String,
}

impl PipelineTrials {
    /// Trials of this target with intents of this queue.
    pub fn new(sdk: &SdkConfig, target: Target, queue_url: impl Into<String>) -> Self {
        Self {
            states: StepFunctions::new(sdk),
            target,
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
        let state_machine = match &self.target {
            Target::StateMachine(arn) => arn,
            Target::Choreography(choreography) => return choreography.start(intent).await,
        };
        // An array of one record, as the Pipe hands it over.
        let input = serde_json::json!([{ "messageId": intent.id, "body": intent.body }]);
        let started = self
            .states
            .0
            .start_execution()
            .state_machine_arn(state_machine)
            .name(name)
            .input(input.to_string())
            .send()
            .await;
        match started {
            Ok(answer) => Ok(answer.execution_arn),
            // A reply was lost: the name is this very intent's, so the execution is ours.
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => {
                Ok(format!("{}:{name}", state_machine.replacen(":stateMachine:", ":execution:", 1)))
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
        if let Target::Choreography(choreography) = &self.target {
            return choreography.evidence(execution).await;
        }
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
