//! The loyalty programme: `POST /v1/members` enrols a subscriber.
//!
//! `{"customer","tier","reference"}` → 201 `{"memberId","points"}`, and 200 with the same for a reference or a customer that it
//! knows: enrolling is idempotent. The key comes as `Authorization: Bearer …`. A customer whose name begins with
//! `no-loyalty` is not eligible: 409 `{"code": "not-eligible"}`, for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    admin::{self, Steered},
    clock::now_millis,
    fault::{Mode, Operation, Switch},
    misbehave,
};

/// What each member begins with.
const WELCOME_POINTS: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrolment {
    customer: String,
    tier: String,
    reference: String,
}

struct Programme {
    api_key: Option<String>,
    switch: Switch,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    calls: u64,
    members: BTreeMap<String, Value>,
    enrolments: Vec<Value>,
}

impl Programme {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enrol(&self, enrolment: &Enrolment) -> Response {
        let mut books = self.books();
        let number = books.members.len() + 1;
        let known = books.members.contains_key(&enrolment.customer);
        let made = || json!({"memberId": format!("m_{number:06}"), "points": WELCOME_POINTS});
        let member = books.members.entry(enrolment.customer.clone()).or_insert_with(made).clone();
        books.enrolments.push(json!({
            "customer": enrolment.customer, "reference": enrolment.reference, "new": !known, "at": now_millis(),
        }));
        let status = if known { StatusCode::OK } else { StatusCode::CREATED };
        (status, Json(member)).into_response()
    }
}

impl Steered for Programme {
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
            "members": books.members,
            "enrolments": books.enrolments,
        })
    }

    fn reset(&self) {
        *self.books() = Books::default();
    }
}

/// The programme's routes, the admin routes among them. Without `api_key` any key that is not empty is accepted.
pub fn routes(api_key: Option<String>) -> Router {
    let programme = Arc::new(Programme { api_key, switch: Switch::default(), books: Mutex::new(Books::default()) });
    Router::new()
        .route("/v1/members", post(enrol))
        .route("/v1/members/{customer}", get(member))
        .with_state(Arc::clone(&programme))
        .merge(admin::routes(programme))
}

async fn enrol(State(programme): State<Arc<Programme>>, headers: HeaderMap, body: Bytes) -> Response {
    programme.books().calls += 1;
    let effect = programme.switch.next(Operation::Enrol);
    if let Some(answer) = misbehave::before(effect, refusal).await {
        return answer;
    }
    if !is_known(&headers, programme.api_key.as_deref()) {
        return refusal(StatusCode::UNAUTHORIZED, "key-refused");
    }
    let answer = match serde_json::from_slice::<Enrolment>(&body) {
        Err(_) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, "malformed"),
        Ok(e) if [&e.customer, &e.tier, &e.reference].iter().any(|text| text.is_empty()) => {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "malformed");
        }
        Ok(e) if effect.mode == Mode::Decline || e.customer.starts_with("no-loyalty") => {
            return refusal(StatusCode::CONFLICT, "not-eligible");
        }
        Ok(enrolment) => programme.enrol(&enrolment),
    };
    misbehave::after(effect, answer).await
}

async fn member(State(programme): State<Arc<Programme>>, Path(customer): Path<String>) -> Response {
    match programme.books().members.get(&customer) {
        Some(member) => Json(member.clone()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "unknown-member"),
    }
}

fn is_known(headers: &HeaderMap, expected: Option<&str>) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.strip_prefix("Bearer ").is_some_and(|key| !key.is_empty() && expected.is_none_or(|expected| key == expected))
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code}))).into_response()
}
