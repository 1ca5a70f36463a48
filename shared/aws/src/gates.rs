//! Gates on DynamoDB: `pk = GATE#dependency#shard`, one item a shard, and `GATE#dependency#audit` for what people did.
//!
//! Every [`Change`] is one conditional write, and every write asks for the item that it left (`ALL_NEW`) or, where its
//! condition was false, found (`ALL_OLD`): there is nothing to read before or after.

mod expression;
mod reading;

use crate::item::{Item, Table, key, number};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::gate::Gate;
use domain::gate::change::{Change, Seen};
use domain::gate::config::Dependency;
use domain::gate::store::{AUDIT_LINES, Answer, AuditLine, GateStoreError, Gates, Together};
use expression::Expression;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What keeps a healthy table from answering: another transaction on the item, or too many writes of it. By these names
/// a transaction says why it was cancelled; as errors they end with `Exception`.
const BUSY: [&str; 6] = [
    "TransactionConflict",
    "TransactionInProgress",
    "ProvisionedThroughputExceeded",
    "Throttling",
    "ThrottlingError",
    "RequestLimitExceeded",
];
/// Whoever finds it busy tries again so often, waiting up to twice as long each time.
const CONFLICTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// A call waits for its gate: better a policy soon than an answer late.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(1);
const LONGEST_OPERATION: Duration = Duration::from_secs(3);

/// The table of gates.
#[derive(Debug, Clone)]
pub struct DynamoGates {
    table: Table,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Audit {
    /// The latest first.
    lines: Vec<AuditLine>,
}

impl DynamoGates {
    /// The gates in this table. Throttling is retried by the SDK, at most as often as `sdk` says; a call to the store takes
    /// 3 seconds at most.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(LONGEST_ATTEMPT)
            .operation_attempt_timeout(LONGEST_ATTEMPT)
            .operation_timeout(LONGEST_OPERATION)
            .build();
        let config = aws_sdk_dynamodb::config::Builder::from(sdk).timeout_config(timeouts).build();
        Self { table: Table { client: Client::from_conf(config), name: table.into(), kind: "gates" } }
    }

    async fn update(&self, item: Item, expression: Expression, name: &str) -> Result<Answer, GateStoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..CONFLICTS {
            let expression = expression.clone();
            let sent = self
                .table
                .client
                .update_item()
                .table_name(&self.table.name)
                .set_key(Some(item.clone()))
                .update_expression(expression.update())
                .condition_expression(expression.condition())
                .set_expression_attribute_names(Some(expression.names))
                .set_expression_attribute_values(Some(expression.values))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent {
                Ok(answer) => return reading::gate(name, &answer.attributes.unwrap_or_default()).map(Answer::Done),
                Err(error) if is_busy(error.code()) => pause = wait_for_the_others(pause).await,
                Err(error) => return refused(name, &error),
            }
        }
        Err(busy())
    }

    async fn install(&self, name: &str, put: Put, gate: &Gate) -> Result<Answer, GateStoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..CONFLICTS {
            let Err(error) = self.table.send(put.clone()).await else { return Ok(Answer::Done(gate.clone())) };
            if is_busy(error.code()) {
                pause = wait_for_the_others(pause).await;
            } else if error.code() == Some("ConditionalCheckFailedException") {
                return Ok(self.get(name).await?.map_or(Answer::Missing, Answer::Refused));
            } else {
                return Err(unreachable(&error));
            }
        }
        Err(busy())
    }

    async fn get(&self, name: &str) -> Result<Option<Gate>, GateStoreError> {
        let read = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(key(name.to_owned(), None)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        read.item.map(|item| reading::gate(name, &item)).transpose()
    }

    fn put(&self, name: &str, over: Option<Seen>, gate: &Gate) -> Result<Put, GateStoreError> {
        let mut item = reading::item(gate);
        item.extend(key(name.to_owned(), None));
        let put = Put::builder().table_name(&self.table.name).set_item(Some(item));
        let put = match over {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("gen = :gen AND notBefore = :hold AND tat = :tat")
                .expression_attribute_values(":gen", number(seen.generation))
                .expression_attribute_values(":hold", number(seen.not_before.0))
                .expression_attribute_values(":tat", number(seen.tat.0)),
        };
        put.build().map_err(|error| unreachable(&error))
    }

    fn part(&self, name: &str, shard: u16, change: &Change) -> Result<TransactWriteItem, GateStoreError> {
        if let Change::Install { over, gate } = change {
            let put = self.put(name, *over, gate)?;
            return Ok(TransactWriteItem::builder().put(put).build());
        }
        let expression = Expression::of(change, shard);
        let update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(key(name.to_owned(), None)))
            .update_expression(expression.update())
            .condition_expression(expression.condition())
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .build()
            .map_err(|error| unreachable(&error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    async fn audit_part(&self, name: String, line: &AuditLine) -> Result<TransactWriteItem, GateStoreError> {
        let found = self.table.get::<Audit>(key(name.clone(), None)).await.map_err(|e| unreachable(&e))?;
        let (mut audit, revision) = found.map_or_else(Default::default, |f| (f.value, Some(f.revision)));
        audit.lines.insert(0, line.clone());
        audit.lines.truncate(AUDIT_LINES);
        let put = self.table.put(key(name, None), &audit, revision).map_err(|e| unreachable(&e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Gates for DynamoGates {
    async fn read(&self, dependency: &Dependency, shard: u16) -> Result<Option<Gate>, GateStoreError> {
        self.get(&item_name(dependency, shard)).await
    }

    async fn apply(&self, dependency: &Dependency, shard: u16, change: &Change) -> Result<Answer, GateStoreError> {
        let name = item_name(dependency, shard);
        if let Change::Install { over, gate } = change {
            return self.install(&name, self.put(&name, *over, gate)?, gate).await;
        }
        self.update(key(name.clone(), None), Expression::of(change, shard), &name).await
    }

    async fn apply_all(
        &self,
        dependency: &Dependency,
        changes: &[(u16, Change)],
        audit: Option<&AuditLine>,
    ) -> Result<Together, GateStoreError> {
        let mut writes = Vec::new();
        for (shard, change) in changes {
            writes.push(self.part(&item_name(dependency, *shard), *shard, change)?);
        }
        if let Some(line) = audit {
            writes.push(self.audit_part(audit_name(dependency), line).await?);
        }
        let mut pause = FIRST_PAUSE;
        for _ in 0..CONFLICTS {
            let sent = self.table.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            match sent {
                Ok(_) => return Ok(Together::Done),
                Err(error) if is_cancelled_by(&error, "ConditionalCheckFailed") => return Ok(Together::Refused),
                Err(error) if is_busy(error.code()) || BUSY.iter().any(|code| is_cancelled_by(&error, code)) => {
                    pause = wait_for_the_others(pause).await;
                }
                Err(error) => return Err(unreachable(&error)),
            }
        }
        Err(busy())
    }

    async fn audit(&self, dependency: &Dependency) -> Result<Vec<AuditLine>, GateStoreError> {
        let found = self.table.get::<Audit>(key(audit_name(dependency), None)).await.map_err(|e| unreachable(&e))?;
        Ok(found.map(|found| found.value.lines).unwrap_or_default())
    }
}

fn refused(name: &str, error: &SdkError<UpdateItemError>) -> Result<Answer, GateStoreError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
            Some(item) => reading::gate(name, item).map(Answer::Refused),
            None => Ok(Answer::Missing),
        },
        // An update of an attribute that is not what it should be, such as a counter in a map that is missing.
        _ if error.code() == Some("ValidationException") => {
            let reason = error.message().unwrap_or("the store cannot perform the update").to_owned();
            Err(GateStoreError::Corrupt { item: name.to_owned(), reason })
        }
        _ => Err(unreachable(error)),
    }
}

fn item_name(dependency: &Dependency, shard: u16) -> String {
    format!("GATE#{dependency}#{shard}")
}

fn audit_name(dependency: &Dependency) -> String {
    format!("GATE#{dependency}#audit")
}

fn is_cancelled_by(error: &SdkError<TransactWriteItemsError>, code: &str) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code))
        }
        _ => false,
    }
}

fn is_busy(code: Option<&str>) -> bool {
    code.is_some_and(|code| BUSY.contains(&code.trim_end_matches("Exception")))
}

/// Full jitter; the next pause may be twice as long.
async fn wait_for_the_others(pause: Duration) -> Duration {
    tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
    pause * 2
}

fn busy() -> GateStoreError {
    GateStoreError::Busy(format!("others had the items {CONFLICTS} times in a row"))
}

fn unreachable(error: &(impl std::error::Error + 'static)) -> GateStoreError {
    GateStoreError::Unreachable(DisplayErrorContext(error).to_string())
}
