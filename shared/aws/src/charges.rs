//! Payments' table: `pk=CHARGE#intentId#n`.

use crate::item::{Table, key};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::charges::{ChargeReader, ChargeRow, Charges};
use domain::intent::Charge;
use domain::store::{Commit, StoreError, Versioned};

/// Charges on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoCharges(Table);

impl DynamoCharges {
    /// Charges in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "payments"))
    }
}

impl ChargeReader for DynamoCharges {
    async fn charge(&self, charge: &Charge) -> Result<Option<Versioned<ChargeRow>>, StoreError> {
        self.0.get(key(format!("CHARGE#{charge}"), None)).await
    }
}

impl Charges for DynamoCharges {
    async fn put(&self, row: ChargeRow, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let put = self.0.put(key(format!("CHARGE#{}", row.charge), None), &row, based_on)?;
        self.0.write(vec![TransactWriteItem::builder().put(put).build()]).await
    }
}
