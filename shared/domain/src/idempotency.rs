//! Idempotent consumers, for those that have no row whose state answers a repeat: by the event's id, in the record model of
//! Powertools for AWS Lambda (<https://docs.powertools.aws.dev/lambda/typescript/latest/features/idempotency/>), so that its
//! tools read our table.
//!
//! A record is in progress while somebody works on the event, and completed with what they made of it. Whoever dies leaves it
//! in progress until a moment that it names; then another one may take it up.

use crate::events::{Event, EventId, Outbox};
use crate::store::{Commit, StoreError, Versioned};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

/// How long a completed record answers a repeat: as long as a queue keeps a message, and its dead-letter queue again.
pub const KEPT: Duration = Duration::from_hours(28 * 24);

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Somebody works on it.
    #[serde(rename = "INPROGRESS")]
    InProgress,
    /// Done.
    #[serde(rename = "COMPLETED")]
    Completed,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How far.
    pub status: Status,
    /// When it may be forgotten, in seconds since the epoch: DynamoDB's time to live. Powertools takes the attribute's name as an
    /// option (`expiryAttr`); ours is that of all our tables.
    #[serde(rename = "expiresAt")]
    pub expiration: i64,
    /// Until when somebody works on it; after that they are taken for dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress_expiration: Option<Timestamp>,
    /// What was made of it, where it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What a consumer may do about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Write this; then it is ours.
    Take(Record),
    /// Somebody else works on it: it comes again.
    Busy,
    /// It is done; this was made of it.
    Done(String),
}

/// Takes an event up. `lease`: for how long, longer than the consumer's time-out.
pub fn claim(record: Option<&Record>, lease: Duration, now: Timestamp) -> Claim {
    match record {
        // DynamoDB removes what has expired some time later.
        Some(record) if record.expiration.saturating_mul(1000) <= now.0 => Claim::Take(in_progress(lease, now)),
        Some(Record { status: Status::Completed, data, .. }) => Claim::Done(data.clone().unwrap_or_default()),
        Some(Record { in_progress_expiration: Some(until), .. }) if *until > now => Claim::Busy,
        _ => Claim::Take(in_progress(lease, now)),
    }
}

fn in_progress(lease: Duration, now: Timestamp) -> Record {
    Record {
        status: Status::InProgress,
        expiration: now.plus(KEPT).0 / 1000,
        in_progress_expiration: Some(now.plus(lease)),
        data: None,
    }
}

impl Record {
    /// A record of an event that is done.
    pub fn completed(data: String, now: Timestamp) -> Self {
        Self {
            status: Status::Completed,
            expiration: now.plus(KEPT).0 / 1000,
            in_progress_expiration: None,
            data: Some(data),
        }
    }

    /// A record that another one may take up at once: this consumer failed and knows it.
    pub fn given_back(now: Timestamp) -> Self {
        in_progress(Duration::ZERO, now)
    }
}

/// A consumer's records, and its outbox.
pub trait Records: Outbox {
    /// One record, consistently read.
    fn record(&self, event: &EventId) -> impl Future<Output = Result<Option<Versioned<Record>>, StoreError>> + Send;

    /// Writes a record, and tells these events, if nobody wrote since `based_on` (`None`: if there is none).
    fn put(
        &self,
        event: &EventId,
        record: Record,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const LEASE: Duration = Duration::from_mins(1);

    fn taken(record: Option<&Record>, now: Timestamp) -> Record {
        let Claim::Take(record) = claim(record, LEASE, now) else { panic!("{record:?}") };
        record
    }

    #[test]
    fn an_event_is_worked_on_once_at_a_time_and_taken_up_after_a_death() {
        let first = taken(None, NOW);
        assert_eq!(claim(Some(&first), LEASE, NOW), Claim::Busy);
        assert_eq!(claim(Some(&first), LEASE, NOW.plus(LEASE).minus(Duration::from_millis(1))), Claim::Busy);
        taken(Some(&first), NOW.plus(LEASE));
        taken(Some(&Record::given_back(NOW)), NOW);
    }

    #[test]
    fn what_is_done_answers_until_it_expires() {
        let done = Record::completed("it".to_owned(), NOW);
        for later in [Duration::ZERO, LEASE, Duration::from_hours(27 * 24)] {
            assert_eq!(claim(Some(&done), LEASE, NOW.plus(later)), Claim::Done("it".to_owned()));
        }
        taken(Some(&done), NOW.plus(KEPT));
    }

    #[test]
    fn the_record_is_powertools() {
        let in_progress = json!({"status": "INPROGRESS", "expiresAt": 1_802_419_200, "in_progress_expiration": 1_800_000_060_000_i64});
        assert_eq!(json!(taken(None, NOW)), in_progress);
        let completed = json!({"status": "COMPLETED", "expiresAt": 1_802_419_200, "data": "it"});
        assert_eq!(json!(Record::completed("it".to_owned(), NOW)), completed);
    }
}
