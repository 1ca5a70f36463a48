//! The record of the pipeline breaker, and its projection.

use crate::place::{NOW, drop_table, sdk, table, unique};
use aws::cloudwatch::MetricAlarm;
use aws::pipelines::DynamoRecords;
use aws::ssm::StatusParameter;
use domain::breaker::BreakerState;
use domain::pipeline::{Alarm, Projection, ProjectionSource, Record, Records, Transition};
use domain::store::Commit;
use domain::time::Timestamp;
use std::time::Duration;
use testing::pipeline::MemoryPipeline;
use testing::turn::Turnstile;

fn to(state: BreakerState, next_probe_at: Option<Timestamp>, opens: u32) -> Transition {
    Transition { to: state, by: "test".to_owned(), why: "a test".to_owned(), next_probe_at, opens, at: NOW }
}

async fn is_fenced_by_its_generation(records: &impl Records) {
    let first = records.read().await.unwrap();
    assert_eq!(first, Record::default());
    let probe_at = Some(NOW.plus(Duration::from_mins(5)));
    assert_eq!(records.write(&first, &to(BreakerState::Open, probe_at, 2)).await.unwrap(), Commit::Done);
    assert_eq!(records.write(&first, &to(BreakerState::Disabled, None, 0)).await.unwrap(), Commit::Conflict);
    let open = records.read().await.unwrap();
    assert_eq!((open.state, open.generation, open.opens, open.next_probe_at), (BreakerState::Open, 1, 2, probe_at));
    assert_eq!((open.since, open.by.as_str(), open.is_applied()), (Some(NOW), "test", false));

    // A mark belongs to one generation and lasts while no state lets intents flow.
    assert_eq!(records.mark_stop(0).await.unwrap(), Commit::Conflict);
    assert_eq!(records.mark_stop(1).await.unwrap(), Commit::Done);
    assert_eq!(records.mark_applied(0, true, NOW).await.unwrap(), Commit::Conflict);
    assert_eq!(records.mark_applied(1, true, NOW).await.unwrap(), Commit::Done);
    let later = NOW.plus(Duration::from_mins(1));
    assert_eq!(records.mark_applied(1, false, later).await.unwrap(), Commit::Done);
    let applied = records.read().await.unwrap();
    assert!(applied.is_applied() && applied.stop_mark);
    assert_eq!(applied.stopped_at, Some(NOW), "only a new application sets when the Pipe was seen stopped");
    let probing = Transition { at: later, ..to(BreakerState::HalfOpen, None, 2) };
    assert_eq!(records.write(&applied, &probing).await.unwrap(), Commit::Done);
    let half_open = records.read().await.unwrap();
    assert_eq!(half_open.since, Some(NOW), "an outage has one beginning");
    assert!(half_open.stop_mark && !half_open.is_applied() && half_open.next_probe_at.is_none());
    let closing = Transition { at: later, ..to(BreakerState::Closed, None, 0) };
    assert_eq!(records.write(&half_open, &closing).await.unwrap(), Commit::Done);
    let closed = records.read().await.unwrap();
    assert_eq!((closed.stop_mark, closed.since), (false, Some(later)));
}

async fn lends_itself_to_one(records: &impl Records) {
    let until = NOW.plus(Duration::from_mins(5));
    assert_eq!(records.take_lease("a", NOW, until).await.unwrap(), Commit::Done);
    assert_eq!(records.take_lease("b", NOW, until).await.unwrap(), Commit::Conflict);
    records.free_lease("b").await.unwrap();
    assert_eq!(records.take_lease("b", NOW, until).await.unwrap(), Commit::Conflict);
    let over = until.plus(Duration::from_millis(1));
    assert_eq!(records.take_lease("b", over, over.plus(Duration::from_mins(5))).await.unwrap(), Commit::Done);
    records.free_lease("a").await.unwrap();
    assert_eq!(records.take_lease("a", over, until).await.unwrap(), Commit::Conflict, "a freed what was b's");
    records.free_lease("b").await.unwrap();
    assert_eq!(records.take_lease("a", over, over.plus(Duration::from_mins(5))).await.unwrap(), Commit::Done);
    assert_eq!(records.read().await.unwrap(), Record::default(), "a lease is no state");
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    is_fenced_by_its_generation(&MemoryPipeline::new(Turnstile::default())).await;
    lends_itself_to_one(&MemoryPipeline::new(Turnstile::default())).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    is_fenced_by_its_generation(&DynamoRecords::new(&sdk, &name, "one")).await;
    lends_itself_to_one(&DynamoRecords::new(&sdk, &name, "two")).await;
    drop_table(&sdk, &name).await;
}

#[tokio::test]
async fn what_is_projected_can_be_read() {
    let sdk = sdk().await;
    let name = format!("/{}", unique("status"));
    let parameter = StatusParameter::new(&sdk, &name);
    assert!(parameter.read().await.unwrap_err().to_string().contains("Systems Manager"));
    let record = Record {
        state: BreakerState::ForcedOpen,
        generation: 7,
        since: Some(NOW),
        by: "op".to_owned(),
        why: "a test".to_owned(),
        ..Record::default()
    };
    parameter.publish(&record).await.unwrap();
    let text = parameter.read().await.unwrap();
    assert_eq!(text, r#"{"generation":7,"reason":"op: a test","since":"2027-01-15T08:00:00Z","state":"forced_open"}"#);
    aws_sdk_ssm::Client::new(&sdk).delete_parameter().name(&name).send().await.unwrap();
}

#[tokio::test]
async fn an_alarm_that_is_not_there_is_no_quiet_alarm() {
    let alarm = MetricAlarm::new(&sdk().await, unique("alarm"));
    assert!(alarm.is_ringing().await.unwrap_err().to_string().contains("there is no alarm"));
}
