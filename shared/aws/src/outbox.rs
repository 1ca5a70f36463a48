//! Outbox items: `pk=EVENT#id` (and the same as `sk`, where a table has one) in the table of whoever tells them. A Pipe
//! from the table's stream puts them on the bus.

use crate::item::{Table, number, text};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::events::Event;
use domain::store::StoreError;
use std::time::Duration;

/// How long an item stays, for people who look for it; the bus' archive has events for longer.
const KEPT: Duration = Duration::from_hours(14 * 24);

/// The puts that tell these events. An item that is there already is written over: its time makes it a change, and the
/// stream tells of changes only.
pub(crate) fn puts(table: &Table, events: &[Event], has_sort_key: bool) -> Result<Vec<TransactWriteItem>, StoreError> {
    events.iter().map(|event| put(table, event, has_sort_key)).collect()
}

fn put(table: &Table, event: &Event, has_sort_key: bool) -> Result<TransactWriteItem, StoreError> {
    let place = format!("EVENT#{}", event.id());
    let mut put = Put::builder()
        .table_name(&table.name)
        .item("pk", text(&place))
        .item("eventName", text(event.happened.name()))
        .item("eventSource", text(event.happened.by().source()))
        .item("detail", text(event.detail().to_string()))
        .item("expiresAt", number(event.occurred_at.plus(KEPT).0 / 1000));
    if has_sort_key {
        put = put.item("sk", text(&place));
    }
    let put = put.build().map_err(|e| table.error(&e))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Tells events again, without any write of a state.
pub(crate) async fn tell(table: &Table, events: &[Event], has_sort_key: bool) -> Result<(), StoreError> {
    for write in puts(table, events, has_sort_key)? {
        if let Some(put) = write.put {
            table.send(put).await.map_err(|e| table.error(&e))?;
        }
    }
    Ok(())
}
