//! The gates in operators' hands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod machine;

use admission::Admission;
use admission::observer::Unobserved;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use domain::gate::report::Outcome;
use domain::time::Clock;
use lambda_http::request::RequestContext;
use machine::{Machine, gates};
use resilience::breakers::{Board, router};
use serde_json::{Value, json};
use std::time::Duration;
use testing::gates::MemoryGates;
use testing::turn::Trip;
use tower::ServiceExt;

const ADA: &str = "arn:aws:iam::1:user/ada";

struct Operators {
    machine: Machine,
    admission: Admission<MemoryGates, Machine, Unobserved>,
}

impl Operators {
    fn new() -> Self {
        let knobs = json!({
            "ratePerSecond": 10, "burst": 5, "overlap": 1, "callTimeoutMs": 1000, "storeUnreachable": "refuse",
            "minimumNumberOfCalls": 2, "minimumFailures": 2, "breakDurationMs": 10_000,
        });
        let mut sharded = knobs.clone();
        sharded["shards"] = json!(2);
        sharded["burst"] = json!(10);
        sharded["ratePerSecond"] = json!(20);
        let machine = Machine::default();
        let admission = machine.admission(gates(&json!({"fraud": knobs, "payment": sharded})));
        Self { machine, admission }
    }

    async fn send(&self, method: &str, path: &str, body: &str, caller: Option<&str>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let context = json!({"identity": {"userArn": caller}, "httpMethod": method, "authorizer": {}});
        let context = RequestContext::ApiGatewayV1(serde_json::from_value(context).unwrap());
        request.extensions_mut().insert(context);
        let board = Board { admission: self.admission.clone(), clock: self.machine.clone() };
        let response = router(board).oneshot(request).await.unwrap();
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

    async fn order(&self, name: &str, action: &str, why: &str) -> Value {
        let body = json!({"action": action, "why": why}).to_string();
        let (status, body) = self.send("POST", &format!("/ops/breakers/{name}"), &body, Some(ADA)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn call(&self, name: &str, outcome: Outcome) {
        let permit = self.admission.admit(name, 1, self.machine.now()).await.unwrap();
        self.admission.report(&permit, outcome).await.unwrap();
    }
}

#[tokio::test]
async fn a_gate_that_nobody_has_called_is_closed_and_full() {
    let operators = Operators::new();
    let shown = operators.get("/ops/breakers/fraud").await;
    let now = operators.machine.now().0;
    assert_eq!(
        shown,
        json!({
            "dependency": "fraud", "state": "closed", "generation": 0, "since": null, "until": null, "opens": 0,
            "by": "gate", "why": "never called", "window": {"calls": 0, "failures": 0, "slow": 0},
            "permits": {"count": 0, "of": 3}, "successes": {"count": 0, "of": 2}, "notBefore": null, "nextSlot": now,
            "tokensAvailable": 4, "tokensAtMost": 4, "shards": 1, "audit": [],
        })
    );
}

#[tokio::test]
async fn every_configured_gate_is_listed_and_no_other() {
    let operators = Operators::new();
    operators.call("payment", Outcome::Success).await;
    let listed = operators.get("/ops/breakers").await;
    let names: Vec<&str> =
        listed["breakers"].as_array().unwrap().iter().map(|b| b["dependency"].as_str().unwrap()).collect();
    assert_eq!(names, ["fraud", "payment"]);
    let payment = &listed["breakers"][1];
    assert_eq!((&payment["window"]["calls"], &payment["tokensAvailable"]), (&json!(1), &json!(7)));
    let (status, problem) = operators.send("GET", "/ops/breakers/loyalty", "", Some(ADA)).await;
    assert_eq!((status, &problem["status"]), (StatusCode::NOT_FOUND, &json!(404)));
}

#[tokio::test]
async fn what_opened_a_gate_and_until_when_is_shown() {
    let operators = Operators::new();
    operators.call("fraud", Outcome::Slow).await;
    operators.call("fraud", Outcome::Failure).await;
    let closed = operators.get("/ops/breakers/fraud").await;
    assert_eq!(closed["window"], json!({"calls": 2, "failures": 1, "slow": 1}));
    assert_eq!((&closed["state"], &closed["tokensAvailable"]), (&json!("closed"), &json!(2)));
    operators.call("fraud", Outcome::Failure).await;
    let open = operators.get("/ops/breakers/fraud").await;
    assert_eq!((&open["state"], &open["by"], &open["opens"]), (&json!("open"), &json!("gate"), &json!(1)));
    assert_eq!((&open["why"], &open["since"]), (&json!("2 of 3 calls failed."), &json!(operators.machine.now().0)));
    assert!(open["until"].as_i64().unwrap() >= operators.machine.now().0 + 10_000);
    assert_eq!(open["nextSlot"], open["until"], "no call before its first trial");
    operators.machine.clock.advance(Duration::from_secs(12));
    let trial = operators.admission.admit("fraud", 1, operators.machine.now()).await.unwrap();
    let half_open = operators.get("/ops/breakers/fraud").await;
    assert_eq!(half_open["permits"], json!({"count": 1, "of": 3}));
    operators.admission.report(&trial, Outcome::Success).await.unwrap();
    assert_eq!(operators.get("/ops/breakers/fraud").await["successes"], json!({"count": 1, "of": 2}));
}

#[tokio::test]
async fn a_hold_of_the_provider_is_shown_as_the_next_slot() {
    let operators = Operators::new();
    operators.call("fraud", Outcome::PushedBack(Some(Duration::from_mins(1)))).await;
    let held = operators.get("/ops/breakers/fraud").await;
    let end = operators.machine.now().0 + 60_250;
    assert_eq!((&held["notBefore"], &held["nextSlot"]), (&json!(end), &json!(end)));
    assert_eq!(held["tokensAvailable"], 0);
}

#[tokio::test]
async fn an_order_takes_effect_at_once_and_is_kept_with_who_and_why() {
    let operators = Operators::new();
    for name in ["fraud", "payment"] {
        let forced = operators.order(name, "force-open", "their status page says so").await;
        assert_eq!((&forced["state"], &forced["nextSlot"]), (&json!("forced_open"), &Value::Null));
        assert_eq!((&forced["by"], &forced["why"]), (&json!(ADA), &json!("their status page says so")));
        assert!(operators.admission.admit(name, 1, operators.machine.now()).await.is_err());
        let disabled = operators.order(name, "disable", "let it run").await;
        assert_eq!(disabled["state"], "disabled");
        let closed = operators.order(name, "force-close", "repaired").await;
        assert_eq!(closed["state"], "closed");
        assert_eq!(closed["generation"].as_u64().unwrap(), forced["generation"].as_u64().unwrap() + 2);
        let audit = operators.get(&format!("/ops/breakers/{name}")).await["audit"].clone();
        let orders: Vec<&str> = audit.as_array().unwrap().iter().map(|l| l["order"].as_str().unwrap()).collect();
        assert_eq!(orders, ["force-close", "disable", "force-open"], "the latest first");
        assert_eq!((&audit[2]["by"], &audit[2]["why"]), (&json!(ADA), &json!("their status page says so")));
        assert_eq!(audit[2]["generation"], forced["generation"]);
        operators.call(name, Outcome::Success).await;
    }
}

#[tokio::test]
async fn nobody_gives_orders_anonymously_or_without_a_reason() {
    let operators = Operators::new();
    let order = |action: &str, why: &str| json!({"action": action, "why": why}).to_string();
    let long = "x".repeat(501);
    let wrong = [
        (order("force-open", "x"), None, "fraud", StatusCode::FORBIDDEN),
        (order("force-open", "x"), Some(""), "fraud", StatusCode::FORBIDDEN),
        (order("force-open", " "), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        (order("force-open", &long), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        (order("dance", "x"), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        (json!({"action": "disable"}).to_string(), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        (json!({"action": "disable", "why": "x", "by": "me"}).to_string(), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        ("{".to_owned(), Some(ADA), "fraud", StatusCode::BAD_REQUEST),
        (order("force-open", "x"), Some(ADA), "loyalty", StatusCode::NOT_FOUND),
    ];
    for (body, caller, name, expected) in wrong {
        let (status, problem) = operators.send("POST", &format!("/ops/breakers/{name}"), &body, caller).await;
        assert_eq!((status, problem["status"].as_u64()), (expected, Some(expected.as_u16().into())), "{body}");
    }
    assert_eq!(operators.machine.store.gate("fraud", 0), None, "nothing was written");
    let (status, _) = operators.send("DELETE", "/ops/breakers/fraud", "", Some(ADA)).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_table_that_gives_no_answer_is_a_problem_and_not_a_guess() {
    let operators = Operators::new();
    for (method, path, body) in [
        ("GET", "/ops/breakers", ""),
        ("GET", "/ops/breakers/fraud", ""),
        ("POST", "/ops/breakers/fraud", r#"{"action": "disable", "why": "x"}"#),
    ] {
        operators.machine.turns.trip(Trip::BeforeEffect);
        let (status, problem) = operators.send(method, path, body, Some(ADA)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        assert!(!problem.to_string().contains("gates"), "no internal name gets out: {problem}");
    }
}
