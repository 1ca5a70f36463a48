//! The routes through which a test steers a stand-in and asks it what happened.
//!
//! | route | does |
//! | --- | --- |
//! | `PUT /admin/fault` | orders a [`Fault`]; answers the order that now holds |
//! | `GET /admin/journal` | what was called and done since the start, or the last reset |
//! | `POST /admin/reset` | no fault, an empty journal; what was saved under old identifiers is forgotten |

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post, put},
};
use serde_json::Value;

use crate::{
    fault::{Fault, Switch},
    problem::Problem,
};

/// A provider that can be steered.
pub trait Steered: Send + Sync + 'static {
    /// Its fault switch.
    fn switch(&self) -> &Switch;

    /// What it did: `{"calls", "captures", "refunds", …}`.
    fn journal(&self) -> Value;

    /// Starts anew.
    fn reset(&self);
}

/// The admin routes of a provider.
pub fn routes<P: Steered>(provider: Arc<P>) -> Router {
    Router::new()
        .route("/admin/fault", put(order_fault::<P>))
        .route("/admin/journal", get(read_journal::<P>))
        .route("/admin/reset", post(reset::<P>))
        .with_state(provider)
}

async fn order_fault<P: Steered>(State(provider): State<Arc<P>>, body: Bytes) -> Result<Json<Value>, Problem> {
    let order = serde_json::from_slice(&body).map_err(|_| Problem::with("body", "must be a JSON object"))?;
    Ok(Json(provider.switch().set(Fault::parse(&order)?)))
}

async fn read_journal<P: Steered>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.journal())
}

async fn reset<P: Steered>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.switch().reset();
    provider.reset();
    StatusCode::NO_CONTENT
}
