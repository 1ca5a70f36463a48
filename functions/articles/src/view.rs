//! Articles as JSON tells them; the monolith's site tells them in the same words.

use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, Tag};
use serde::Serialize;

/// What lists show.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<'a> {
    id: &'a ArticleId,
    version: u64,
    status: ArticleStatus,
    title: &'a str,
    summary: &'a str,
    author: &'a AuthorId,
    byline: &'a str,
    tags: &'a [Tag],
    premium: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
    updated_at: Option<String>,
}

impl<'a> From<&'a Article> for Listed<'a> {
    fn from(article: &'a Article) -> Self {
        Self {
            id: &article.id,
            version: article.version,
            status: article.status,
            title: &article.title,
            summary: &article.summary,
            author: &article.author,
            byline: &article.byline,
            tags: &article.tags,
            premium: article.premium,
            published_at: article.published_at.and_then(domain::time::Timestamp::rfc3339_millis),
            updated_at: article.updated_at.rfc3339_millis(),
        }
    }
}

/// An article, with its body for those who may read it.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    /// What everybody may know.
    #[serde(flatten)]
    pub summary: Listed<'a>,
    /// The body.
    #[serde(flatten)]
    pub body: Option<Body>,
}

/// A body, both ways.
#[derive(Debug, Serialize)]
pub struct Body {
    /// To show.
    pub html: String,
    /// To edit.
    pub markdown: String,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// The articles.
    pub articles: Vec<Listed<'a>>,
    /// The cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
