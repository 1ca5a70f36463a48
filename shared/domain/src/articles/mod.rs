//! An article: what it says of itself (the body is content, kept elsewhere), and who may change it.

pub mod access;
pub mod draft;
pub mod event;
pub mod naming;
pub mod source;
pub mod store;
pub mod transitions;

pub use source::SourcePosition;

use crate::intent::{CustomerId, Invalid, checked_string};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

checked_string!(
    /// The name of an article in its URL, table, bucket and index; the monolith's permalinks have this form already.
    ArticleId,
    "id",
    "must be 1 to 100 lower-case letters and digits, with single hyphens inside",
    |v| v.len() <= 100 && words_and_hyphens(v)
);

checked_string!(
    /// Who wrote it: `sub` of a verified access token, or the monolith's name of a contributor.
    AuthorId,
    "author",
    "must be 1 to 128 characters without control characters, ':' and '#'",
    |v| !v.is_empty() && v.len() <= 128 && !v.chars().any(|c| c.is_control() || c == ':' || c == '#')
);

checked_string!(
    /// What it is about.
    Tag,
    "tags",
    "must be 1 to 40 lower-case letters and digits, with single hyphens inside",
    |v| v.len() <= 40 && words_and_hyphens(v)
);

fn words_and_hyphens(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// Whether readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ArticleStatus {
    /// Nobody but author and editors.
    Draft,
    /// Everybody; the body of a premium article only those who are entitled.
    Published,
    /// Nobody; what was said of it stays.
    Withdrawn,
}

/// Metadata of an article, one version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Article {
    /// Its name.
    pub id: ArticleId,
    /// From 1, one more with each write: the ETag, the index's external version.
    pub version: u64,
    /// Whether readers see it.
    pub status: ArticleStatus,
    /// One line, 1 to 200 characters.
    pub title: String,
    /// What lists and search show, and what a premium article shows to everybody: up to 1,000 characters of plain text.
    pub summary: String,
    /// Who may change it.
    pub author: AuthorId,
    /// The author's name, for readers: 1 to 100 characters.
    pub byline: String,
    /// Up to 10, each once.
    pub tags: Vec<Tag>,
    /// Whether the body is for entitled readers alone.
    pub premium: bool,
    /// When it was first published; of a draft, when it shall count as published.
    pub published_at: Option<Timestamp>,
    /// When this version was written.
    pub updated_at: Timestamp,
    /// Where the body of this version is, and how to know it.
    pub content: ContentKey,
    /// Where in the monolith's changes this version comes from; none for one that was written here.
    pub source: Option<SourcePosition>,
}

/// The name of a body: `articles/{id}/{sha256 of the body, hex}`. Whoever loses a race has written another name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentKey(pub String);

impl ContentKey {
    /// The key of this body of this article.
    pub fn of(id: &ArticleId, markdown: &str) -> Self {
        Self(format!("articles/{id}/{:x}", Sha256::digest(markdown)))
    }
}

/// The group of those who write articles of their own.
pub const CONTRIBUTORS: &str = "contributors";
/// The group of those who change everybody's.
pub const EDITORS: &str = "editors";

/// Who asks, by a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's subject.
    pub customer: CustomerId,
    /// In the group [`CONTRIBUTORS`].
    pub contributor: bool,
    /// In the group [`EDITORS`].
    pub editor: bool,
}

impl Caller {
    /// A caller in these groups; groups that mean nothing here are passed over.
    pub fn new(customer: CustomerId, groups: &[impl AsRef<str>]) -> Self {
        let is_in = |group: &str| groups.iter().any(|one| one.as_ref() == group);
        Self { customer, contributor: is_in(CONTRIBUTORS), editor: is_in(EDITORS) }
    }

    /// Whether the article is theirs.
    pub fn wrote(&self, article: &Article) -> bool {
        article.author.as_str() == self.customer.as_str()
    }
}
