//! The table of routes: `pk=ROUTE#name`, and a few samples of what shadow found, `pk=MISMATCH#name#place`. The state
//! machine `roll-back-route` writes the same records, conditioned on the same revision.

use crate::item::{Table, key, number};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::routes::store::{Mismatch, Mismatches, RouteChange, RouteRecords};
use domain::routes::{RouteName, RouteRecord};
use domain::store::{Commit, StoreError, Versioned};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Routes on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoRoutes(Table);

impl DynamoRoutes {
    /// Routes in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "routes"))
    }
}

impl RouteRecords for DynamoRoutes {
    async fn record(&self, route: RouteName) -> Result<Option<Versioned<RouteRecord>>, StoreError> {
        self.0.get(key(format!("ROUTE#{route}"), None)).await
    }

    async fn write(&self, route: RouteName, record: &RouteRecord, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let put = self.0.put(key(format!("ROUTE#{route}"), None), record, based_on)?;
        self.0.write(vec![TransactWriteItem::builder().put(put).build()]).await
    }
}

impl Mismatches for DynamoRoutes {
    async fn keep(&self, route: RouteName, place: u8, mismatch: &Mismatch, until: Timestamp) -> Result<(), StoreError> {
        let mut put = self.0.put(key(format!("MISMATCH#{route}#{place:02}"), None), mismatch, None)?;
        put.item.insert("expiresAt".to_owned(), number(until.0.div_euclid(1000)));
        // Whatever was in this place makes room.
        put.condition_expression = None;
        self.0.send(put).await.map_err(|e| self.0.error(&e))
    }
}

/// A record of the table's stream that is no route's. Never holds a word of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} of the stream holds no route")]
pub struct NoRoute {
    /// Where in the stream.
    sequence: String,
}

/// What the table's stream tells, as a function gets it: the changes of records, and nothing of records that were deleted.
/// An invocation without records, such as a schedule's, has no changes.
///
/// # Errors
/// [`NoRoute`].
pub fn changes(event: &Value) -> Result<Vec<RouteChange>, NoRoute> {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let written = records.iter().map(|record| &record["dynamodb"]).filter(|record| record["NewImage"].is_object());
    written
        .map(|record| {
            let sequence = || record["SequenceNumber"].as_str().unwrap_or("without a number").to_owned();
            change(&record["NewImage"]).ok_or_else(|| NoRoute { sequence: sequence() })
        })
        .collect()
}

fn change(image: &Value) -> Option<RouteChange> {
    let item = fields(image)?;
    let route = RouteName::named(item["pk"].as_str()?.strip_prefix("ROUTE#")?)?;
    let revision = item["rev"].as_u64()?;
    let value = RouteRecord::deserialize(item).ok()?;
    Some(RouteChange { route, record: Versioned { value, revision } })
}

/// A value as DynamoDB writes it in JSON, as plain JSON.
fn plain(value: &Value) -> Option<Value> {
    let (kind, inner) = value.as_object().filter(|value| value.len() == 1)?.iter().next()?;
    match kind.as_str() {
        "S" | "BOOL" => Some(inner.clone()),
        "N" => serde_json::from_str(inner.as_str()?).ok(),
        "NULL" => Some(Value::Null),
        "L" => inner.as_array()?.iter().map(plain).collect::<Option<Vec<_>>>().map(Value::Array),
        "M" => fields(inner),
        _ => None,
    }
}

fn fields(map: &Value) -> Option<Value> {
    let fields = map.as_object()?.iter().map(|(name, value)| Some((name.clone(), plain(value)?)));
    fields.collect::<Option<Map<_, _>>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::routes::{AuditLine, Mode, Percent, Steering};
    use serde_json::json;

    fn record() -> RouteRecord {
        let to = Steering { mode: Mode::Canary, percent: Percent::ALL };
        RouteRecord::steered(None, AuditLine { at: Timestamp(7), by: "ada".to_owned(), to, why: "try".to_owned() })
    }

    fn image() -> Value {
        let steering = json!({"mode": {"S": "monolith"}, "percent": {"N": "0"}});
        let line = json!({
            "at": {"N": "7"}, "by": {"S": "ada"}, "mode": {"S": "canary"}, "percent": {"N": "100"}, "why": {"S": "try"},
        });
        json!({
            "pk": {"S": "ROUTE#search"}, "rev": {"N": "3"}, "mode": {"S": "canary"}, "percent": {"N": "100"},
            "from": {"M": steering}, "since": {"N": "7"}, "by": {"S": "ada"}, "why": {"S": "try"},
            "audit": {"L": [{"M": line}]},
        })
    }

    #[test]
    fn a_record_of_the_stream_is_the_record_that_was_written() {
        let event = json!({"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": image()}}]});
        let expected = RouteChange { route: RouteName::Search, record: Versioned { value: record(), revision: 3 } };
        assert_eq!(changes(&event), Ok(vec![expected]));
    }

    #[test]
    fn what_is_written_to_the_table_is_read_from_it() {
        let item: crate::item::Item = serde_dynamo::to_item(record()).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, RouteRecord>(item).unwrap(), record());
    }

    #[test]
    fn a_deleted_record_and_a_schedule_tell_nothing() {
        let removed =
            json!({"Records": [{"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": "ROUTE#search"}}}}]});
        assert_eq!((changes(&removed), changes(&json!({}))), (Ok(Vec::new()), Ok(Vec::new())));
    }

    #[test]
    fn what_is_no_route_is_named_by_its_place_alone() {
        for (field, value) in
            [("pk", json!({"S": "ROUTE#secret"})), ("mode", json!({"S": "secret"})), ("rev", json!({"B": "secret"}))]
        {
            let mut broken = image();
            broken[field] = value;
            let event = json!({"Records": [{"dynamodb": {"NewImage": broken, "SequenceNumber": "42"}}]});
            assert_eq!(changes(&event).unwrap_err().to_string(), "record 42 of the stream holds no route", "{field}");
        }
    }
}
