//! The table of cases: `pk=CASE#id`. Only an open case has the attribute `open`, so the index `open-cases` holds just
//! those.

use crate::item::{Table, key, text};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::Put;
use domain::cases::{Case, Cases};
use domain::store::{StoreError, Versioned};

const OPEN: &str = "open";

/// Cases on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoCases(Table);

impl DynamoCases {
    /// Cases in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "cases"))
    }
}

/// A case that is new: its id was never used.
pub(crate) fn put_new(table: &Table, case: &Case) -> Result<Put, StoreError> {
    let mut put = table.put(key(format!("CASE#{}", case.id), None), case, None)?;
    put.item.insert(OPEN.to_owned(), text(OPEN));
    Ok(put)
}

/// A case that was open until now.
pub(crate) fn put_resolved(table: &Table, case: &Case) -> Result<Put, StoreError> {
    let put = table.put(key(format!("CASE#{}", case.id), None), case, None)?;
    let (name, item) = (put.table_name, put.item);
    Put::builder()
        .table_name(name)
        .set_item(Some(item))
        .condition_expression("attribute_exists(#open)")
        .expression_attribute_names("#open", OPEN)
        .build()
        .map_err(|e| table.error(&e))
}

impl Cases for DynamoCases {
    async fn case(&self, id: &str) -> Result<Option<Versioned<Case>>, StoreError> {
        self.0.get(key(format!("CASE#{id}"), None)).await
    }

    async fn open_cases(&self, limit: u32) -> Result<Vec<Case>, StoreError> {
        let answer = self
            .0
            .client
            .query()
            .table_name(&self.0.name)
            .index_name("open-cases")
            .key_condition_expression("#open = :open")
            .expression_attribute_names("#open", OPEN)
            .expression_attribute_values(":open", text(OPEN))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| self.0.error(&e))?;
        Ok(answer.items.unwrap_or_default().into_iter().filter_map(|item| self.0.read_what_can_be(item)).collect())
    }
}
