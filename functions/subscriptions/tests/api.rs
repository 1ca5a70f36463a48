//! What customers see: their own subscriptions, and no others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use axum::body::{Body, to_bytes};
use axum::http::{Response, StatusCode};
use domain::intent::IntentMessage;
use domain::ledger::store::{Change, Ledger, LockChange};
use domain::ledger::{Intent, Status, Style, Terms};
use domain::money::{Currency, Money};
use domain::store::Commit;
use domain::time::Timestamp;
use lambda_http::RequestExt;
use serde_json::Value;
use std::time::Duration;
use subscriptions::api::router;
use testing::ledger::MemoryLedger;
use testing::turn::Turnstile;
use tower::ServiceExt;

const KEY: &str = "00000000-0000-4000-8000-000000000001";

/// A ledger in which Ada has an active subscription.
async fn ledger() -> MemoryLedger {
    let ledger = MemoryLedger::new(Turnstile::default());
    let body = r#"{"tier": "premium", "paymentMethod": "pm_cardVisa4242"}"#;
    let message = format!(r#"{{"customer": "ada", "key": "{KEY}", "body": {body}, "acceptedAt": 1000}}"#);
    let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
    let terms = Terms { price, max_intent_age: Duration::from_hours(72), style: Style::Hybrid };
    let accepted = Intent::accepted(&IntentMessage::parse(&message).unwrap(), &terms, Timestamp(2000));
    let intent = Intent { status: Status::Active, ..accepted };
    let change = Change { intent, based_on: None, lock: LockChange::Keep, case: None, events: Vec::new() };
    assert_eq!(ledger.commit(change).await.unwrap(), Commit::Done);
    ledger
}

async fn get(customer: &str, path: &str) -> Response<Body> {
    let event = serde_json::json!({
        "resource": path, "path": path, "httpMethod": "GET", "headers": {"host": "api"},
        "requestContext": {"accountId": "1", "resourceId": "r", "stage": "prod", "requestId": "id-1", "apiId": "a",
            "identity": {"sourceIp": "127.0.0.1"}, "resourcePath": path, "httpMethod": "GET", "path": path,
            "authorizer": {"claims": {"sub": customer}}}
    });
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert!(request.request_context_ref().is_some());
    let (parts, _) = request.into_parts();
    let mut request = axum::http::Request::from_parts(parts, Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    router(ledger().await).oneshot(request).await.unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_customer_sees_their_own() {
    let one = get("ada", &format!("/subscriptions/{KEY}")).await;
    assert_eq!(one.status(), StatusCode::OK);
    assert_eq!(one.headers()["cache-control"], "no-store");
    let one = json(one).await;
    assert_eq!((one["status"].as_str(), one["since"].as_str()), (Some("active"), Some("1970-01-01T00:00:02Z")));
    let all = json(get("ada", "/subscriptions").await).await;
    assert_eq!(all["subscriptions"], Value::Array(vec![one]));
}

#[tokio::test]
async fn nobody_sees_anothers() {
    let one = get("bob", &format!("/subscriptions/{KEY}")).await;
    assert_eq!((one.status(), &one.headers()["retry-after"]), (StatusCode::NOT_FOUND, &"1".parse().unwrap()));
    assert_eq!(json(get("bob", "/subscriptions").await).await["subscriptions"], Value::Array(vec![]));
}

#[tokio::test]
async fn a_key_that_is_no_uuid_is_named() {
    let problem = get("ada", "/subscriptions/4242").await;
    assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
    assert!(json(problem).await["detail"].as_str().unwrap().contains("Idempotency-Key"));
}
