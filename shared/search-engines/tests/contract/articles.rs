//! What the tests write and ask.

use crate::engines::Engine;
use domain::articles::{ArticleId, AuthorId, Tag};
use domain::search::{Document, Filter, Found, IndexChange, Outcome, Query, Sort, Text};
use domain::time::Timestamp;

/// When the first article was published.
pub const DAY_ONE: i64 = 1_700_000_000_000;

/// An article about nothing.
pub fn article(id: &str, title: &str) -> Document {
    Document {
        id: ArticleId::new(id).unwrap(),
        version: 1,
        title: title.to_owned(),
        summary: String::new(),
        body: String::new(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada Young".to_owned(),
        tags: Vec::new(),
        premium: false,
        published_at: Timestamp(DAY_ONE),
    }
}

/// An article that was published so many days after the first.
pub fn on_day(day: i64, id: &str, title: &str) -> Document {
    Document { published_at: Timestamp(DAY_ONE + day * 86_400_000), ..article(id, title) }
}

pub fn tagged(document: Document, tags: &[&str]) -> Document {
    Document { tags: tags.iter().map(|tag| Tag::new(*tag).unwrap()).collect(), ..document }
}

pub fn removed(id: &str, version: u64) -> IndexChange {
    IndexChange::Remove { id: ArticleId::new(id).unwrap(), version }
}

/// Writes articles that the index does not have.
pub async fn write(engine: &impl Engine, documents: impl IntoIterator<Item = Document>) {
    let changes: Vec<IndexChange> = documents.into_iter().map(IndexChange::Put).collect();
    for outcome in apply(engine, &changes).await {
        assert_eq!(outcome, Outcome::Applied);
    }
}

/// Applies changes and lets them be found.
pub async fn apply(engine: &impl Engine, changes: &[IndexChange]) -> Vec<Outcome> {
    let outcomes = engine.apply(changes).await.unwrap();
    assert_eq!(outcomes.len(), changes.len());
    engine.settle().await;
    outcomes
}

pub fn asked(text: &str, filter: Filter, sort: Option<Sort>, limit: u16) -> Query {
    Query::new(Text::new(text).unwrap(), filter, sort, limit).unwrap()
}

/// The answer to a text.
pub async fn search(engine: &impl Engine, text: &str) -> Found {
    engine.search(&asked(text, Filter::default(), None, 50)).await.unwrap()
}

pub fn ids(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Whether a text finds these and no others, in this order.
pub async fn finds(engine: &impl Engine, text: &str, expected: &[&str]) {
    let found = search(engine, text).await;
    assert_eq!(ids(&found), expected, "{text:?}");
    assert_eq!(found.total, u64::try_from(expected.len()).unwrap(), "{text:?}");
}
