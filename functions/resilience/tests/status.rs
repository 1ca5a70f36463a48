//! What readers are told while intents wait.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use domain::pipeline::ProjectionSource;
use domain::services::ServiceError;
use resilience::status::router;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testing::clock::VirtualClock;
use tower::ServiceExt;

#[derive(Clone)]
struct Stored(Option<String>, Arc<AtomicU32>);

impl ProjectionSource for Stored {
    async fn read(&self) -> Result<String, ServiceError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let missing = || ServiceError { service: "test", reason: "down".to_owned() };
        self.0.clone().ok_or_else(missing)
    }
}

async fn ask(stored: Option<&Value>) -> Response<Body> {
    let request = Request::get("/processing-status").body(Body::empty()).unwrap();
    router(Stored(stored.map(Value::to_string), Arc::default()), VirtualClock::default())
        .oneshot(request)
        .await
        .unwrap()
}

async fn body(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap()
}

#[tokio::test]
async fn readers_see_a_delay_while_intents_wait_and_none_while_they_flow() {
    let states = [
        ("closed", "normal"),
        ("disabled", "normal"),
        ("open", "delayed"),
        ("half_open", "delayed"),
        ("forced_open", "delayed"),
    ];
    for (state, told) in states {
        let stored = json!({"state": state, "generation": 3, "since": "2027-01-15T08:00:00Z", "reason": "op: secret"});
        let response = ask(Some(&stored)).await;
        assert_eq!(response.headers()["cache-control"], "max-age=5");
        let answer = body(response).await;
        assert_eq!((answer["state"].as_str(), answer["since"].as_str()), (Some(told), Some("2027-01-15T08:00:00Z")));
        assert!(!answer.to_string().contains("secret"), "the operators' reason is not for readers");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_and_not_a_guess() {
    for stored in [None, Some(json!("open")), Some(json!({"state": "ajar", "generation": 1}))] {
        let response = ask(stored.as_ref()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn many_readers_are_one_reading_every_five_seconds() {
    let stored = Stored(Some(json!({"state": "open", "generation": 1}).to_string()), Arc::default());
    let clock = VirtualClock::default();
    let router = router(stored.clone(), clock.clone());
    for _ in 0..3 {
        for _ in 0..10 {
            let request = Request::get("/processing-status").body(Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
        }
        clock.advance(Duration::from_secs(5));
    }
    assert_eq!(stored.1.load(Ordering::Relaxed), 3);
}
