//! What readers are told while intents wait: the banner, from the parameter that the pipeline breaker projects.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use domain::breaker::BreakerState;
use domain::pipeline::ProjectionSource;
use domain::services::ServiceError;
use domain::time::{Clock, Timestamp};
use lambda::problem::Problem;
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The parameter's value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusParameter {
    /// The breaker's state.
    pub state: BreakerState,
    /// The record's generation.
    pub generation: u64,
    /// Since when, RFC 3339; empty before the first change.
    #[serde(default)]
    pub since: String,
    /// Who changed it and why; for operators, never shown to readers.
    #[serde(default)]
    pub reason: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    state: &'static str,
    message: &'static str,
    since: Option<String>,
}

/// How long one reading serves all readers of a function: many open pages must not use up the account's requests.
const FRESH: Duration = Duration::from_secs(5);

/// A source, and what it said last.
struct Cached<S, C> {
    source: S,
    clock: C,
    last: Mutex<Option<(Timestamp, String)>>,
}

impl<S: ProjectionSource, C: Clock> Cached<S, C> {
    async fn read(&self) -> Result<String, ServiceError> {
        let now = self.clock.now();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, text)) = last.filter(|(at, _)| at.plus(FRESH) > now) {
            tracing::debug!(read.at = at.0, "served from the last reading");
            return Ok(text);
        }
        let text = self.source.read().await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, text.clone()));
        Ok(text)
    }
}

/// The route over a source.
pub fn router<S, C>(source: S, clock: C) -> Router
where
    S: ProjectionSource + Send + Sync + 'static,
    C: Clock + Send + Sync + 'static,
{
    let cached = Cached { source, clock, last: Mutex::new(None) };
    Router::new()
        .route("/processing-status", get(status::<S, C>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only reading is allowed here.")
        })
        .with_state(Arc::new(cached))
}

async fn status<S: ProjectionSource, C: Clock>(
    State(source): State<Arc<Cached<S, C>>>,
) -> Result<impl axum::response::IntoResponse, Problem> {
    let text = source.read().await.map_err(|error| {
        tracing::error!(error = %error, "the processing status could not be read");
        Problem::unavailable()
    })?;
    let parameter: StatusParameter = serde_json::from_str(&text).map_err(|error| {
        tracing::error!(error = %error, "the processing status is no status");
        Problem::unavailable()
    })?;
    let (state, message) = if parameter.state.lets_flow() {
        ("normal", "Subscriptions are processed as usual.")
    } else {
        ("delayed", "Subscriptions take longer than usual. Your request is safe with us and will be processed.")
    };
    let since = Some(parameter.since).filter(|since| !since.is_empty());
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static("max-age=5"))];
    Ok((cache, Json(Answer { state, message, since })))
}
