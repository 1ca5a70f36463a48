//! The strangler's routes in operators' hands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use domain::routes::store::RouteRecords;
use domain::routes::{ALARM, AuditLine, Mode, RouteName, RouteRecord, Steering};
use domain::time::Clock;
use lambda_http::request::RequestContext;
use resilience::routes::{Signals, router};
use serde_json::{Value, json};
use testing::clock::VirtualClock;
use testing::routes::MemoryRoutes;
use testing::turn::{Trip, Turnstile};
use tower::ServiceExt;

const ADA: &str = "arn:aws:iam::1:user/ada";

#[derive(Default)]
struct Operators {
    clock: VirtualClock,
    turns: Turnstile,
    routes: MemoryRoutes,
}

impl Operators {
    fn new() -> Self {
        let turns = Turnstile::default();
        let routes = MemoryRoutes::new(turns.clone());
        routes.set_parameter("{}");
        Self { turns, routes, ..Self::default() }
    }

    async fn send(&self, method: &str, path: &str, body: &str, caller: Option<&str>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let context = json!({"identity": {"userArn": caller}, "httpMethod": method, "authorizer": {}});
        let context = RequestContext::ApiGatewayV1(serde_json::from_value(context).unwrap());
        request.extensions_mut().insert(context);
        let signals =
            Signals { records: self.routes.clone(), parameter: self.routes.clone(), clock: self.clock.clone() };
        let response = router(signals).oneshot(request).await.unwrap();
        let status = response.status();
        if !status.is_success() {
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
        }
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 100_000).await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, "", Some(ADA)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn steer(&self, route: &str, order: Value) -> Value {
        let (status, body) = self.send("POST", &format!("/ops/routes/{route}"), &order.to_string(), Some(ADA)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

#[tokio::test]
async fn a_route_that_nobody_steered_is_the_monoliths() {
    let shown = Operators::new().get("/ops/routes/search").await;
    assert_eq!(
        shown,
        json!({
            "route": "search", "mode": "monolith", "percent": 0, "since": null, "by": null, "why": null, "revision": 0,
            "inForce": {"mode": "monolith", "percent": 0}, "audit": [],
        })
    );
}

#[tokio::test]
async fn every_route_is_listed_with_what_readers_follow() {
    let operators = Operators::new();
    operators.routes.set_parameter(r#"{"articles": {"mode": "canary", "percent": 5}}"#);
    let listed = operators.get("/ops/routes").await;
    let shown: Vec<_> =
        listed["routes"].as_array().unwrap().iter().map(|r| (r["route"].clone(), r["inForce"].clone())).collect();
    let monolith = json!({"mode": "monolith", "percent": 0});
    let canary = json!({"mode": "canary", "percent": 5});
    assert_eq!(shown, [(json!("search"), monolith), (json!("articles"), canary)]);
}

#[tokio::test]
async fn an_order_is_kept_with_who_and_why() {
    let operators = Operators::new();
    let shadow = operators.steer("search", json!({"mode": "shadow", "percent": 100, "why": "look first"})).await;
    assert_eq!((&shadow["mode"], &shadow["percent"], &shadow["revision"]), (&json!("shadow"), &json!(100), &json!(1)));
    assert_eq!(shadow["inForce"]["mode"], "monolith", "nothing follows by itself");
    let modern = operators.steer("search", json!({"mode": "modern", "why": "nothing differs"})).await;
    assert_eq!((&modern["by"], &modern["why"]), (&json!(ADA), &json!("nothing differs")));
    assert_eq!((&modern["percent"], &modern["revision"]), (&json!(100), &json!(2)));
    let audit: Vec<_> = modern["audit"].as_array().unwrap().iter().map(|line| line["mode"].clone()).collect();
    assert_eq!(audit, [json!("modern"), json!("shadow")], "the latest first");
    let stored = operators.routes.stored(RouteName::Search).unwrap();
    assert_eq!((stored.revision, stored.value.from.mode), (2, Mode::Shadow));
    assert_eq!(operators.routes.stored(RouteName::Articles), None);
}

#[tokio::test]
async fn a_person_may_steer_on_after_the_alarm() {
    let operators = Operators::new();
    let to = Steering::default();
    let line = AuditLine { at: operators.clock.now(), by: ALARM.to_owned(), to, why: "5 of 5 failed".to_owned() };
    let rolled_back = RouteRecord::steered(None, line);
    assert!(operators.routes.write(RouteName::Search, &rolled_back, None).await.is_ok());
    let shown = operators.get("/ops/routes/search").await;
    assert_eq!((&shown["by"], &shown["why"]), (&json!("alarm"), &json!("5 of 5 failed")));
    let canary = operators.steer("search", json!({"mode": "canary", "percent": 1, "why": "repaired"})).await;
    assert_eq!((&canary["revision"], &canary["audit"][1]["by"]), (&json!(2), &json!("alarm")));
}

#[tokio::test]
async fn nobody_steers_anonymously_without_a_reason_or_out_of_bounds() {
    let operators = Operators::new();
    let long = "x".repeat(501);
    let wrong = [
        (json!({"mode": "modern", "why": "x"}), None, "search", StatusCode::FORBIDDEN),
        (json!({"mode": "modern", "why": " "}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "modern", "why": long}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "modern"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "Modern", "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "canary", "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "canary", "percent": null, "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "canary", "percent": 101, "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "canary", "percent": 1.5, "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "monolith", "percent": 5, "why": "x"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "modern", "why": "x", "by": "me"}), Some(ADA), "search", StatusCode::BAD_REQUEST),
        (json!({"mode": "modern", "why": "x"}), Some(ADA), "comments", StatusCode::NOT_FOUND),
    ];
    for (order, caller, route, expected) in wrong {
        let (status, problem) =
            operators.send("POST", &format!("/ops/routes/{route}"), &order.to_string(), caller).await;
        assert_eq!((status, problem["status"].as_u64()), (expected, Some(expected.as_u16().into())), "{order}");
    }
    assert_eq!(operators.routes.stored(RouteName::Search), None, "nothing was written");
    let (status, _) = operators.send("DELETE", "/ops/routes/search", "", Some(ADA)).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_table_that_gives_no_answer_is_a_problem_and_not_a_guess() {
    let operators = Operators::new();
    for (method, path, body) in [
        ("GET", "/ops/routes", ""),
        ("GET", "/ops/routes/search", ""),
        ("POST", "/ops/routes/search", r#"{"mode": "modern", "why": "x"}"#),
    ] {
        operators.turns.trip(Trip::BeforeEffect);
        let (status, problem) = operators.send(method, path, body, Some(ADA)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        assert!(!problem.to_string().contains("tripped"), "no internal word gets out: {problem}");
    }
}

/// Two persons at once: both orders are kept, one after the other, and none is lost.
#[tokio::test]
async fn two_orders_at_once_both_count() {
    let operators = Operators::new();
    let one = operators.steer("search", json!({"mode": "canary", "percent": 10, "why": "one"}));
    let other = operators.steer("search", json!({"mode": "canary", "percent": 20, "why": "other"}));
    tokio::join!(one, other);
    let stored = operators.routes.stored(RouteName::Search).unwrap();
    assert_eq!((stored.revision, stored.value.audit.len()), (2, 2));
}
