//! What the cluster answers.

use super::failed;
use domain::articles::{ArticleId, AuthorId, Tag};
use domain::search::{AfterHit, AuthorCount, Facets, Found, Highlights, Hit, Html, Query, Sort, Suggestion, TagCount};
use domain::services::ServiceError;
use domain::time::Timestamp;
use serde::Deserialize;

/// An answer of `_search`.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    /// Whether it is only a part, as there was no time for more.
    #[serde(default)]
    pub timed_out: bool,
    /// Whether it is only a part, as there were too many documents.
    #[serde(default)]
    pub terminated_early: bool,
    /// The hits.
    pub hits: Hits,
    #[serde(default)]
    aggregations: Aggregations,
}

/// The hits of an answer.
#[derive(Debug, Default, Deserialize)]
pub struct Hits {
    /// How many there are.
    pub total: Total,
    hits: Vec<OneHit>,
}

/// How many hits there are.
#[derive(Debug, Default, Deserialize)]
pub struct Total {
    /// That many.
    pub value: u64,
}

#[derive(Debug, Deserialize)]
struct OneHit {
    #[serde(rename = "_source")]
    source: Source,
    sort: serde_json::Value,
    #[serde(default)]
    highlight: Marked,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    id: String,
    title: String,
    summary: String,
    author: String,
    byline: String,
    tags: Vec<Tag>,
    premium: bool,
    published_at: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Marked {
    title: Vec<String>,
    summary: Vec<String>,
    body: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Aggregations {
    tags: Buckets,
    authors: Buckets,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Buckets {
    buckets: Vec<Bucket>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bucket {
    key: String,
    doc_count: u64,
    bylines: Buckets,
}

impl Answer {
    /// The page of hits.
    pub fn found(mut self, query: &Query) -> Result<Found, ServiceError> {
        let size = usize::from(query.limit());
        let more = self.hits.hits.len() > size;
        self.hits.hits.truncate(size);
        let last = self.hits.hits.last().filter(|_| more);
        let next = last.map(|hit| hit.place(query.sort())).transpose()?;
        let hits = self.hits.hits.into_iter().map(OneHit::hit).collect::<Result<_, _>>()?;
        Ok(Found { total: self.hits.total.value, hits, next, facets: self.aggregations.facets() })
    }

    /// The titles.
    pub fn suggestions(self) -> Vec<Suggestion> {
        let suggestion =
            |hit: OneHit| Some(Suggestion { id: ArticleId::new(hit.source.id).ok()?, title: hit.source.title });
        self.hits.hits.into_iter().filter_map(suggestion).collect()
    }
}

impl OneHit {
    fn place(&self, sort: Sort) -> Result<AfterHit, ServiceError> {
        let score =
            (sort == Sort::Relevance).then(|| self.sort[0].as_f64().ok_or_else(|| failed("a hit has no score")));
        Ok(AfterHit {
            score: score.transpose()?.map(f64::to_bits),
            published_at: Timestamp(self.source.published_at),
            id: ArticleId::new(&self.source.id).map_err(failed)?,
        })
    }

    fn hit(self) -> Result<Hit, ServiceError> {
        let Source { id, title, summary, author, byline, tags, premium, published_at } = self.source;
        let Marked { title: in_title, summary: in_summary, body } = self.highlight;
        let body = if body.is_empty() { in_summary } else { body };
        Ok(Hit {
            id: ArticleId::new(id).map_err(failed)?,
            title,
            summary,
            author: AuthorId::new(author).map_err(failed)?,
            byline,
            tags,
            premium,
            published_at: Timestamp(published_at),
            highlights: Highlights {
                title: in_title.first().map(|title| Html::of_marked(title)),
                body: body.iter().map(|fragment| Html::of_marked(fragment)).collect(),
            },
        })
    }
}

impl Aggregations {
    fn facets(self) -> Facets {
        let tag = |bucket: Bucket| Tag::new(bucket.key).ok().map(|value| TagCount { value, count: bucket.doc_count });
        let author = |bucket: Bucket| {
            let byline = bucket.bylines.buckets.into_iter().next().map(|byline| byline.key).unwrap_or_default();
            AuthorId::new(bucket.key).ok().map(|value| AuthorCount { value, byline, count: bucket.doc_count })
        };
        Facets {
            tags: self.tags.buckets.into_iter().filter_map(tag).collect(),
            authors: self.authors.buckets.into_iter().filter_map(author).collect(),
        }
    }
}
