//! Rows merged: of each row the newest that is known. A row counts only if its position is newer than that of the one
//! that is known, so that files may come in any order, in parts and more than once, and the end is the same.

use super::rows::{ArticleRow, Change, Row};
use crate::articles::{ArticleId, ArticleStatus, AuthorId, ContentKey, SourcePosition, Tag};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest that is known of a row, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest<T> {
    /// Where.
    pub at: SourcePosition,
    /// What.
    pub value: T,
}

/// What is known of one article's rows. What was deleted stays known as deleted: an older row may still come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    /// The row of `article`, as it was inserted or updated last.
    pub facts: Option<Newest<Facts>>,
    /// Where it was deleted last. Facts are kept beside it, or a deletion that comes first would leave another end
    /// than one that comes last.
    pub deleted: Option<SourcePosition>,
    /// The rows of `article_topic`; false where one was deleted.
    #[serde(default)]
    pub topics: BTreeMap<Tag, Newest<bool>>,
    /// The newest row of `article` that the articles service wrote into the monolith.
    pub fed_back: Option<Newest<Facts>>,
}

/// A row of `article`, with its body's name instead of the body, which is kept in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// One line.
    pub title: String,
    /// Plain text.
    pub summary: String,
    /// Where the body is.
    pub content: ContentKey,
    /// The body's length in bytes.
    pub body_bytes: u64,
    /// Who wrote it.
    pub author: AuthorId,
    /// The author's name.
    pub byline: String,
    /// Whether the body is for entitled readers alone.
    pub premium: bool,
    /// Whether readers see it.
    pub status: ArticleStatus,
    /// When it was first published, to the second.
    pub published_at: Option<Timestamp>,
    /// When the monolith last changed it, to the second.
    pub changed_at: Timestamp,
    /// Whether it was the articles service that did.
    pub fed_back: bool,
}

impl Facts {
    /// What a row says of the article `id`.
    pub fn of(id: &ArticleId, row: &ArticleRow) -> Self {
        Self {
            title: row.title.clone(),
            summary: row.summary.clone(),
            content: ContentKey::of(id, &row.body),
            body_bytes: row.body.len() as u64,
            author: row.author.clone(),
            byline: row.byline.clone(),
            premium: row.premium,
            status: row.status,
            published_at: row.published_at,
            changed_at: row.changed_at,
            fed_back: row.fed_back,
        }
    }
}

impl Merged {
    /// Takes a row in. False where what is known is as new, or newer.
    pub fn apply(&mut self, row: &Row) -> bool {
        match &row.change {
            Change::Article(article) => {
                let facts = Facts::of(&row.id, article);
                let fed_back = article.fed_back && renew(&mut self.fed_back, &row.at, facts.clone());
                renew(&mut self.facts, &row.at, facts) || fed_back
            }
            Change::ArticleDeleted => {
                let newer = self.deleted.as_ref().is_none_or(|known| *known < row.at);
                if newer {
                    self.deleted = Some(row.at.clone());
                }
                newer
            }
            Change::Topic { topic, there } => {
                let mut known = self.topics.remove(topic);
                let newer = renew(&mut known, &row.at, *there);
                self.topics.extend(known.map(|known| (topic.clone(), known)));
                newer
            }
        }
    }

    /// What the article is about, in alphabetical order.
    pub fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.topics.iter().filter(|(_, known)| known.value).map(|(topic, _)| topic)
    }

    /// Where the row of `article` was deleted, unless it was written again after that.
    pub fn deleted(&self) -> Option<&SourcePosition> {
        let written = self.facts.as_ref().map(|known| &known.at);
        self.deleted.as_ref().filter(|deleted| written.is_none_or(|written| written < *deleted))
    }

    /// The newest position of all that is known.
    pub fn newest(&self) -> Option<&SourcePosition> {
        let facts = self.facts.as_ref().map(|known| &known.at);
        let topics = self.topics.values().map(|known| &known.at);
        facts.into_iter().chain(&self.deleted).chain(topics).max()
    }
}

fn renew<T>(known: &mut Option<Newest<T>>, at: &SourcePosition, value: T) -> bool {
    let newer = known.as_ref().is_none_or(|known| known.at < *at);
    if newer {
        *known = Some(Newest { at: at.clone(), value });
    }
    newer
}

#[cfg(test)]
mod tests;
