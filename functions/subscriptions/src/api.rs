//! What customers see of their subscriptions: their own, and no others.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::intent::{IntentId, IntentKey};
use domain::ledger::store::{IntentLists, Ledger};
use domain::ledger::{Intent, customer_message};
use domain::store::StoreError;
use lambda::http::Customer;
use lambda::problem::Problem;
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;

/// One subscription as its customer sees it.
#[derive(Debug, Serialize)]
struct Subscription {
    key: IntentKey,
    tier: &'static str,
    status: &'static str,
    since: Option<String>,
    message: &'static str,
}

impl From<&Intent> for Subscription {
    fn from(intent: &Intent) -> Self {
        Self {
            key: intent.key.clone(),
            tier: intent.body.tier.as_str(),
            status: intent.status.as_str(),
            since: intent.updated_at.rfc3339(),
            message: customer_message(intent),
        }
    }
}

/// The routes over a ledger.
pub fn router<L: Ledger + IntentLists + Send + Sync + 'static>(ledger: L) -> Router {
    Router::new()
        .route("/subscriptions", get(list::<L>))
        .route("/subscriptions/{key}", get(one::<L>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only reading is allowed here.")
        })
        .with_state(Arc::new(ledger))
}

const NO_STORE: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

async fn list<L: IntentLists>(
    State(ledger): State<Arc<L>>,
    Customer(customer): Customer,
) -> Result<impl axum::response::IntoResponse, Problem> {
    let intents = ledger.of_customer(&customer).await.map_err(|e| unavailable(&e))?;
    let subscriptions: Vec<Subscription> = intents.iter().map(Subscription::from).collect();
    Ok((NO_STORE, Json(serde_json::json!({ "subscriptions": subscriptions }))))
}

async fn one<L: Ledger>(
    State(ledger): State<Arc<L>>,
    Customer(customer): Customer,
    Path(key): Path<String>,
) -> Result<impl axum::response::IntoResponse, Problem> {
    let key = IntentKey::new(key).map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
    let found = ledger.intent(&customer, &IntentId::of(&customer, &key)).await.map_err(|e| unavailable(&e))?;
    let intent = found.ok_or_else(|| {
        let detail = "This request is not recorded (yet). Just sent? Then ask again in a second.";
        Problem::new(StatusCode::NOT_FOUND, detail).retry_after(1)
    })?;
    Ok((NO_STORE, Json(Subscription::from(&intent.value))))
}

fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(error = %error, "the ledger could not be read");
    Problem::unavailable()
}
