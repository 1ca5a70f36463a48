//! The ledger's table: `pk=CUSTOMER#sub`, `sk=INTENT#id` for intents and `sk=TIER#tier` for the lock.

use crate::cases;
use crate::item::{Item, Table, key, number, text};
use crate::outbox;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use domain::events::{Event, Outbox};
use domain::intent::{CustomerId, IntentId, Tier};
use domain::ledger::store::{CaseChange, Change, IntentLists, Ledger, LockChange};
use domain::ledger::{Intent, Status, TierLock};
use domain::store::{Commit, StoreError, Versioned};
use domain::time::Timestamp;

/// The ledger on DynamoDB. A row, its lock and its case are written in one transaction.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    ledger: Table,
    cases: Option<Table>,
}

impl DynamoLedger {
    /// A ledger of a function that opens and resolves no cases.
    pub fn new(sdk: &SdkConfig, ledger_table: impl Into<String>) -> Self {
        Self { ledger: Table::new(sdk, ledger_table, "ledger"), cases: None }
    }

    /// The same with cases.
    #[must_use]
    pub fn with_cases(self, sdk: &SdkConfig, cases_table: impl Into<String>) -> Self {
        let cases = Table::new(sdk, cases_table, "cases");
        Self { cases: Some(cases), ..self }
    }

    async fn query(
        &self,
        query: aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
        limit: usize,
    ) -> Result<Vec<Intent>, StoreError> {
        let mut found = Vec::new();
        let mut pages = query.table_name(&self.ledger.name).into_paginator().items().send();
        while found.len() < limit {
            match pages.next().await {
                None => break,
                Some(Err(error)) => return Err(self.ledger.error(&error)),
                Some(Ok(item)) => found.extend(self.ledger.read_what_can_be(item)),
            }
        }
        Ok(found)
    }
}

fn put(put: aws_sdk_dynamodb::types::Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

fn intent_key(customer: &CustomerId, intent: &IntentId) -> Item {
    key(format!("CUSTOMER#{customer}"), Some(format!("INTENT#{intent}")))
}

fn lock_key(customer: &CustomerId, tier: Tier) -> Item {
    key(format!("CUSTOMER#{customer}"), Some(format!("TIER#{}", tier.as_str())))
}

impl Ledger for DynamoLedger {
    async fn intent(&self, customer: &CustomerId, intent: &IntentId) -> Result<Option<Versioned<Intent>>, StoreError> {
        self.ledger.get(intent_key(customer, intent)).await
    }

    async fn lock(&self, customer: &CustomerId, tier: Tier) -> Result<Option<Versioned<TierLock>>, StoreError> {
        self.ledger.get(lock_key(customer, tier)).await
    }

    async fn commit(&self, change: Change) -> Result<Commit, StoreError> {
        let intent = &change.intent;
        let row = intent_key(&intent.customer, &intent.intent_id);
        let mut writes = vec![put(self.ledger.put(row, intent, change.based_on)?)];
        let lock = lock_key(&intent.customer, intent.body.tier);
        match change.lock {
            LockChange::Keep => {}
            LockChange::Put { lock: held, based_on } => {
                writes.push(put(self.ledger.put(lock, &held, based_on)?));
            }
            LockChange::Free { based_on } => {
                let delete = Delete::builder()
                    .table_name(&self.ledger.name)
                    .set_key(Some(lock))
                    .condition_expression("#rev = :rev")
                    .expression_attribute_names("#rev", "rev")
                    .expression_attribute_values(":rev", number(based_on))
                    .build()
                    .map_err(|e| self.ledger.error(&e))?;
                writes.push(TransactWriteItem::builder().delete(delete).build());
            }
        }
        if let Some(case) = &change.case {
            let table = self.cases.as_ref().ok_or_else(|| StoreError {
                table: "cases",
                reason: "this function was not given the table of cases".to_owned(),
            })?;
            writes.push(put(match case {
                CaseChange::Open(case) => cases::put_new(table, case)?,
                CaseChange::Resolve(case) => cases::put_resolved(table, case)?,
            }));
        }
        writes.extend(outbox::puts(&self.ledger, &change.events, true)?);
        self.ledger.write(writes).await
    }
}

impl Outbox for DynamoLedger {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        outbox::tell(&self.ledger, events, true).await
    }
}

impl IntentLists for DynamoLedger {
    async fn of_customer(&self, customer: &CustomerId) -> Result<Vec<Intent>, StoreError> {
        let query = self
            .ledger
            .client
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :intent)")
            .expression_attribute_values(":pk", text(format!("CUSTOMER#{customer}")))
            .expression_attribute_values(":intent", text("INTENT#"))
            .consistent_read(true);
        // All of them before the newest are chosen: the sort key is a hash and says nothing about age.
        let mut intents = self.query(query, usize::MAX).await?;
        intents.sort_by_key(|intent| std::cmp::Reverse(intent.accepted_at));
        intents.truncate(100);
        Ok(intents)
    }

    async fn unsent_since(&self, status: Status, moment: Timestamp, limit: u32) -> Result<Vec<Intent>, StoreError> {
        let query = self
            .ledger
            .client
            .query()
            .index_name("by-status")
            .key_condition_expression("#status = :status")
            .filter_expression("lastSentAt < :moment")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.as_str()))
            .expression_attribute_values(":moment", number(moment.0));
        self.query(query, limit as usize).await
    }

    async fn untouched_since(&self, status: Status, moment: Timestamp, limit: u32) -> Result<Vec<Intent>, StoreError> {
        let query = self
            .ledger
            .client
            .query()
            .index_name("by-status")
            .key_condition_expression("#status = :status AND updatedAt < :moment")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.as_str()))
            .expression_attribute_values(":moment", number(moment.0));
        self.query(query, limit as usize).await
    }
}
