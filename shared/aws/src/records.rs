//! Idempotency records: `pk=consumer#eventId`, in the record model of Powertools, and the outbox of their consumers.

use crate::item::{Table, key};
use crate::outbox;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::events::{Event, EventId, Outbox};
use domain::idempotency::{Record, Records};
use domain::store::{Commit, StoreError, Versioned};

/// One consumer's records on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoIdempotency {
    table: Table,
    consumer: &'static str,
}

impl DynamoIdempotency {
    /// The records of this consumer.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>, consumer: &'static str) -> Self {
        Self { table: Table::new(sdk, table, "idempotency"), consumer }
    }

    fn place(&self, event: &EventId) -> String {
        format!("{}#{event}", self.consumer)
    }
}

impl Outbox for DynamoIdempotency {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        outbox::tell(&self.table, events, false).await
    }
}

impl Records for DynamoIdempotency {
    async fn record(&self, event: &EventId) -> Result<Option<Versioned<Record>>, StoreError> {
        self.table.get(key(self.place(event), None)).await
    }

    async fn put(
        &self,
        event: &EventId,
        record: Record,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> Result<Commit, StoreError> {
        let put = self.table.put(key(self.place(event), None), &record, based_on)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        writes.extend(outbox::puts(&self.table, tell, false)?);
        self.table.write(writes).await
    }
}
