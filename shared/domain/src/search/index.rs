//! The index: one entry for each article that was ever told of, a document or the note that it is gone. An entry is
//! replaced only by a newer version of its article, so that changes may come late, twice and in any order.

use super::{Found, Query, Suggestion, Text};
use crate::articles::{ArticleId, AuthorId, Tag};
use crate::intent::Invalid;
use crate::services::ServiceError;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest version: engines count in signed numbers.
const LAST_VERSION: u64 = i64::MAX.unsigned_abs();

/// The longest document, all its texts together, in bytes: a batch of them must fit a request.
pub const LONGEST_DOCUMENT: usize = 1_000_000;

/// What the index knows of a published article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Its name.
    pub id: ArticleId,
    /// The article's version: an older one never replaces a newer one.
    pub version: u64,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub summary: String,
    /// Plain text of the body; empty for a premium article, whose body is no reader's to search.
    pub body: String,
    /// Who wrote it.
    pub author: AuthorId,
    /// The author's name, for readers.
    pub byline: String,
    /// What it is about.
    pub tags: Vec<Tag>,
    /// Whether the body is for entitled readers alone.
    pub premium: bool,
    /// When it was first published.
    pub published_at: Timestamp,
}

/// What becomes of the index for one article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexChange {
    /// This is what readers shall find.
    Put(Document),
    /// Nobody shall find it: withdrawn, or not yet published, as of this version.
    Remove {
        /// The article.
        id: ArticleId,
        /// Its version.
        version: u64,
    },
}

impl IndexChange {
    /// Which article.
    pub fn id(&self) -> &ArticleId {
        match self {
            Self::Put(document) => &document.id,
            Self::Remove { id, .. } => id,
        }
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        match self {
            Self::Put(document) => document.version,
            Self::Remove { version, .. } => *version,
        }
    }

    /// Whether any engine can take it. One that cannot be taken must not spoil the batch that it is in.
    ///
    /// # Errors
    /// [`Invalid`] with the field's name.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(1..=LAST_VERSION).contains(&self.version()) {
            return Err(Invalid { field: "version", rule: "must be 1 to 2^63 - 1" });
        }
        let Self::Put(document) = self else { return Ok(()) };
        if document.published_at.rfc3339().is_none() {
            return Err(Invalid { field: "publishedAt", rule: "must be within the years 0 to 9999" });
        }
        let Document { title, summary, body, byline, .. } = document;
        if title.len() + summary.len() + body.len() + byline.len() > LONGEST_DOCUMENT {
            return Err(Invalid { field: "body", rule: "must have at most 1,000,000 bytes with title and summary" });
        }
        Ok(())
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a change that was not taken must come again, or be parked"]
pub enum Outcome {
    /// The index has it now.
    Applied,
    /// The index has this version already, or a newer one.
    Stale,
    /// The index can never take it.
    Rejected {
        /// For whoever looks after it.
        why: String,
    },
    /// The index could not take it now; it must come again.
    Later {
        /// For the log.
        why: String,
    },
}

impl Outcome {
    /// What became of a change that two indices should have: what is worse of the two.
    pub fn and(self, other: Self) -> Self {
        let weight = |outcome: &Self| match outcome {
            Self::Stale => 0,
            Self::Applied => 1,
            Self::Rejected { .. } => 2,
            Self::Later { .. } => 3,
        };
        if weight(&other) > weight(&self) { other } else { self }
    }
}

/// What readers ask.
pub trait SearchIndex {
    /// A page of hits. In an order of time, pages that follow one another have no hit twice and leave none out, whatever
    /// is written meanwhile. In order of relevance that holds while nothing is written: every article that is written
    /// moves the scores of all others a little.
    fn search(&self, query: &Query) -> impl Future<Output = Result<Found, ServiceError>> + Send;

    /// Published articles whose titles have words that begin like these, at most ten, best first.
    fn suggest(&self, beginning: &Text) -> impl Future<Output = Result<Vec<Suggestion>, ServiceError>> + Send;
}

/// What keeps the index up to date.
pub trait Indexing {
    /// Applies changes; the answer has an outcome for each, in their order. While an index is rebuilt, both have them.
    fn apply(&self, changes: &[IndexChange]) -> impl Future<Output = Result<Vec<Outcome>, ServiceError>> + Send;
}

/// The name of an index that is being filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Draft(pub String);

/// Rebuilding the index from the articles while the former one answers.
///
/// Nothing is lost that is published meanwhile. [`Indexing::apply`] looks which indices there are when it begins. Either
/// the draft was there already: then it writes to both. Or it was not: then the article had been stored before the draft
/// began, so whoever reads the store afterwards, consistently, fills the draft with that version or a newer one. Versions
/// sort out the rest.
pub trait Reindexing {
    /// Begins an empty index beside the one that answers; a draft that somebody left unfinished is dropped.
    fn begin(&self) -> impl Future<Output = Result<Draft, ServiceError>> + Send;

    /// Writes to the draft alone.
    fn fill(
        &self,
        draft: &Draft,
        changes: &[IndexChange],
    ) -> impl Future<Output = Result<Vec<Outcome>, ReindexError>> + Send;

    /// Lets the draft answer from now on, in one step. Once more changes nothing.
    fn swap(&self, draft: &Draft) -> impl Future<Output = Result<(), ReindexError>> + Send;

    /// Drops indices that answered once. Questions that they still answer should have a moment to end before.
    fn drop_former(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// Why a rebuilding cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReindexError {
    /// Somebody began another.
    #[error("the draft {} is gone: somebody began another, or dropped it", .0.0)]
    Gone(Draft),
    /// The engine gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        Document {
            id: ArticleId::new("ice").unwrap(),
            version: 1,
            title: "Ice".to_owned(),
            summary: String::new(),
            body: String::new(),
            author: AuthorId::new("ada").unwrap(),
            byline: "Ada".to_owned(),
            tags: Vec::new(),
            premium: false,
            published_at: Timestamp(0),
        }
    }

    #[test]
    fn what_no_engine_can_take_is_named() {
        let long = "x".repeat(LONGEST_DOCUMENT);
        for (document, field) in [
            (Document { version: 0, ..document() }, "version"),
            (Document { version: u64::MAX, ..document() }, "version"),
            (Document { published_at: Timestamp(i64::MAX), ..document() }, "publishedAt"),
            (Document { body: long, ..document() }, "body"),
        ] {
            assert_eq!(IndexChange::Put(document).check().unwrap_err().field, field);
        }
        assert_eq!(IndexChange::Put(document()).check(), Ok(()));
        let remove = |version| IndexChange::Remove { id: document().id, version };
        assert_eq!((remove(LAST_VERSION).check(), remove(0).check().is_err()), (Ok(()), true));
    }
}
