//! A gate as an item, and back. What cannot be read is an error with the attribute's name, never a default.

use crate::item::{Item, number, text};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::breaker::BreakerState;
use domain::gate::bucket::Micros;
use domain::gate::store::GateStoreError;
use domain::gate::{Gate, PermitId, WindowBucket};
use domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The format of the items that this software writes and understands.
pub(super) const FORMAT: u64 = 1;

/// Reads an item; `name` is its key, for errors.
pub(super) fn gate(name: &str, item: &Item) -> Result<Gate, GateStoreError> {
    match parse(item) {
        Ok(gate) => Ok(gate),
        Err(Trouble::Newer(format)) => Err(GateStoreError::NewerFormat { item: name.to_owned(), format }),
        Err(Trouble::Corrupt(reason)) => Err(GateStoreError::Corrupt { item: name.to_owned(), reason }),
    }
}

enum Trouble {
    Newer(u64),
    Corrupt(String),
}

fn corrupt(attribute: &str, what: &str) -> Trouble {
    Trouble::Corrupt(format!("{attribute} {what}"))
}

fn parse(item: &Item) -> Result<Gate, Trouble> {
    let format: u64 = read_number(item, "format")?;
    if format > FORMAT {
        return Err(Trouble::Newer(format));
    }
    let state = read_text(item, "state")?;
    Ok(Gate {
        state: BreakerState::from_word(state).ok_or_else(|| corrupt("state", "is no state of a breaker"))?,
        generation: read_number(item, "gen")?,
        until: Timestamp(read_number(item, "until")?),
        opens: read_number(item, "opens")?,
        permits: read_set(item, "permits")?,
        successes: read_set(item, "successes")?,
        not_before: Timestamp(read_number(item, "notBefore")?),
        tat: Micros(read_number(item, "tat")?),
        sequence: read_number(item, "seq")?,
        failures: read_counters(item, "failures")?,
        slow: read_counters(item, "slow")?,
        since: Timestamp(read_number(item, "since")?),
        by: read_text(item, "by")?.to_owned(),
        why: read_text(item, "why")?.to_owned(),
    })
}

fn read_text<'a>(item: &'a Item, attribute: &str) -> Result<&'a str, Trouble> {
    let value = item.get(attribute).ok_or_else(|| corrupt(attribute, "is missing"))?;
    value.as_s().map(String::as_str).map_err(|_| corrupt(attribute, "is no text"))
}

fn read_number<T: FromStr>(item: &Item, attribute: &str) -> Result<T, Trouble> {
    let value = item.get(attribute).ok_or_else(|| corrupt(attribute, "is missing"))?;
    whole(value).ok_or_else(|| corrupt(attribute, "is no whole number that fits"))
}

fn whole<T: FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}

/// A set; DynamoDB has no empty ones.
fn read_set(item: &Item, attribute: &str) -> Result<BTreeSet<PermitId>, Trouble> {
    match item.get(attribute) {
        None => Ok(BTreeSet::new()),
        Some(AttributeValue::Ss(names)) => Ok(names.iter().cloned().map(PermitId).collect()),
        Some(_) => Err(corrupt(attribute, "is no set of texts")),
    }
}

fn read_counters(item: &Item, attribute: &str) -> Result<BTreeMap<WindowBucket, u64>, Trouble> {
    let Some(AttributeValue::M(counters)) = item.get(attribute) else {
        return Err(corrupt(attribute, "is no map"));
    };
    let read = |(bucket, count): (&String, &AttributeValue)| Some((bucket.parse().ok()?, whole(count)?));
    let counters: Option<_> = counters.iter().map(read).collect();
    counters.ok_or_else(|| corrupt(attribute, "holds what is no counter"))
}

/// The whole item, without its key.
pub(super) fn item(gate: &Gate) -> Item {
    let counters = |counts: &BTreeMap<WindowBucket, u64>| {
        AttributeValue::M(counts.iter().map(|(bucket, count)| (bucket.to_string(), number(count))).collect())
    };
    let mut item = Item::from([
        ("format".to_owned(), number(FORMAT)),
        ("state".to_owned(), text(gate.state.as_str())),
        ("gen".to_owned(), number(gate.generation)),
        ("until".to_owned(), number(gate.until.0)),
        ("opens".to_owned(), number(gate.opens)),
        ("notBefore".to_owned(), number(gate.not_before.0)),
        ("tat".to_owned(), number(gate.tat.0)),
        ("seq".to_owned(), number(gate.sequence)),
        ("failures".to_owned(), counters(&gate.failures)),
        ("slow".to_owned(), counters(&gate.slow)),
        ("since".to_owned(), number(gate.since.0)),
        ("by".to_owned(), text(&gate.by)),
        ("why".to_owned(), text(&gate.why)),
    ]);
    for (name, set) in [("permits", &gate.permits), ("successes", &gate.successes)] {
        if !set.is_empty() {
            item.insert(name.to_owned(), AttributeValue::Ss(set.iter().map(|id| id.0.clone()).collect()));
        }
    }
    item
}
