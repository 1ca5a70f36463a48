//! Reading, writing, withdrawing articles over HTTP.

use crate::CONFLICTS;
use crate::listing::{Asked, Question};
use crate::markdown;
use crate::precondition::{Seen, Unseen, etag, has_already};
use crate::refusal::Refusal;
use crate::view::{self, Listed, Page, View};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::articles::access::{self, Access};
use domain::articles::draft::{Draft, Submission};
use domain::articles::naming::Mark;
use domain::articles::store::{ArticleLists, Articles, Contents};
use domain::articles::transitions;
use domain::articles::{Article, ArticleId, Caller, ContentKey};
use domain::cursor::Signer;
use domain::decisions::EntitlementReader;
use domain::intent::{IntentKey, Tier};
use domain::store::{Commit, StoreError};
use domain::time::{Chance, Clock};
use lambda::http::{Customer, Groups};
use lambda::problem::Problem;
use lambda_http::http::header::{self, HeaderMap, HeaderValue};
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderName, StatusCode};
use std::sync::Arc;

/// Says which side of the façade answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
/// Whoever keeps an answer asks before showing it again; the entity tag makes that cheap.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");
/// The same for what is one caller's alone.
const OWN: HeaderValue = HeaderValue::from_static("private, no-cache");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// What the routes stand on.
pub struct Desk<A, B, E, M> {
    /// The table.
    pub articles: A,
    /// The bodies.
    pub contents: B,
    /// Who may read premium articles.
    pub entitlements: E,
    /// Time and chance.
    pub machine: M,
    /// Signs the lists' cursors.
    pub signer: Signer,
}

/// The routes over a desk.
pub fn router<A, B, E, M>(desk: Desk<A, B, E, M>) -> Router
where
    A: Articles + ArticleLists + Send + Sync + 'static,
    B: Contents + Send + Sync + 'static,
    E: EntitlementReader + Send + Sync + 'static,
    M: Clock + Chance + Send + Sync + 'static,
{
    Router::new()
        .route("/articles", get(list::<A, B, E, M>).post(create::<A, B, E, M>))
        .route("/articles/{id}", get(read::<A, B, E, M>).put(change::<A, B, E, M>).delete(withdraw::<A, B, E, M>))
        .route("/articles/{id}/premium", get(read_premium::<A, B, E, M>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Use GET, or POST, PUT and DELETE to write.")
        })
        .layer(map_response(|mut response: Response| async move {
            response.headers_mut().insert(SERVED_BY, HeaderValue::from_static("modern"));
            response
        }))
        .with_state(Arc::new(desk))
}

type Shared<A, B, E, M> = State<Arc<Desk<A, B, E, M>>>;
type Asks = Result<Query<Asked>, QueryRejection>;
type Named = Result<Path<String>, PathRejection>;
type Sent = Result<Bytes, BytesRejection>;

/// Whoever the token is about, with what their groups let them do.
struct Signed(Caller);

impl<S: Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Customer(customer) = Customer::from_request_parts(parts, state).await?;
        let Ok(Groups(groups)) = Groups::from_request_parts(parts, state).await;
        Ok(Self(Caller::new(customer, &groups)))
    }
}

async fn list<A: ArticleLists, B, E, M>(State(desk): Shared<A, B, E, M>, asked: Asks) -> Result<Response, Refusal> {
    let question = Question::of(asked, &desk.signer)?;
    // One more than is shown says whether there is another page.
    let mut found = desk.articles.list(&question.of, question.after.as_ref(), question.limit + 1).await?;
    let is_more = found.len() > usize::from(question.limit);
    found.truncate(usize::from(question.limit));
    let next = found.last().filter(|_| is_more).and_then(|last| question.next(last, &desk.signer));
    let page = Page { articles: found.iter().map(Listed::from).collect(), next };
    Ok(([(header::CACHE_CONTROL, REVALIDATED)], Json(page)).into_response())
}

async fn read<A: Articles, B: Contents, E, M>(
    State(desk): Shared<A, B, E, M>,
    id: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let article = desk.article(&named(id)?).await?;
    let with_body = match access::of_everybody(&article) {
        Access::Full => true,
        Access::Teaser => false,
        Access::Withdrawn => return Err(Refusal::Gone),
        Access::Unknown => return Err(Refusal::Unknown),
    };
    desk.shown(&article, with_body, &headers, REVALIDATED).await
}

async fn read_premium<A: Articles, B: Contents, E: EntitlementReader, M: Clock>(
    State(desk): Shared<A, B, E, M>,
    Signed(caller): Signed,
    id: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let article = desk.article(&named(id)?).await?;
    match access::of_caller(&article, &caller) {
        Access::Full => {}
        Access::Teaser => {
            let held = desk.entitlements.entitlement(&caller.customer, Tier::Premium).await?;
            if !access::is_entitled(held.map(|held| held.value).as_ref(), desk.machine.now()) {
                return Err(Refusal::PaymentRequired);
            }
        }
        Access::Withdrawn => return Err(Refusal::Gone),
        Access::Unknown => return Err(Refusal::Unknown),
    }
    desk.shown(&article, true, &headers, OWN).await
}

async fn create<A: Articles, B: Contents, E, M: Clock + Chance>(
    State(desk): Shared<A, B, E, M>,
    Signed(caller): Signed,
    headers: HeaderMap,
    body: Sent,
) -> Result<Response, Refusal> {
    transitions::may_write(&caller)?;
    let draft = draft(body)?;
    let key = idempotency_key(&headers)?;
    for _ in 0..CONFLICTS {
        let id = match (draft.id(), &key) {
            (Some(id), _) => id.clone(),
            (None, Some(key)) => ArticleId::for_title(draft.title(), Mark::of_request(&caller.customer, key))?,
            (None, None) => ArticleId::for_title(draft.title(), Mark::by_chance(&desk.machine))?,
        };
        let article = transitions::create(&caller, &draft, id, desk.machine.now())?;
        desk.contents.put(&article.content, draft.markdown()).await?;
        if desk.write(None, &article).await? == Commit::Done {
            tracing::info!(article.id = %article.id, article.status = ?article.status, "an article was written");
            return Ok(created(&article));
        }
        match desk.articles.article(&article.id).await? {
            // Two transactions met, and neither was written.
            None => {}
            _ if draft.id().is_some() => return Err(Refusal::NameTaken),
            // The same request once more, whose first answer may have been lost.
            Some(stored) if key.is_some() && transitions::may_change(&caller, &stored).is_ok() => {
                return Ok(created(&stored));
            }
            Some(_) if key.is_some() => return Err(Refusal::NameTaken),
            // One chance in a million million; the next draw is another.
            Some(_) => {}
        }
    }
    Err(Refusal::Busy)
}

async fn change<A: Articles, B: Contents, E, M: Clock>(
    State(desk): Shared<A, B, E, M>,
    Signed(caller): Signed,
    id: Named,
    headers: HeaderMap,
    body: Sent,
) -> Result<Response, Refusal> {
    transitions::may_write(&caller)?;
    let (id, seen) = (named(id)?, seen(&headers)?);
    let draft = draft(body)?;
    for _ in 0..CONFLICTS {
        let before = desk.changeable(&caller, &id, &seen).await?;
        let after = transitions::edit(&caller, &before, &draft, desk.machine.now())?;
        desk.contents.put(&after.content, draft.markdown()).await?;
        if desk.write(Some(&before), &after).await? == Commit::Done {
            let (version, status) = (after.version, after.status);
            tracing::info!(article.id = %id, article.version = version, article.status = ?status, "an article was changed");
            let about = [(header::ETAG, etag(version)), (header::CACHE_CONTROL, NOT_KEPT)];
            return Ok((about, Json(Listed::from(&after))).into_response());
        }
    }
    Err(Refusal::Busy)
}

async fn withdraw<A: Articles, B, E, M: Clock>(
    State(desk): Shared<A, B, E, M>,
    Signed(caller): Signed,
    id: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    transitions::may_write(&caller)?;
    let (id, seen) = (named(id)?, seen(&headers)?);
    for _ in 0..CONFLICTS {
        let before = desk.changeable(&caller, &id, &seen).await?;
        let Some(after) = transitions::withdraw(&caller, &before, desk.machine.now())? else {
            return Ok(StatusCode::NO_CONTENT.into_response());
        };
        if desk.write(Some(&before), &after).await? == Commit::Done {
            tracing::info!(article.id = %id, article.version = after.version, "an article was withdrawn");
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    Err(Refusal::Busy)
}

impl<A: Articles, B, E, M> Desk<A, B, E, M> {
    async fn article(&self, id: &ArticleId) -> Result<Article, Refusal> {
        self.articles.article(id).await?.ok_or(Refusal::Unknown)
    }

    /// Writes an article. What is there already, to the millisecond, was written by this very call: the SDK sends again what
    /// it got no answer to, and the second time is a conflict with the first.
    async fn write(&self, before: Option<&Article>, after: &Article) -> Result<Commit, Refusal> {
        if self.articles.write(before, after).await? == Commit::Done
            || self.articles.article(&after.id).await?.as_ref() == Some(after)
        {
            return Ok(Commit::Done);
        }
        Ok(Commit::Conflict)
    }

    /// The article as the caller has seen it. Whoever may not change it is told that first, and nothing of its version.
    async fn changeable(&self, caller: &Caller, id: &ArticleId, seen: &Seen) -> Result<Article, Refusal> {
        let article = self.article(id).await?;
        transitions::may_change(caller, &article)?;
        if seen.is(article.version) { Ok(article) } else { Err(Refusal::PreconditionFailed) }
    }
}

impl<A, B: Contents, E, M> Desk<A, B, E, M> {
    async fn shown(
        &self,
        article: &Article,
        with_body: bool,
        headers: &HeaderMap,
        kept: HeaderValue,
    ) -> Result<Response, Refusal> {
        let about = [(header::ETAG, etag(article.version)), (header::CACHE_CONTROL, kept)];
        if has_already(headers, article.version) {
            return Ok((StatusCode::NOT_MODIFIED, about).into_response());
        }
        let body = if with_body { Some(self.body(&article.content).await?) } else { None };
        Ok((about, Json(View { summary: Listed::from(article), body })).into_response())
    }

    async fn body(&self, key: &ContentKey) -> Result<view::Body, Refusal> {
        let found = self.contents.content(key).await?;
        let markdown = found.ok_or_else(|| StoreError {
            table: "contents",
            reason: format!("there is no body {}, and the table of articles names it", key.0),
        })?;
        Ok(view::Body { html: markdown::html(&markdown), markdown })
    }
}

fn created(article: &Article) -> Response {
    let location = HeaderValue::try_from(format!("/articles/{}", article.id));
    let about = [
        // A name is of letters, digits and hyphens, which every header takes.
        (header::LOCATION, location.unwrap_or(HeaderValue::from_static("/articles"))),
        (header::ETAG, etag(article.version)),
        (header::CACHE_CONTROL, NOT_KEPT),
    ];
    (StatusCode::CREATED, about, Json(Listed::from(article))).into_response()
}

fn named(id: Named) -> Result<ArticleId, Refusal> {
    let Path(id) = id.map_err(|_| Refusal::Bad("id: must be UTF-8".to_owned()))?;
    Ok(ArticleId::new(id)?)
}

fn seen(headers: &HeaderMap) -> Result<Seen, Refusal> {
    Seen::of(headers).map_err(|unseen| match unseen {
        Unseen::Missing => Refusal::PreconditionRequired,
        Unseen::Malformed => Refusal::Bad("If-Match: must be an ETag, such as \"3\"".to_owned()),
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IntentKey>, Refusal> {
    let given = headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default());
    Ok(given.map(IntentKey::new).transpose()?)
}

fn draft(body: Sent) -> Result<Draft, Refusal> {
    let body = body.map_err(|_| Refusal::TooLarge)?;
    let mut json = serde_json::Deserializer::from_slice(&body);
    let sent: Submission = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        // A missing field, and what is no JSON, has no path; the message names it.
        if path == "." { Refusal::Bad(inner.to_string()) } else { Refusal::of_field(path, inner) }
    })?;
    json.end().map_err(|error| Refusal::Bad(error.to_string()))?;
    Ok(Draft::new(sent)?)
}
