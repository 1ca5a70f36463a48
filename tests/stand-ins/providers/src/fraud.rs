//! The fraud check: `POST /v1/checks` scores a charge before money is taken.
//!
//! `{"intent","charge","customer","tier","amount","currency","paymentMethod"}` →
//! `{"verdict": "pass" | "reject", "score": 0..100}`, the same verdict whenever the same charge is asked about. The key
//! comes in `x-api-key`. A `Range` header, as an HTTP task of Step Functions may send one, is answered with 206.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    admin::{self, Steered},
    behaviour::Behaviour,
    clock::now_millis,
    fault::{Mode, Operation, Switch},
    misbehave,
};

/// The payment method decides; the score only has to agree with the verdict.
const SCORE_OF_A_FRAUDSTER: u8 = 97;
const SCORE_OF_A_READER: u8 = 4;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Check {
    intent: String,
    charge: String,
    customer: String,
    tier: String,
    amount: u64,
    currency: String,
    payment_method: String,
}

impl Check {
    fn is_complete(&self) -> bool {
        let texts = [&self.intent, &self.charge, &self.customer, &self.tier, &self.currency, &self.payment_method];
        self.amount > 0 && texts.iter().all(|text| !text.is_empty())
    }
}

struct Provider {
    api_key: Option<String>,
    switch: Switch,
    journal: Mutex<Journal>,
}

#[derive(Default)]
struct Journal {
    calls: u64,
    checks: Vec<Value>,
}

impl Provider {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, check: &Check, reject: bool) -> Value {
        let fraudster = reject || Behaviour::of(&check.payment_method) == Behaviour::Fraudster;
        let (verdict, score) = if fraudster { ("reject", SCORE_OF_A_FRAUDSTER) } else { ("pass", SCORE_OF_A_READER) };
        self.journal().checks.push(json!({
            "intent": check.intent, "charge": check.charge, "verdict": verdict, "at": now_millis(),
        }));
        json!({"verdict": verdict, "score": score})
    }
}

impl Steered for Provider {
    fn switch(&self) -> &Switch {
        &self.switch
    }

    fn journal(&self) -> Value {
        let journal = self.journal();
        // No money moves here; the lists are there so that all journals can be read in the same way.
        json!({
            "calls": journal.calls,
            "affected": self.switch.affected(),
            "captures": [],
            "refunds": [],
            "checks": journal.checks,
        })
    }

    fn reset(&self) {
        *self.journal() = Journal::default();
    }
}

/// The provider's routes, the admin routes among them. Without `api_key` any key that is not empty is accepted.
pub fn routes(api_key: Option<String>) -> Router {
    let provider = Arc::new(Provider { api_key, switch: Switch::default(), journal: Mutex::new(Journal::default()) });
    Router::new().route("/v1/checks", post(check)).with_state(Arc::clone(&provider)).merge(admin::routes(provider))
}

async fn check(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Response {
    provider.journal().calls += 1;
    let effect = provider.switch.next(Operation::Check);
    if let Some(answer) = misbehave::before(effect, refusal).await {
        return answer;
    }
    if !is_known(&headers, provider.api_key.as_deref()) {
        return refusal(StatusCode::UNAUTHORIZED, "x-api-key is missing or wrong.");
    }
    let verdict = match serde_json::from_slice::<Check>(&body) {
        Ok(check) if check.is_complete() => provider.check(&check, effect.mode == Mode::Decline),
        Ok(_) => return refusal(StatusCode::BAD_REQUEST, "No field may be empty, and the amount not zero."),
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    misbehave::after(effect, ranged(&headers, verdict.to_string())).await
}

fn is_known(headers: &HeaderMap, expected: Option<&str>) -> bool {
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    !key.is_empty() && expected.is_none_or(|expected| key == expected)
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

/// 206 with the asked-for part to a request with a range of bytes, else 200.
fn ranged(headers: &HeaderMap, body: String) -> Response {
    let content_type = (header::CONTENT_TYPE, "application/json".to_owned());
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(first_and_last);
    match asked {
        Some((first, last)) if first < body.len() => {
            let last = last.min(body.len() - 1);
            let range = (header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", body.len()));
            let part = Bytes::from(body).slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, [content_type, range], part).into_response()
        }
        _ => ([content_type], body).into_response(),
    }
}

/// `bytes=0-262143` and `bytes=0-`; other forms are left unanswered, as a server may.
fn first_and_last(range: &str) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    (first <= last).then_some((first, last))
}
