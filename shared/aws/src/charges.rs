//! Tables with one row a charge, `pk=CHARGE#intentId#n`, and an outbox: payments', fraud-proxy's and payment-proxy's.

use crate::item::{Table, key};
use crate::outbox;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::charges::{ChargeReader, ChargeRow, OfCharge, Rows};
use domain::choreography::fraud::VerdictRow;
use domain::choreography::payment_proxy::ProviderCharge;
use domain::events::{Event, Outbox};
use domain::intent::Charge;
use domain::store::{Commit, StoreError, Versioned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Rows of one of these tables.
#[derive(Debug, Clone)]
pub struct DynamoRows<R> {
    table: Table,
    row: PhantomData<fn() -> R>,
}

impl<R> DynamoRows<R> {
    fn of(sdk: &SdkConfig, table: impl Into<String>, kind: &'static str) -> Self {
        Self { table: Table::new(sdk, table, kind), row: PhantomData }
    }
}

impl DynamoRows<ChargeRow> {
    /// Payments' table.
    pub fn payments(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self::of(sdk, table, "payments")
    }
}

impl DynamoRows<VerdictRow> {
    /// Fraud-proxy's table.
    pub fn fraud_verdicts(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self::of(sdk, table, "fraud-verdicts")
    }
}

impl DynamoRows<ProviderCharge> {
    /// Payment-proxy's table.
    pub fn provider_charges(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self::of(sdk, table, "provider-charges")
    }
}

impl<R> Outbox for DynamoRows<R> {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        outbox::tell(&self.table, events, false).await
    }
}

impl<R: OfCharge + Serialize + DeserializeOwned + Send> Rows<R> for DynamoRows<R> {
    async fn row(&self, charge: &Charge) -> Result<Option<Versioned<R>>, StoreError> {
        self.table.get(key(format!("CHARGE#{charge}"), None)).await
    }

    async fn put(&self, row: R, based_on: Option<u64>, tell: &[Event]) -> Result<Commit, StoreError> {
        let put = self.table.put(key(format!("CHARGE#{}", row.charge()), None), &row, based_on)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        writes.extend(outbox::puts(&self.table, tell, false)?);
        self.table.write(writes).await
    }
}

impl ChargeReader for DynamoRows<ChargeRow> {
    async fn charge(&self, charge: &Charge) -> Result<Option<Versioned<ChargeRow>>, StoreError> {
        self.row(charge).await
    }
}
