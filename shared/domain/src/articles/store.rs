//! Where articles are kept: metadata in a table, bodies in a versioned bucket. A write is the body first, then one
//! conditional write of the metadata, so that readers never see half of it.

use super::{Article, ArticleId, AuthorId, ContentKey, Tag};
use crate::store::{Commit, StoreError};
use crate::time::Timestamp;
use std::future::Future;

/// The table of articles.
pub trait Articles {
    /// One article, consistently read.
    fn article(&self, id: &ArticleId) -> impl Future<Output = Result<Option<Article>, StoreError>> + Send;

    /// Writes `after` in the place of `before` (`None`: there is none), with its places in the lists and the event that
    /// says so, all in one; if what is there still has the version of `before`.
    fn write(
        &self,
        before: Option<&Article>,
        after: &Article,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// Lists of published articles, the newest first, eventually consistent.
pub trait ArticleLists {
    /// At most `limit` of them that follow `after`; fewer only where the list ends.
    fn list(
        &self,
        of: &ListOf,
        after: Option<&Place>,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<Article>, StoreError>> + Send;

    /// At most `limit` of all articles of whatever status, by no order that means anything, after the one named:
    /// for `reindex` and reconciliation.
    fn scan(
        &self,
        after: Option<&ArticleId>,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<Article>, StoreError>> + Send;
}

/// Which published articles: all of them, unless something is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOf {
    /// Only those of this author.
    pub author: Option<AuthorId>,
    /// Only those about this.
    pub tag: Option<Tag>,
}

/// Where a page of a list ended. The newest comes first, and of two of one moment the one whose id sorts later.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The last article's.
    pub published_at: Timestamp,
    /// The last article.
    pub id: ArticleId,
}

/// The bucket of bodies.
pub trait Contents {
    /// The body, Markdown.
    fn content(&self, key: &ContentKey) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Writes a body; its key says what is in it, so that writing it again changes nothing.
    fn put(&self, key: &ContentKey, markdown: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}
