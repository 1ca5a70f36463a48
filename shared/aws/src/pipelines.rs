//! The pipeline breaker's record: `pk=PIPELINE#name`. The state machine `open-circuit` writes the same item, so every
//! write here names its attributes and is conditioned on the generation.

use crate::item::{Table, key, number, text};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::pipeline::{Record, Records, Transition};
use domain::store::{Commit, StoreError};
use domain::time::Timestamp;

/// One pipeline's record on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoRecords {
    table: Table,
    pipeline: String,
}

impl DynamoRecords {
    /// The record of this pipeline in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>, pipeline: impl Into<String>) -> Self {
        Self { table: Table::new(sdk, table, "pipelines"), pipeline: pipeline.into() }
    }

    fn update(&self) -> UpdateItemFluentBuilder {
        self.table.client.update_item().table_name(&self.table.name).set_key(Some(self.key()))
    }

    fn key(&self) -> crate::item::Item {
        key(format!("PIPELINE#{}", self.pipeline), None)
    }

    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<Commit, StoreError> {
        match update.send().await {
            Ok(_) => Ok(Commit::Done),
            Err(error) if is_condition(&error) => Ok(Commit::Conflict),
            Err(error) => Err(self.table.error(&error)),
        }
    }
}

fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// An absent record is generation 0.
fn at_generation(update: UpdateItemFluentBuilder, generation: u64) -> UpdateItemFluentBuilder {
    let condition = if generation == 0 { "attribute_not_exists(gen) OR gen = :gen" } else { "gen = :gen" };
    update.condition_expression(condition).expression_attribute_values(":gen", number(generation))
}

impl Records for DynamoRecords {
    async fn read(&self) -> Result<Record, StoreError> {
        let answer = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.table.error(&e))?;
        match answer.item {
            // A lease alone makes an item without a state.
            Some(item) if item.contains_key("gen") => Ok(self.table.read(item)?.value),
            _ => Ok(Record::default()),
        }
    }

    async fn write(&self, from: &Record, to: &Transition) -> Result<Commit, StoreError> {
        let mut expression = "SET #state = :state, gen = :next, #by = :by, why = :why, opens = :opens".to_owned();
        let mut update = at_generation(self.update(), from.generation)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#by", "by")
            .expression_attribute_values(":state", text(to.to.as_str()))
            .expression_attribute_values(":next", number(from.generation + 1))
            .expression_attribute_values(":by", text(&to.by))
            .expression_attribute_values(":why", text(&to.why))
            .expression_attribute_values(":opens", number(to.opens));
        if to.turns(from) {
            expression.push_str(", since = :now");
            update = update.expression_attribute_values(":now", number(to.at.0));
        }
        let mut removed = Vec::new();
        if let Some(at) = to.next_probe_at {
            expression.push_str(", nextProbeAt = :probe");
            update = update.expression_attribute_values(":probe", number(at.0));
        } else {
            removed.push("nextProbeAt");
        }
        if to.clears_stop_mark(from.state) {
            removed.push("stopMark");
        }
        if !removed.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&removed.join(", "));
        }
        self.send(update.update_expression(expression)).await
    }

    async fn mark_stop(&self, generation: u64) -> Result<Commit, StoreError> {
        let update = at_generation(self.update(), generation)
            .update_expression("SET stopMark = :yes REMOVE applied")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        self.send(update).await
    }

    async fn mark_applied(&self, generation: u64, newly: bool, now: Timestamp) -> Result<Commit, StoreError> {
        let update =
            at_generation(self.update(), generation).expression_attribute_values(":applied", number(generation));
        let update = if newly {
            update
                .update_expression("SET applied = :applied, stoppedAt = :now")
                .expression_attribute_values(":now", number(now.0))
        } else {
            update.update_expression("SET applied = :applied")
        };
        self.send(update).await
    }

    async fn take_lease(&self, holder: &str, now: Timestamp, until: Timestamp) -> Result<Commit, StoreError> {
        let update = self
            .update()
            .update_expression("SET #lease = :holder, leaseUntil = :until")
            .condition_expression("attribute_not_exists(#lease) OR #lease = :holder OR leaseUntil < :now")
            .expression_attribute_names("#lease", "lease")
            .expression_attribute_values(":holder", text(holder))
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":now", number(now.0));
        self.send(update).await
    }

    async fn free_lease(&self, holder: &str) -> Result<(), StoreError> {
        let update = self
            .update()
            .update_expression("REMOVE #lease, leaseUntil")
            .condition_expression("#lease = :holder")
            .expression_attribute_names("#lease", "lease")
            .expression_attribute_values(":holder", text(holder));
        match self.send(update).await? {
            Commit::Done => {}
            Commit::Conflict => tracing::warn!("the lease was over before the tick was"),
        }
        Ok(())
    }
}
