//! What merged rows mean as an article, and when that is written.

use super::merge::{Facts, Merged};
use crate::articles::draft::MOST_TAGS;
use crate::articles::{Article, ArticleId, ArticleStatus};
use crate::time::Timestamp;

/// What follows from merged rows for the article that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it says the same already, too little is known yet, or the rows are what the new service wrote itself.
    Nothing,
    /// Write this, the version after the one that is there.
    Write(Box<Article>),
    /// Both sides changed it, and neither knew: a person decides. What the new service wrote stays.
    Conflict,
}

/// Decides about the article that is there.
///
/// What the new service wrote last is written over only if the monolith had got to know it before it changed it: then
/// the row that the service fed back says what the article says, and the newest row is newer than that one. So a route
/// that goes back to the monolith takes its changes along when it comes again.
pub fn decide(id: &ArticleId, merged: &Merged, current: Option<&Article>) -> Verdict {
    let Some(mut wanted) = article(id, merged) else { return Verdict::Nothing };
    let Some(current) = current else { return Verdict::Write(Box::new(wanted)) };
    wanted.version = current.version + 1;
    // The monolith knows it to the second.
    if seconds(wanted.published_at) == seconds(current.published_at) {
        wanted.published_at = current.published_at;
    }
    let by_the_service = current.source.is_none();
    if says_the_same(&wanted, current) && (by_the_service || wanted.updated_at == current.updated_at) {
        return Verdict::Nothing;
    }
    if !by_the_service {
        return Verdict::Write(Box::new(wanted));
    }
    let monolith_knew = merged.fed_back.as_ref().is_some_and(|known| is_of(&known.value, current));
    // Topics that are newer than the row that was fed back are the monolith's own change, unless they go with a row that was
    // fed back later and is in a file that is not read yet.
    let newest_is_an_echo = merged.deleted().is_none()
        && merged.facts.as_ref().is_some_and(|known| {
            let topics_are_newer = merged.newest().is_some_and(|newest| newest.committed_at > known.at.committed_at);
            known.value.fed_back && !(topics_are_newer && monolith_knew)
        });
    if newest_is_an_echo {
        Verdict::Nothing
    } else if monolith_knew {
        Verdict::Write(Box::new(wanted))
    } else {
        Verdict::Conflict
    }
}

/// The article that merged rows describe, its first version; none before its row of `article` is known. One that was
/// deleted is withdrawn, as what readers have seen does not become unknown again.
pub fn article(id: &ArticleId, merged: &Merged) -> Option<Article> {
    let known = merged.facts.as_ref()?;
    let Facts { title, summary, content, author, byline, premium, .. } = known.value.clone();
    let (status, updated_at) = match merged.deleted() {
        Some(deleted) => (ArticleStatus::Withdrawn, Timestamp(deleted.committed_at.div_euclid(1000))),
        None => (known.value.status, known.value.changed_at),
    };
    Some(Article {
        id: id.clone(),
        version: 1,
        status,
        title,
        summary,
        author,
        byline,
        // The monolith has the same rule, but between two files of one change there may be more.
        tags: merged.tags().take(MOST_TAGS).cloned().collect(),
        premium,
        published_at: known.value.published_at,
        updated_at,
        content,
        source: merged.newest().cloned(),
    })
}

/// Whether readers see no difference but in the time of the last change.
fn says_the_same(one: &Article, other: &Article) -> bool {
    let said = |article: &Article| Article {
        version: 0,
        updated_at: Timestamp(0),
        source: None,
        tags: {
            let mut tags = article.tags.clone();
            tags.sort_unstable();
            tags
        },
        ..article.clone()
    };
    said(one) == said(other)
}

/// Whether the row that was fed back is of this version of the article. Its topics are rows of their own, so that a version
/// with other tags is known by its time.
fn is_of(fed_back: &Facts, article: &Article) -> bool {
    let Facts { title, summary, content, author, byline, premium, status, published_at, changed_at, .. } = fed_back;
    (title, summary, content) == (&article.title, &article.summary, &article.content)
        && (author, byline) == (&article.author, &article.byline)
        && (*premium, *status) == (article.premium, article.status)
        && seconds(*published_at) == seconds(article.published_at)
        && seconds(Some(*changed_at)) == seconds(Some(article.updated_at))
}

/// In whole seconds, as the monolith knows times.
pub(super) fn seconds(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(|moment| moment.0.div_euclid(1000))
}

#[cfg(test)]
mod tests;
