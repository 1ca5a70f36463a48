//! OpenSearch: one index behind an alias, and at times another that is filled beside it.
//!
//! The index `{name}-{n}` has an alias of its own, `{name}-{n}-writes`, for as long as it wants changes; writes go by that
//! alias and demand that it is one, so that a write which comes too late never makes an index. Readers ask the alias
//! `{name}`, which moves in one step. What a reader typed is only ever the text of a `match`; no query syntax is parsed.

mod answer;
mod bulk;
mod connection;
mod definition;
mod question;
mod reindex;

pub use connection::Connection;

use answer::Answer;
use domain::search::matching::typos_forgiven;
use domain::search::{Found, Query, SearchIndex, Suggestion, Text};
use domain::services::ServiceError;
use question::Spelling;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An index, by its alias.
pub struct OpenSearch {
    connection: Connection,
    name: String,
}

fn failed(reason: impl std::fmt::Display) -> ServiceError {
    ServiceError { service: "OpenSearch", reason: reason.to_string() }
}

impl OpenSearch {
    /// The index with this alias.
    pub fn new(connection: Connection, name: impl Into<String>) -> Self {
        Self { connection, name: name.into() }
    }

    async fn ask(&self, body: &Value, purpose: &str) -> Result<Answer, ServiceError> {
        let mut hasher = DefaultHasher::new();
        purpose.hash(&mut hasher);
        // Copies of a shard differ a little in their scores: the pages of one question come from the same copies.
        let preference = format!("{:x}", hasher.finish());
        let parameters = [("preference", preference.as_str()), ("allow_partial_search_results", "false")];
        let path = format!("{}/_search", self.name);
        let reply = self.connection.post(&path, &parameters, body).await?;
        if reply.status == 404 {
            tracing::warn!(index.alias = self.name, "there is no index yet, and so there are no hits");
            return Ok(Answer::default());
        }
        let answer: Answer = reply.read()?;
        if answer.timed_out {
            return Err(failed("a question took too long"));
        }
        if answer.terminated_early {
            tracing::warn!("a question matched more than is looked at: its hits are not the best of all");
        }
        Ok(answer)
    }

    async fn ask_forgiving(
        &self,
        text: &Text,
        body: impl Fn(Spelling) -> Value,
        purpose: &str,
    ) -> Result<Answer, ServiceError> {
        let answer = self.ask(&body(Spelling::Exact), purpose).await?;
        if answer.hits.total.value == 0 && text.words().any(|word| typos_forgiven(word) > 0) {
            return self.ask(&body(Spelling::Forgiving), purpose).await;
        }
        Ok(answer)
    }
}

impl SearchIndex for OpenSearch {
    async fn search(&self, query: &Query) -> Result<Found, ServiceError> {
        let answer =
            self.ask_forgiving(query.text(), |spelling| question::search(query, spelling), &query.purpose()).await?;
        answer.found(query)
    }

    async fn suggest(&self, beginning: &Text) -> Result<Vec<Suggestion>, ServiceError> {
        let body = |spelling| question::suggest(beginning, spelling);
        Ok(self.ask_forgiving(beginning, body, beginning.as_str()).await?.suggestions())
    }
}
