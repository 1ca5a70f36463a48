//! What the index shall know of an article as the store has it.

use crate::plain_text;
use domain::articles::store::Contents;
use domain::articles::{Article, ArticleStatus};
use domain::search::{Document, IndexChange};
use domain::store::StoreError;

/// The change that brings the index to this version. Only what readers may see goes into the index: nothing of drafts and
/// withdrawn articles, and of premium ones not the body.
///
/// # Errors
/// The bucket gave no answer, or has not the body that the table names.
pub async fn change(article: Article, contents: &impl Contents) -> Result<IndexChange, StoreError> {
    let Article { id, version, status, title, summary, author, byline, tags, premium, published_at, content, .. } =
        article;
    let published_at = match (status, published_at) {
        (ArticleStatus::Published, Some(published_at)) => published_at,
        (ArticleStatus::Published, None) => {
            let reason = format!("the article {id} is published and does not say since when");
            return Err(StoreError { table: "articles", reason });
        }
        (ArticleStatus::Draft | ArticleStatus::Withdrawn, _) => return Ok(IndexChange::Remove { id, version }),
    };
    let body = if premium {
        String::new()
    } else {
        let missing = || StoreError { table: "contents", reason: format!("there is no body {}", content.0) };
        plain_text::of(&contents.content(&content).await?.ok_or_else(missing)?)
    };
    Ok(IndexChange::Put(Document { id, version, title, summary, body, author, byline, tags, premium, published_at }))
}
