//! The public JSON: articles and search at today's URLs, which outlive the monolith.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;

use super::{
    App,
    failure::{Failure, as_problem},
    fields::{Fields, Query},
};
use crate::{
    clock::Millis,
    dates,
    internal::{ArtError, ArtFilter, ArtHead, PAGE_MAX, PUBLISHED, WITHDRAWN, rules},
    markdown,
    search::{self, DEEPEST, Hit, QUESTION_MAX, Question, WORDS_MAX},
};

const PAGE: u16 = 20;
const TAGS_MAX: usize = 10;

/// The JSON routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/articles", get(list).fallback(read_only))
        .route("/articles/{id}", get(read).fallback(read_only))
        .route("/search", get(find).fallback(read_only))
        .route("/search/suggest", get(suggest).fallback(read_only))
        .layer(middleware::from_fn(as_problem))
}

/// Contributors write at the desk, which is HTML.
async fn read_only() -> Response {
    let refused =
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "This can only be read here. Articles are written at /desk.");
    ([(header::ALLOW, HeaderValue::from_static("GET, HEAD"))], refused).into_response()
}

/// What JSON shows of an article.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    title: String,
    summary: String,
    author: String,
    byline: String,
    tags: Vec<String>,
    premium: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

impl From<ArtHead> for Shown {
    fn from(head: ArtHead) -> Self {
        Self {
            id: head.art_key,
            title: head.headline,
            summary: head.teaser,
            author: head.author_code,
            byline: head.author_name,
            tags: head.topics,
            premium: head.pay_flag == 'Y',
            published_at: head.pub_date.as_deref().and_then(json_date),
            updated_at: json_date(&head.chg_date),
        }
    }
}

impl From<Hit> for Shown {
    fn from(hit: Hit) -> Self {
        Self {
            id: hit.art_key,
            title: hit.headline,
            summary: hit.teaser,
            author: hit.author_code,
            byline: hit.author_name,
            tags: hit.topics,
            premium: hit.pay_flag == "Y",
            published_at: json_date(&hit.pub_date),
            updated_at: None,
        }
    }
}

fn json_date(old: &str) -> Option<String> {
    dates::read_old(old).and_then(dates::json)
}

async fn list(State(app): State<App>, Query(fields): Query) -> Result<Response, Failure> {
    let filter =
        ArtFilter { author_code: fields.one("author").map(str::to_owned), topic: fields.one("tag").map(str::to_owned) };
    let limit = limit(&fields)?;
    let page = app.articles.art_list(&filter, fields.one("cursor"), limit).await.map_err(in_public_words)?;
    let articles: Vec<Shown> = page.arts.into_iter().map(Shown::from).collect();
    Ok(with_next(json!({"articles": articles}), page.next_mark))
}

async fn read(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let art = app.articles.art_get(&id).await.map_err(in_public_words)?;
    match art.head.state {
        PUBLISHED => {}
        WITHDRAWN => return Err(ArtError::Withdrawn.into()),
        _ => return Err(ArtError::Unknown.into()),
    }
    let html = (art.head.pay_flag == 'N').then(|| markdown::html(&art.body_text));
    let mut answer = json!(Shown::from(art.head));
    if let Some(html) = html {
        answer["html"] = html.into();
    }
    Ok(Json(answer).into_response())
}

async fn find(State(app): State<App>, Query(fields): Query) -> Result<Response, Failure> {
    let question = question(&fields)?;
    let (offset, limit) = (question.offset, u32::from(question.limit));
    let found = app.store.read(move |connection| search::find(connection, &question)).await?;
    let end = offset + limit;
    let next = (found.total > u64::from(end) && end < DEEPEST).then(|| URL_SAFE_NO_PAD.encode(format!("hit {end}")));
    let hits: Vec<Shown> = found.hits.into_iter().map(Shown::from).collect();
    Ok(with_next(json!({"total": found.total, "hits": hits}), next))
}

async fn suggest(State(app): State<App>, Query(fields): Query) -> Result<Response, Failure> {
    let text = typed(&fields)?;
    if text.trim().is_empty() {
        return Err(bad("q", "must be given"));
    }
    let found = app.store.read(move |connection| search::suggest(connection, &text)).await?;
    let suggestions: Vec<_> = found.into_iter().map(|(id, title)| json!({"id": id, "title": title})).collect();
    Ok(Json(json!({"suggestions": suggestions})).into_response())
}

fn with_next(mut answer: serde_json::Value, next: Option<String>) -> Response {
    if let Some(next) = next {
        answer["next"] = next.into();
    }
    Json(answer).into_response()
}

fn question(fields: &Fields) -> Result<Question, Failure> {
    let topics: Vec<String> = fields.all("tag").into_iter().filter(|tag| !tag.is_empty()).collect();
    if topics.len() > TAGS_MAX {
        return Err(bad("tag", "must be given at most 10 times"));
    }
    if !topics.iter().all(|topic| rules::is_topic(topic)) {
        return Err(bad("tag", "must be 1 to 40 lower-case letters and digits, with single hyphens inside"));
    }
    let author_code = fields.one("author").map(str::to_owned);
    if !author_code.as_deref().is_none_or(rules::is_author) {
        return Err(bad("author", rules::AUTHOR_RULE));
    }
    let (from, to) = (moment(fields, "from")?, moment(fields, "to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(bad("from", "must be before `to`"));
    }
    let oldest_first = match fields.one("sort") {
        // There is no relevance here: what is new counts as relevant.
        None | Some("relevance" | "newest") => false,
        Some("oldest") => true,
        Some(_) => return Err(bad("sort", "must be relevance, newest or oldest")),
    };
    let (offset, limit) = (offset(fields)?, limit(fields)?);
    Ok(Question { text: typed(fields)?, topics, author_code, from, to, oldest_first, offset, limit })
}

fn typed(fields: &Fields) -> Result<String, Failure> {
    let text = fields.text("q");
    if text.chars().count() > QUESTION_MAX {
        return Err(bad("q", "must be at most 200 characters"));
    }
    if text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count() > WORDS_MAX {
        return Err(bad("q", "must be at most 16 words"));
    }
    Ok(text.to_owned())
}

/// A moment, or the beginning of a day.
fn moment(fields: &Fields, name: &str) -> Result<Option<Millis>, Failure> {
    let read = |text: &str| dates::read_json(text).or_else(|| dates::read_json(&format!("{text}T00:00:00Z")));
    let rule = || bad(name, "must be a date like 2026-11-23 or a time like 2026-11-23T10:15:00Z");
    fields.one(name).map(|text| read(text).ok_or_else(rule)).transpose()
}

fn limit(fields: &Fields) -> Result<u16, Failure> {
    let rule = || bad("limit", "must be 1 to 50");
    let limit = fields.one("limit").map_or(Ok(PAGE), |text| text.parse().map_err(|_| rule()))?;
    if (1..=PAGE_MAX).contains(&limit) { Ok(limit) } else { Err(rule()) }
}

fn offset(fields: &Fields) -> Result<u32, Failure> {
    let Some(cursor) = fields.one("cursor") else { return Ok(0) };
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let offset = text.as_deref().and_then(|text| text.strip_prefix("hit ")).and_then(|number| number.parse().ok());
    offset
        .filter(|offset| *offset < DEEPEST)
        .ok_or_else(|| bad("cursor", "must be that of another page of the same question"))
}

fn bad(field: &str, rule: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, format!("{field}: {rule}"))
}

/// The interface's names of what was asked, as the URL has them.
fn in_public_words(error: ArtError) -> Failure {
    match error {
        ArtError::Field { field, rule } => {
            let public = match field.as_str() {
                "art_key" => "id",
                "author_code" => "author",
                "topic" => "tag",
                "from_mark" => "cursor",
                "count" => "limit",
                other => other,
            };
            bad(public, &rule)
        }
        other => other.into(),
    }
}
