//! Outbox items: what a Pipe from a table's stream reads.

use crate::place::{drop_table, intent, sdk, table};
use aws::charges::DynamoRows;
use aws::ledger::DynamoLedger;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::charges::{ChargeRow, ChargeState, Rows};
use domain::events::{Collected, Event, Happened, Matter, Outbox};
use domain::ledger::store::{Change, Ledger, LockChange};
use domain::store::Commit;
use domain::time::Timestamp;
use std::collections::HashMap;

fn collected(at: i64) -> Event {
    Happened::PaymentCollected(Collected { matter: Matter::of(&intent("ada", 1, 0)) }).at(Timestamp(at))
}

fn row(state: ChargeState) -> ChargeRow {
    let intent = intent("ada", 1, 0);
    ChargeRow { charge: intent.charge(), state, payment_id: None, money: intent.price, reason: None }
}

async fn item(
    sdk: &SdkConfig,
    table: &str,
    event: &Event,
    has_sort_key: bool,
) -> Option<HashMap<String, AttributeValue>> {
    let place = AttributeValue::S(format!("EVENT#{}", event.id()));
    let mut get = aws_sdk_dynamodb::Client::new(sdk).get_item().table_name(table).key("pk", place.clone());
    if has_sort_key {
        get = get.key("sk", place);
    }
    get.consistent_read(true).send().await.unwrap().item
}

fn text<'a>(item: &'a HashMap<String, AttributeValue>, field: &str) -> &'a str {
    item[field].as_s().unwrap()
}

#[tokio::test]
async fn a_row_and_its_event_are_written_together_or_not_at_all() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    let (charges, event) = (DynamoRows::payments(&sdk, &name), collected(7));
    let (requested, captured) = (row(ChargeState::Requested), row(ChargeState::Captured));
    assert_eq!(charges.put(requested, None, &[]).await.unwrap(), Commit::Done);
    let stale = charges.put(captured.clone(), Some(9), std::slice::from_ref(&event)).await.unwrap();
    assert_eq!((stale, item(&sdk, &name, &event, false).await), (Commit::Conflict, None));
    let written = charges.put(captured, Some(1), std::slice::from_ref(&event)).await.unwrap();
    assert_eq!(written, Commit::Done);
    let stored = item(&sdk, &name, &event, false).await.unwrap();
    assert_eq!(text(&stored, "eventName"), "PaymentCollected");
    assert_eq!(text(&stored, "eventSource"), "new-science.payment-proxy");
    assert_eq!(text(&stored, "detail"), event.detail().to_string());
    assert!(stored["expiresAt"].as_n().unwrap().parse::<i64>().unwrap() > 1_000_000, "seconds, two weeks later");
    drop_table(&sdk, &name).await;
}

#[tokio::test]
async fn telling_again_changes_the_item_so_that_the_stream_tells_too() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    let charges = DynamoRows::payments(&sdk, &name);
    let (first, again) = (collected(7), collected(8));
    charges.tell(std::slice::from_ref(&first)).await.unwrap();
    charges.tell(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(first.id(), again.id());
    let stored = item(&sdk, &name, &first, false).await.unwrap();
    assert_eq!(text(&stored, "detail"), again.detail().to_string());
    drop_table(&sdk, &name).await;
}

#[tokio::test]
async fn the_ledgers_events_go_beside_its_rows() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk", "sk"], None).await;
    let (ledger, event) = (DynamoLedger::new(&sdk, &name), collected(7));
    let intent = intent("ada", 1, 0);
    let events = vec![event.clone()];
    let change = Change { intent: intent.clone(), based_on: None, lock: LockChange::Keep, case: None, events };
    assert_eq!(ledger.commit(change).await.unwrap(), Commit::Done);
    assert!(ledger.intent(&intent.customer, &intent.intent_id).await.unwrap().is_some());
    assert_eq!(text(&item(&sdk, &name, &event, true).await.unwrap(), "eventName"), "PaymentCollected");
    drop_table(&sdk, &name).await;
}
