//! What readers are told while intents wait: the banner, from the parameter that the pipeline breaker projects.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use domain::pipeline::{BreakerState, ProjectionSource};
use lambda::problem::Problem;
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

/// The route over a source.
pub fn router<S: ProjectionSource + Send + Sync + 'static>(source: S) -> Router {
    Router::new()
        .route("/processing-status", get(status::<S>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only reading is allowed here.")
        })
        .with_state(Arc::new(source))
}

async fn status<S: ProjectionSource>(
    State(source): State<Arc<S>>,
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
