//! What readers and partners ask.

use crate::view::{SearchView, SuggestionsView};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Parameters, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::cursor::{BadCursor, Signer};
use domain::intent::Invalid;
use domain::search::parameters::{self, Asked};
use domain::search::{AfterHit, SearchIndex};
use domain::services::ServiceError;
use lambda::problem::Problem;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use std::sync::Arc;

/// Says which side of the façade answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
/// What is published appears within seconds.
const BRIEFLY: HeaderValue = HeaderValue::from_static("max-age=5");
/// Who types goes back and forth over the same beginnings.
const FOR_A_WHILE: HeaderValue = HeaderValue::from_static("max-age=60");

/// What the routes stand on.
pub struct Desk<I> {
    /// The index.
    pub index: I,
    /// Signs the cursors.
    pub signer: Signer,
}

/// The routes over an index.
pub fn router<I: SearchIndex + Send + Sync + 'static>(desk: Desk<I>) -> Router {
    Router::new()
        .route("/search", get(search::<I>))
        .route("/search/suggest", get(suggest::<I>))
        .route("/partner/search", get(search::<I>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only reading is allowed here.")
        })
        .layer(map_response(|mut response: Response| async move {
            response.headers_mut().insert(SERVED_BY, HeaderValue::from_static("modern"));
            response
        }))
        .with_state(Arc::new(desk))
}

/// Why there is no answer.
#[derive(Debug)]
enum Refusal {
    Bad(String),
    Unavailable(ServiceError),
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Bad(invalid.to_string())
    }
}

impl From<BadCursor> for Refusal {
    fn from(bad: BadCursor) -> Self {
        Self::Bad(bad.to_string())
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Unavailable(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Bad(detail) => Problem::new(StatusCode::BAD_REQUEST, detail).into_response(),
            Self::Unavailable(error) => {
                tracing::error!(error = %error, "a question had no answer");
                Problem::unavailable().into_response()
            }
        }
    }
}

type Pairs = Result<Parameters<Vec<(String, String)>>, QueryRejection>;

fn pairs(pairs: Pairs) -> Result<Vec<(String, String)>, Refusal> {
    pairs.map(|Parameters(pairs)| pairs).map_err(|_| Refusal::Bad("the query string cannot be read".to_owned()))
}

async fn search<I: SearchIndex>(State(desk): State<Arc<Desk<I>>>, given: Pairs) -> Result<impl IntoResponse, Refusal> {
    let Asked { query, cursor } = parameters::search(&pairs(given)?)?;
    let purpose = query.purpose();
    let query = match cursor {
        Some(cursor) => query.after(desk.signer.open::<AfterHit>(&purpose, &cursor)?)?,
        None => query,
    };
    let found = desk.index.search(&query).await?;
    let next = found.next.as_ref().map(|place| desk.signer.seal(&purpose, place));
    Ok(([(CACHE_CONTROL, BRIEFLY)], Json(SearchView::of(found, next))))
}

async fn suggest<I: SearchIndex>(State(desk): State<Arc<Desk<I>>>, given: Pairs) -> Result<impl IntoResponse, Refusal> {
    let beginning = parameters::suggestion(&pairs(given)?)?;
    let suggestions = desk.index.suggest(&beginning).await?;
    Ok(([(CACHE_CONTROL, FOR_A_WHILE)], Json(SuggestionsView::of(suggestions))))
}

/// Asks once before readers do: the first question opens connections, or fetches the index.
pub async fn warm(index: &impl SearchIndex) {
    if let Ok(Asked { query, .. }) = parameters::search(&[])
        && let Err(error) = index.search(&query).await
    {
        tracing::warn!(error = %error, "the first question had no answer");
    }
}
