//! The newsletter, in the part of Mailchimp's marketing API that the platform uses:
//! `PUT /3.0/lists/{list}/members/{subscriber_hash}` adds or updates a member; the hash is the MD5 of the address in lower
//! case (<https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/>).
//!
//! The key comes as `Authorization: Bearer …`. An address below `example.invalid` is refused for good, as Mailchimp refuses what
//! looks fake. The journal has the arrival of each request, so that a test can measure the rate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    admin::{self, Steered},
    clock::now_millis,
    fault::{Operation, Switch},
    misbehave,
};

/// The only list that there is.
pub const LIST: &str = "newscience";

#[derive(Debug, Deserialize)]
struct Member {
    email_address: String,
    status_if_new: String,
}

struct Newsletter {
    api_key: Option<String>,
    switch: Switch,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    calls: u64,
    arrivals: Vec<u64>,
    members: BTreeMap<String, Value>,
}

impl Newsletter {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steered for Newsletter {
    fn switch(&self) -> &Switch {
        &self.switch
    }

    fn journal(&self) -> Value {
        let books = self.books();
        json!({
            "calls": books.calls,
            "affected": self.switch.affected(),
            "captures": [],
            "refunds": [],
            "arrivals": books.arrivals,
            "members": books.members,
        })
    }

    fn reset(&self) {
        *self.books() = Books::default();
    }
}

/// The newsletter's routes, the admin routes among them. Without `api_key` any key that is not empty is accepted.
pub fn routes(api_key: Option<String>) -> Router {
    let newsletter = Arc::new(Newsletter { api_key, switch: Switch::default(), books: Mutex::new(Books::default()) });
    Router::new()
        .route("/3.0/lists/{list}/members/{hash}", put(subscribe))
        .with_state(Arc::clone(&newsletter))
        .merge(admin::routes(newsletter))
}

async fn subscribe(
    State(newsletter): State<Arc<Newsletter>>,
    Path((list, hash)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    {
        let mut books = newsletter.books();
        books.calls += 1;
        books.arrivals.push(now_millis());
    }
    let effect = newsletter.switch.next(Operation::Subscribe);
    if let Some(answer) = misbehave::before(effect, problem).await {
        return answer;
    }
    if !is_known(&headers, newsletter.api_key.as_deref()) {
        return problem(StatusCode::UNAUTHORIZED, "Your API key may be invalid.");
    }
    if list != LIST {
        return problem(StatusCode::NOT_FOUND, "The requested resource could not be found.");
    }
    let Ok(member) = serde_json::from_slice::<Member>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "The resource submitted could not be validated.");
    };
    let address = member.email_address.trim().to_lowercase();
    if !address.contains('@') || address.ends_with("example.invalid") {
        return problem(
            StatusCode::BAD_REQUEST,
            "The address looks fake or invalid, please enter a real email address.",
        );
    }
    if hash != format!("{:x}", Md5::digest(&address)) {
        return problem(StatusCode::BAD_REQUEST, "The hash is not that of the address.");
    }
    let said = json!({"id": hash, "email_address": member.email_address, "status": member.status_if_new});
    newsletter.books().members.insert(hash, said.clone());
    misbehave::after(effect, Json(said).into_response()).await
}

fn is_known(headers: &HeaderMap, expected: Option<&str>) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.strip_prefix("Bearer ").is_some_and(|key| !key.is_empty() && expected.is_none_or(|expected| key == expected))
}

/// Mailchimp's errors are problem details.
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    (status, Json(json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail})))
        .into_response()
}
