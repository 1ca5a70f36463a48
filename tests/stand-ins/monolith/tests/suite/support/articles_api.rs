//! The Articles API's contract over memory: what the anti-corruption layer talks to in tests.
#![expect(clippy::result_large_err, reason = "an answer is moved once per request of a test")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use monolith::{
    anticorruption::words::{NewArticle, View},
    clock::SharedClock,
    dates,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The token of an editor; there is nobody else.
pub const TOKEN: &str = "token-of-an-editor";

#[derive(Clone)]
pub struct ArticlesService {
    articles: Arc<Mutex<BTreeMap<String, View>>>,
    clock: SharedClock,
    /// If it is set, each answer is this one.
    broken: Arc<Mutex<Option<(StatusCode, String)>>>,
    /// If it is set, a write is done and its answer lost.
    loses_answers: Arc<Mutex<bool>>,
}

type Answer = Result<Response, Response>;

impl ArticlesService {
    /// Serves until the test's runtime ends; the base URL comes with it.
    pub async fn start(clock: SharedClock) -> (Self, String) {
        let service = Self { articles: Arc::default(), clock, broken: Arc::default(), loses_answers: Arc::default() };
        let routes = Router::new()
            .route("/stage/articles", get(list).post(create))
            .route("/stage/articles/{id}", get(read).put(change).delete(withdraw))
            .route("/stage/articles/{id}/premium", get(read_all))
            .route("/stage/", post(|| async { "never asked" }))
            .with_state(service.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/stage", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        (service, base)
    }

    /// From now on each answer is this; `None` for the right ones.
    pub fn answer_always(&self, answer: Option<(StatusCode, &str)>) {
        *self.broken.lock().unwrap() = answer.map(|(status, body)| (status, body.to_owned()));
    }

    /// From now on writes are done, and answered with 502.
    pub fn lose_answers(&self, lose: bool) {
        *self.loses_answers.lock().unwrap() = lose;
    }

    /// An article as it is kept.
    pub fn kept(&self, id: &str) -> View {
        self.articles.lock().unwrap()[id].clone()
    }

    fn usable(&self) -> Result<(), Response> {
        match &*self.broken.lock().unwrap() {
            Some((status, body)) => Err((*status, body.clone()).into_response()),
            None => Ok(()),
        }
    }

    fn written(&self, status: StatusCode, view: &View) -> Answer {
        if *self.loses_answers.lock().unwrap() {
            return Err(StatusCode::BAD_GATEWAY.into_response());
        }
        Ok((status, [(header::ETAG, format!("\"{}\"", view.version))], Json(full(view))).into_response())
    }
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({"type": "about:blank", "status": status.as_u16(), "detail": detail});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

fn full(view: &View) -> Value {
    let mut value = serde_json::to_value(view).unwrap();
    value["html"] = "<p>Not for the monolith.</p>".into();
    value
}

fn summary(view: &View) -> Value {
    serde_json::to_value(View { markdown: None, ..view.clone() }).unwrap()
}

fn authorised(headers: &HeaderMap) -> Result<(), Response> {
    let known = headers.get(header::AUTHORIZATION).is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    if known { Ok(()) } else { Err(problem(StatusCode::UNAUTHORIZED, "Sign in.")) }
}

fn checked(body: &[u8]) -> Result<NewArticle, Response> {
    let refuse = |detail: &str| Err(problem(StatusCode::BAD_REQUEST, detail));
    let Ok(article) = serde_json::from_slice::<NewArticle>(body) else { return refuse("The body is no article.") };
    if article.title.is_empty() || article.title.chars().count() > 200 {
        return refuse("title: must be 1 to 200 characters");
    }
    if !matches!(article.status.as_str(), "draft" | "published") {
        return refuse("status: must be draft or published");
    }
    Ok(article)
}

async fn list(State(service): State<ArticlesService>, Query(query): Query<HashMap<String, String>>) -> Answer {
    service.usable()?;
    let limit: usize = query.get("limit").map_or(20, |limit| limit.parse().unwrap());
    let place = |view: &View| format!("{}|{}", view.published_at.as_deref().unwrap_or_default(), view.id);
    let wanted = |view: &View| {
        view.status == "published"
            && query.get("author").is_none_or(|author| *author == view.author)
            && query.get("tag").is_none_or(|tag| view.tags.contains(tag))
            && query.get("cursor").is_none_or(|cursor| *place(view) < cursor["c-".len()..])
    };
    if query.get("cursor").is_some_and(|cursor| !cursor.starts_with("c-")) {
        return Err(problem(StatusCode::BAD_REQUEST, "cursor: must be that of another page"));
    }
    let articles = service.articles.lock().unwrap();
    let mut found: Vec<_> = articles.values().filter(|view| wanted(view)).collect();
    found.sort_by_key(|view| std::cmp::Reverse(place(view)));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|view| format!("c-{}", place(view)));
    let articles: Vec<_> = found.into_iter().map(summary).collect();
    Ok(Json(json!({"articles": articles, "next": next})).into_response())
}

async fn read(State(service): State<ArticlesService>, Path(id): Path<String>) -> Answer {
    service.usable()?;
    match service.articles.lock().unwrap().get(&id) {
        Some(view) if view.status == "published" => Ok(Json(full(view)).into_response()),
        Some(view) if view.status == "withdrawn" => Err(problem(StatusCode::GONE, "It was withdrawn.")),
        _ => Err(problem(StatusCode::NOT_FOUND, "There is no such article.")),
    }
}

async fn read_all(State(service): State<ArticlesService>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    service.usable()?;
    authorised(&headers)?;
    let articles = service.articles.lock().unwrap();
    let view = articles.get(&id).ok_or_else(|| problem(StatusCode::NOT_FOUND, "There is no such article."))?;
    Ok(Json(full(view)).into_response())
}

async fn create(State(service): State<ArticlesService>, headers: HeaderMap, body: Bytes) -> Answer {
    service.usable()?;
    authorised(&headers)?;
    let article = checked(&body)?;
    let now = dates::json(service.clock.now()).unwrap();
    let id = article.id.clone().unwrap_or_else(|| "minted-00000000".to_owned());
    let mut articles = service.articles.lock().unwrap();
    if articles.contains_key(&id) {
        return Err(problem(StatusCode::CONFLICT, "id: is taken"));
    }
    let published_at = article.published_at.clone().or((article.status == "published").then(|| now.clone()));
    let view = view(id, 1, article, "editor", published_at, now);
    articles.insert(view.id.clone(), view.clone());
    service.written(StatusCode::CREATED, &view)
}

async fn change(
    State(service): State<ArticlesService>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    service.usable()?;
    authorised(&headers)?;
    let article = checked(&body)?;
    let now = dates::json(service.clock.now()).unwrap();
    let mut articles = service.articles.lock().unwrap();
    let there = matching(&articles, &id, &headers)?;
    let by_itself = (article.status == "published").then(|| now.clone());
    let published_at = article.published_at.clone().or_else(|| there.published_at.clone()).or(by_itself);
    let view = view(id, there.version + 1, article, &there.author.clone(), published_at, now);
    articles.insert(view.id.clone(), view.clone());
    service.written(StatusCode::OK, &view)
}

async fn withdraw(State(service): State<ArticlesService>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    service.usable()?;
    authorised(&headers)?;
    let mut articles = service.articles.lock().unwrap();
    let mut view = matching(&articles, &id, &headers)?.clone();
    view.version += 1;
    "withdrawn".clone_into(&mut view.status);
    view.updated_at = dates::json(service.clock.now()).unwrap();
    articles.insert(id, view);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn matching<'a>(articles: &'a BTreeMap<String, View>, id: &str, headers: &HeaderMap) -> Result<&'a View, Response> {
    let there = articles.get(id).ok_or_else(|| problem(StatusCode::NOT_FOUND, "There is no such article."))?;
    let wanted =
        headers.get(header::IF_MATCH).ok_or_else(|| problem(StatusCode::PRECONDITION_REQUIRED, "Say If-Match."))?;
    if there.status == "withdrawn" {
        return Err(problem(StatusCode::GONE, "It was withdrawn."));
    }
    if wanted != &format!("\"{}\"", there.version) {
        return Err(problem(StatusCode::PRECONDITION_FAILED, "It was changed meanwhile."));
    }
    Ok(there)
}

fn view(
    id: String,
    version: u64,
    article: NewArticle,
    author: &str,
    published_at: Option<String>,
    updated_at: String,
) -> View {
    View {
        id,
        version,
        status: article.status,
        title: article.title,
        summary: article.summary,
        author: article.author.unwrap_or_else(|| author.to_owned()),
        byline: article.byline,
        tags: article.tags,
        premium: article.premium,
        published_at,
        updated_at,
        markdown: Some(article.markdown),
    }
}
