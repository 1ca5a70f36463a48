//! `articles-feed`: what is written here goes to the monolith's store too, until the cut-over is final, so that the route
//! can go back without a loss.
//!
//! An event says only that there is something new. What is sent is what the store holds by then, and the monolith takes
//! a version only if it is newer than the one that it took last; so events may be doubled, late and out of order.
//!
//! Nor does the monolith let its own edit be written over before the import has seen it: it is told which edit the import
//! knows, refuses where there is a later one, and is asked again when DMS has brought that one. Both sides' edits are then
//! known, and the import has rung its alarm.

use connectors::monolith::{Monolith, Request};
use domain::articles::event::ArticleEvent;
use domain::articles::store::{Articles, Contents};
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, Tag};
use domain::migration::store::Imports;
use domain::services::{DeadLetters, ServiceError};
use domain::store::StoreError;
use domain::time::Timestamp;
use serde::Serialize;

/// Why an event must come again.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Table or bucket gave no answer, or not yet what the event tells of.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The dead-letter queue gave no answer.
    #[error(transparent)]
    DeadLetters(#[from] ServiceError),
    /// The monolith gave no answer.
    #[error("the monolith gave no answer: {0}")]
    NoAnswer(String),
    /// The monolith could not take it, and may do so later: it is down, it does not know the token, or it has an edit of
    /// its own that is not imported yet.
    #[error("the monolith answered {0}")]
    NotTaken(u16),
}

/// The token that opens the monolith's internal interface. It has no `Debug`: it reaches no log.
#[derive(Clone)]
pub struct FeedToken(String);

impl FeedToken {
    /// The token as the secret holds it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

/// The service behind the Lambda `articles-feed`.
pub struct Feed<A, B, I, Q> {
    /// The table.
    pub articles: A,
    /// The bodies.
    pub contents: B,
    /// What the import knows of the monolith's rows.
    pub imports: I,
    /// Where an event goes that can never be handled.
    pub dead_letters: Q,
    /// Where the monolith is.
    pub monolith: Monolith,
    /// What opens it.
    pub token: FeedToken,
}

/// An article as the monolith is told of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fed<'a> {
    id: &'a ArticleId,
    version: u64,
    status: ArticleStatus,
    title: &'a str,
    summary: &'a str,
    markdown: &'a str,
    author: &'a AuthorId,
    byline: &'a str,
    tags: &'a [Tag],
    premium: bool,
    published_at: Option<String>,
    updated_at: Option<String>,
    /// When the row was last changed that the import knows; none before it knows one.
    known_change: Option<String>,
}

impl<A: Articles, B: Contents, I: Imports, Q: DeadLetters> Feed<A, B, I, Q> {
    /// Handles one message of the queue behind the bus.
    ///
    /// # Errors
    /// [`FeedError`]: the message comes again.
    pub async fn handle(&self, text: &str) -> Result<(), FeedError> {
        let event = match ArticleEvent::from_bus(text) {
            Ok(event) => event,
            Err(poison) => return self.park(text, &poison.to_string()).await,
        };
        let id = &event.data.id;
        // Before the article: what is known here has been decided about there.
        let known = self.imports.merged(id).await?.and_then(|stored| stored.value.facts);
        let Some(article) = self.articles.article(id).await? else {
            let reason = format!("there is no article {id}, and an event tells of it");
            return Err(StoreError { table: "articles", reason }.into());
        };
        if article.source.is_some() {
            // It came from there.
            tracing::debug!(article.id = %id, article.version = article.version, "the monolith wrote it itself");
            return Ok(());
        }
        let Some(markdown) = self.contents.content(&article.content).await? else {
            let reason = format!("there is no body {}, and the table of articles names it", article.content.0);
            return Err(StoreError { table: "contents", reason }.into());
        };
        match self.send(&article, &markdown, known.map(|known| known.value.changed_at)).await? {
            200..=299 => {
                tracing::info!(article.id = %id, article.version = article.version, "the monolith was fed");
                Ok(())
            }
            // It reads what it was sent and will not have it, however often.
            status @ (400 | 413 | 422) => self.park(text, &format!("the monolith refused it with {status}")).await,
            // 409 is among them: an edit of its own is not imported yet.
            status => Err(FeedError::NotTaken(status)),
        }
    }

    async fn send(&self, article: &Article, markdown: &str, known: Option<Timestamp>) -> Result<u16, FeedError> {
        let fed = Fed {
            id: &article.id,
            version: article.version,
            status: article.status,
            title: &article.title,
            summary: &article.summary,
            markdown,
            author: &article.author,
            byline: &article.byline,
            tags: &article.tags,
            premium: article.premium,
            published_at: article.published_at.and_then(Timestamp::rfc3339_millis),
            updated_at: article.updated_at.rfc3339_millis(),
            known_change: known.and_then(Timestamp::rfc3339_millis),
        };
        let body = serde_json::to_vec(&fed).map_err(|e| StoreError {
            table: "articles",
            reason: format!("an article cannot be written as JSON: {e}"),
        })?;
        let header = |name: &str, value: String| (name.to_owned(), value);
        let request = Request {
            method: "POST".to_owned(),
            path: format!("/internal/articles/{}/feed", article.id),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("authorization", format!("Bearer {}", self.token.0)),
            ],
            body,
            ..Request::default()
        };
        let answer = self.monolith.ask(request).await.map_err(|error| FeedError::NoAnswer(error.to_string()))?;
        Ok(answer.status)
    }

    async fn park(&self, text: &str, reason: &str) -> Result<(), FeedError> {
        tracing::warn!(reason, "an event goes to the DLQ");
        Ok(self.dead_letters.park(text, reason).await?)
    }
}
