//! Items with a revision: the shape that all our tables share, and their conditional writes.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::store::{Commit, StoreError, Versioned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

const REVISION: &str = "rev";

/// One of our tables.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    /// The name without prefix and stage, for errors.
    pub(crate) kind: &'static str,
}

impl Table {
    pub(crate) fn new(sdk: &SdkConfig, name: impl Into<String>, kind: &'static str) -> Self {
        Self { client: Client::new(sdk), name: name.into(), kind }
    }

    pub(crate) fn error(&self, error: &(impl std::error::Error + 'static)) -> StoreError {
        StoreError { table: self.kind, reason: DisplayErrorContext(error).to_string() }
    }

    fn unreadable(&self, error: &serde_dynamo::Error) -> StoreError {
        StoreError { table: self.kind, reason: format!("an item cannot be read: {error}") }
    }

    /// One item, consistently read.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Item) -> Result<Option<Versioned<T>>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.error(&e))?;
        answer.item.map(|item| self.read(item)).transpose()
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, item: Item) -> Result<Versioned<T>, StoreError> {
        let revision = item.get(REVISION).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok()).unwrap_or(0);
        let value = serde_dynamo::from_item(item).map_err(|e| self.unreadable(&e))?;
        Ok(Versioned { value, revision })
    }

    /// What can be read of a list; the rest is logged by its key and left out, so that one item stops nobody's list.
    pub(crate) fn read_what_can_be<T: DeserializeOwned>(&self, item: Item) -> Option<T> {
        let key = item.get("sk").or_else(|| item.get("pk")).and_then(|v| v.as_s().ok()).cloned();
        match self.read(item) {
            Ok(read) => Some(read.value),
            Err(error) => {
                tracing::error!(item.key = key, error = %error, "an item cannot be read and is left out of a list");
                None
            }
        }
    }

    /// A put of the whole item that takes effect only at this revision (`None`: only where there is no item).
    pub(crate) fn put<T: Serialize>(&self, key: Item, value: &T, based_on: Option<u64>) -> Result<Put, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value).map_err(|e| self.unreadable(&e))?;
        item.extend(key);
        item.insert(REVISION.to_owned(), number(based_on.unwrap_or(0) + 1));
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        let put = match based_on {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(revision) => put
                .condition_expression("#rev = :rev")
                .expression_attribute_names("#rev", REVISION)
                .expression_attribute_values(":rev", number(revision)),
        };
        put.build().map_err(|e| self.error(&e))
    }

    /// Writes all or nothing. One put alone goes without a transaction, at half the price.
    pub(crate) async fn write(&self, mut writes: Vec<TransactWriteItem>) -> Result<Commit, StoreError> {
        if let [TransactWriteItem { put: Some(put), .. }] = writes.as_mut_slice() {
            return self.write_one(put.clone()).await;
        }
        let sent = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match sent {
            Ok(_) => Ok(Commit::Done),
            Err(error) if is_cancelled_by_condition(&error) => {
                // Two transactions on one item: give the other a moment.
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1..30))).await;
                Ok(Commit::Conflict)
            }
            Err(error) => Err(self.error(&error)),
        }
    }

    /// One put, as it would be in a transaction.
    pub(crate) async fn send(&self, put: Put) -> Result<(), SdkError<PutItemError>> {
        self.client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .send()
            .await
            .map(drop)
    }

    async fn write_one(&self, put: Put) -> Result<Commit, StoreError> {
        match self.send(put).await {
            Ok(()) => Ok(Commit::Done),
            Err(error) if is_conflict(&error) => Ok(Commit::Conflict),
            Err(error) => Err(self.error(&error)),
        }
    }
}

fn is_conflict(error: &SdkError<PutItemError>) -> bool {
    matches!(error.code(), Some("ConditionalCheckFailedException" | "TransactionConflictException"))
}

/// A transaction that was cancelled only because of conditions or of another transaction, never for another reason.
fn is_cancelled_by_condition(error: &SdkError<TransactWriteItemsError>) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
            .cancellation_reasons()
            .iter()
            .all(|r| matches!(r.code(), Some("None" | "ConditionalCheckFailed" | "TransactionConflict") | None)),
        _ => false,
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn key(pk: String, sk: Option<String>) -> Item {
    let mut key = Item::from([("pk".to_owned(), text(pk))]);
    if let Some(sk) = sk {
        key.insert("sk".to_owned(), text(sk));
    }
    key
}
