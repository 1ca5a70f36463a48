//! The JSON of answers.

use domain::articles::{ArticleId, AuthorId, Tag};
use domain::search::{AuthorCount, Facets, Found, Highlights, Hit, Html, Suggestion, TagCount};
use domain::time::Timestamp;
use serde::Serialize;

/// An answer to a search.
#[derive(Debug, Serialize)]
pub struct SearchView {
    total: u64,
    hits: Vec<HitView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    facets: FacetsView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HitView {
    id: ArticleId,
    title: String,
    summary: String,
    author: AuthorId,
    byline: String,
    tags: Vec<Tag>,
    premium: bool,
    published_at: Option<String>,
    highlights: HighlightsView,
}

#[derive(Debug, Serialize)]
struct HighlightsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    body: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FacetsView {
    tags: Vec<TagView>,
    authors: Vec<AuthorView>,
}

#[derive(Debug, Serialize)]
struct TagView {
    value: Tag,
    count: u64,
}

#[derive(Debug, Serialize)]
struct AuthorView {
    value: AuthorId,
    byline: String,
    count: u64,
}

/// An answer to a suggestion.
#[derive(Debug, Serialize)]
pub struct SuggestionsView {
    suggestions: Vec<SuggestionView>,
}

#[derive(Debug, Serialize)]
struct SuggestionView {
    id: ArticleId,
    title: String,
}

impl SearchView {
    /// The answer, with the cursor of the next page.
    pub fn of(found: Found, next: Option<String>) -> Self {
        let Facets { tags, authors } = found.facets;
        let tag = |TagCount { value, count }| TagView { value, count };
        let author = |AuthorCount { value, byline, count }| AuthorView { value, byline, count };
        Self {
            total: found.total,
            hits: found.hits.into_iter().map(HitView::from).collect(),
            next,
            facets: FacetsView {
                tags: tags.into_iter().map(tag).collect(),
                authors: authors.into_iter().map(author).collect(),
            },
        }
    }
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        let Hit { id, title, summary, author, byline, tags, premium, published_at, highlights } = hit;
        let Highlights { title: in_title, body } = highlights;
        let highlights =
            HighlightsView { title: in_title.map(Html::into), body: body.into_iter().map(Html::into).collect() };
        let published_at = Timestamp::rfc3339_millis(published_at);
        Self { id, title, summary, author, byline, tags, premium, published_at, highlights }
    }
}

impl SuggestionsView {
    /// The answer.
    pub fn of(suggestions: Vec<Suggestion>) -> Self {
        let view = |Suggestion { id, title }| SuggestionView { id, title };
        Self { suggestions: suggestions.into_iter().map(view).collect() }
    }
}
