//! `search-indexer`: brings the index to what the store has.
//!
//! An event says only that there is something new about an article. What is written is what the store has by then, with
//! its version; so events may be doubled, late and out of order, and a batch about one article reads it once.

use crate::documents;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::articles::ArticleId;
use domain::articles::event::ArticleEvent;
use domain::articles::store::{Articles, Contents};
use domain::search::{IndexChange, Indexing, Outcome};
use domain::services::DeadLetters;
use domain::store::StoreError;
use domain::time::{Clock, Timestamp};
use futures::StreamExt;
use futures::stream;
use lambda::telemetry::{Metrics, Unit, Value};
use std::collections::BTreeMap;

/// So many articles are read at a time.
const READS: usize = 16;

/// The service behind the Lambda `search-indexer`.
pub struct Indexer<A, B, I, Q, C> {
    /// The table.
    pub articles: A,
    /// The bodies.
    pub contents: B,
    /// The index.
    pub index: I,
    /// Where an event goes that can never be handled.
    pub dead_letters: Q,
    /// The time.
    pub clock: C,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// The messages about one article.
#[derive(Default)]
struct About {
    messages: Vec<Message>,
    /// When the first of the writes happened that they tell of.
    since: Option<Timestamp>,
}

struct Message {
    id: String,
    text: String,
}

/// What became of the messages.
#[derive(Default)]
struct Counts {
    indexed: u32,
    stale: u32,
    rejected: u32,
    failed: u32,
    lag_ms: u64,
}

impl<A, B, I, Q, C> Indexer<A, B, I, Q, C>
where
    A: Articles,
    B: Contents,
    I: Indexing,
    Q: DeadLetters,
    C: Clock,
{
    /// Handles a batch; the answer names the messages that must come again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        let mut counts = Counts::default();
        let wanted = self.read(event, &mut response, &mut counts).await;
        let reads = wanted.into_iter().map(async |(id, about)| (self.change(&id).await, about));
        let (mut changes, mut waiting) = (Vec::new(), Vec::new());
        let mut read = stream::iter(reads).buffer_unordered(READS);
        while let Some((change, about)) = read.next().await {
            match change {
                Ok(change) => {
                    changes.push(change);
                    waiting.push(about);
                }
                Err(error) => again(&mut response, &mut counts, about, &error.to_string()),
            }
        }
        match self.index.apply(&changes).await {
            Ok(outcomes) => {
                for (about, outcome) in waiting.into_iter().zip(outcomes) {
                    self.conclude(about, outcome, &mut response, &mut counts).await;
                }
            }
            Err(error) => {
                for about in waiting {
                    again(&mut response, &mut counts, about, &error.to_string());
                }
            }
        }
        self.count(&counts);
        response
    }

    /// The articles that the messages are about; what is no message of ours is parked.
    async fn read(
        &self,
        event: SqsEvent,
        response: &mut SqsBatchResponse,
        counts: &mut Counts,
    ) -> BTreeMap<ArticleId, About> {
        let mut wanted: BTreeMap<ArticleId, About> = BTreeMap::new();
        for record in event.records {
            let id = record.message_id.unwrap_or_default();
            let message = Message { id, text: record.body.unwrap_or_default() };
            match ArticleEvent::from_bus(&message.text) {
                Ok(event) => {
                    let about = wanted.entry(event.data.id).or_default();
                    about.since = Some(about.since.map_or(event.occurred_at, |since| since.min(event.occurred_at)));
                    about.messages.push(message);
                }
                Err(poison) => self.park(message, &poison.to_string(), response, counts).await,
            }
        }
        wanted
    }

    async fn change(&self, id: &ArticleId) -> Result<IndexChange, StoreError> {
        let unknown =
            || StoreError { table: "articles", reason: format!("there is no article {id}, and an event tells of it") };
        documents::change(self.articles.article(id).await?.ok_or_else(unknown)?, &self.contents).await
    }

    async fn conclude(&self, about: About, outcome: Outcome, response: &mut SqsBatchResponse, counts: &mut Counts) {
        match outcome {
            Outcome::Applied => {
                counts.indexed += 1;
                let lag = about.since.map(|since| since.until(self.clock.now())).unwrap_or_default();
                counts.lag_ms = counts.lag_ms.max(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
            }
            Outcome::Stale => counts.stale += 1,
            Outcome::Rejected { why } => {
                for message in about.messages {
                    self.park(message, &why, response, counts).await;
                }
            }
            Outcome::Later { why } => again(response, counts, about, &why),
        }
    }

    async fn park(&self, message: Message, reason: &str, response: &mut SqsBatchResponse, counts: &mut Counts) {
        tracing::warn!(message.id = message.id, reason, "an event goes to the DLQ");
        match self.dead_letters.park(&message.text, reason).await {
            Ok(()) => counts.rejected += 1,
            Err(error) => {
                tracing::error!(message.id = message.id, error = %error, "the DLQ did not take an event, which comes again");
                counts.failed += 1;
                response.add_failure(message.id);
            }
        }
    }

    fn count(&self, counts: &Counts) {
        let count = |name, value: u32| Value { name, value: f64::from(value), unit: Unit::Count, dimensions: &[] };
        let mut values = vec![
            count("SearchIndexed", counts.indexed),
            count("SearchStale", counts.stale),
            count("SearchRejected", counts.rejected),
            count("SearchFailed", counts.failed),
        ];
        if counts.indexed > 0 {
            let value = f64::from(u32::try_from(counts.lag_ms).unwrap_or(u32::MAX));
            values.push(Value { name: "SearchLag", value, unit: Unit::Milliseconds, dimensions: &[] });
        }
        self.metrics.put_all(self.clock.now(), &values);
    }
}

fn again(response: &mut SqsBatchResponse, counts: &mut Counts, about: About, reason: &str) {
    for message in about.messages {
        tracing::warn!(message.id = message.id, reason, "an event could not be handled and comes again");
        counts.failed += 1;
        response.add_failure(message.id);
    }
}
