//! The payment provider over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use serde_json::{Value, json};
use support::{Answer, Provider};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const KNOWN: [(&str, &str); 3] = [("authorization", "Bearer sk_test_1"), ("stripe-version", "2025-03-31.basil"), FORM];

async fn start() -> Provider {
    Provider::start(providers::payment::routes(None)).await
}

async fn post(provider: Provider, path: &str, key: &str, form: &str) -> Option<Answer> {
    let headers = [&KNOWN[..], &[("idempotency-key", key)]].concat();
    provider.send(&format!("POST /v1/{path}"), &headers, form).await
}

async fn get(provider: Provider, path: &str) -> Answer {
    provider.send(&format!("GET /v1/{path}"), &KNOWN, "").await.unwrap()
}

fn form(payment_method: &str, intent: &str) -> String {
    format!("amount=1200&currency=eur&payment_method={payment_method}&metadata%5Bintent%5D={intent}")
}

/// An unconfirmed payment's identifier.
async fn created(provider: Provider, payment_method: &str, intent: &str) -> String {
    let key = format!("{intent}#1:create:1");
    let answer = post(provider, "payment_intents", &key, &form(payment_method, intent)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["status"], "requires_confirmation");
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn status(provider: Provider, id: &str) -> Value {
    get(provider, &format!("payment_intents/{id}")).await.json()["status"].clone()
}

#[tokio::test]
async fn money_is_taken_and_given_back_and_the_journal_knows() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    let confirmed = post(provider, &format!("payment_intents/{id}/confirm"), "c1", "").await.unwrap();
    assert_eq!(confirmed.json()["status"], "succeeded");
    assert!(confirmed.headers["request-id"].starts_with("req_"));
    let refund = post(provider, "refunds", "r1", &format!("payment_intent={id}")).await.unwrap().json();
    assert_eq!((refund["status"].as_str(), refund["amount"].as_u64()), (Some("succeeded"), Some(1200)));
    let read = get(provider, &format!("refunds/{}", refund["id"].as_str().unwrap())).await;
    assert_eq!(read.json(), refund);
    let payment = get(provider, &format!("payment_intents/{id}?expand[]=latest_charge")).await.json();
    assert_eq!(
        (&payment["latest_charge"]["refunded"], &payment["latest_charge"]["amount_refunded"]),
        (&json!(true), &json!(1200))
    );
    let journal = provider.journal().await;
    let capture = &journal["captures"][0];
    assert_eq!(journal["calls"], 5);
    assert_eq!(
        (&capture["id"], &capture["intent"], &capture["amount"], &capture["currency"]),
        (&json!(id), &json!("i1"), &json!(1200), &json!("eur"))
    );
    assert!(capture["at"].as_u64().unwrap() > 1_600_000_000_000);
    assert_eq!(journal["refunds"][0]["paymentIntent"], json!(id));
}

#[tokio::test]
async fn two_confirmations_that_race_capture_once() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    let path = format!("payment_intents/{id}/confirm");
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let (path, key) = (path.clone(), format!("i1#1:confirm:{number}"));
            tokio::spawn(async move { post(provider, &path, &key, "").await.unwrap().status })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(provider.journal().await["captures"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_replays_its_answer_and_refuses_another_request() {
    let provider = start().await;
    let first = post(provider, "payment_intents", "k1", &form("pm_cardVisa4242", "i1")).await.unwrap();
    let again = post(provider, "payment_intents", "k1", &form("pm_cardVisa4242", "i1")).await.unwrap();
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let other = post(provider, "payment_intents", "k1", &form("pm_cardVisa4242", "i2")).await.unwrap();
    assert_eq!((other.status, other.json()["error"]["type"].as_str()), (400, Some("idempotency_error")));
    // What was refused before it began is not saved: the same key works once the request is right.
    assert_eq!(post(provider, "payment_intents", "k2", "amount=0&currency=eur").await.unwrap().status, 400);
    assert_eq!(post(provider, "payment_intents", "k2", &form("pm_cardVisa4242", "i2")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_saved_500_is_replayed_and_a_new_key_works() {
    let provider = start().await;
    for key in ["i1#1:create:1", "i1#1:create:1"] {
        let broken = post(provider, "payment_intents", key, &form("pm_saved500", "i1")).await.unwrap();
        assert_eq!((broken.status, broken.json()["error"]["type"].as_str()), (500, Some("api_error")));
    }
    assert_eq!(
        post(provider, "payment_intents", "i1#1:create:2", &form("pm_saved500", "i1")).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_declined_card_is_a_402_with_the_payment_in_it() {
    let provider = start().await;
    let id = created(provider, "pm_declinedCard", "i1").await;
    let declined = post(provider, &format!("payment_intents/{id}/confirm"), "c1", "").await.unwrap();
    let error = declined.json()["error"].clone();
    assert_eq!(
        (declined.status, error["type"].as_str(), error["code"].as_str()),
        (402, Some("card_error"), Some("card_declined"))
    );
    assert_eq!(
        (&error["payment_intent"]["id"], &error["payment_intent"]["status"]),
        (&json!(id), &json!("requires_payment_method"))
    );
    let cancelled =
        post(provider, &format!("payment_intents/{id}/cancel"), "x1", "cancellation_reason=abandoned").await.unwrap();
    assert_eq!(cancelled.json()["status"], "canceled");
    assert_eq!(provider.journal().await["cancels"][0]["id"], json!(id));
}

#[tokio::test]
async fn a_wrong_caller_is_refused() {
    let provider = Provider::start(providers::payment::routes(Some("sk_right".to_owned()))).await;
    let version = ("stripe-version", "2025-03-31.basil");
    for (headers, status) in [
        (vec![version], 401),
        (vec![version, ("authorization", "Bearer ")], 401),
        (vec![version, ("authorization", "Basic c2tfcmlnaHQ6")], 401),
        (vec![version, ("authorization", "Bearer sk_wrong")], 401),
        (vec![("authorization", "Bearer sk_right")], 400),
        (vec![("authorization", "Bearer sk_right"), ("stripe-version", "latest")], 400),
        (vec![("authorization", "Bearer sk_right"), version], 404),
    ] {
        let answer = provider.send("GET /v1/payment_intents/pi_1", &headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let json_body = [("authorization", "Bearer sk_right"), version, ("content-type", "application/json")];
    assert_eq!(provider.send("POST /v1/refunds", &json_body, "{}").await.unwrap().status, 400);
    assert_eq!(provider.send("GET /v1/customers", &KNOWN, "").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_fault_before_the_provider_does_nothing_and_saves_nothing() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    let path = format!("payment_intents/{id}/confirm");
    for (mode, expected) in
        [("unavailable", Some(503)), ("rate-limited", Some(429)), ("garbage", Some(200)), ("hang", None)]
    {
        provider.order(json!({"mode": mode, "delayMs": 10})).await;
        let answer = post(provider, &path, "c1", "").await;
        assert_eq!(answer.as_ref().map(|answer| answer.status), expected, "{mode}");
        match (mode, answer) {
            ("rate-limited", Some(answer)) => assert_eq!(answer.headers["retry-after"], "1"),
            ("garbage", Some(answer)) => assert_eq!(answer.json(), Value::Null),
            _ => {}
        }
        provider.order(json!({"mode": "none"})).await;
        assert_eq!(status(provider, &id).await, "requires_confirmation", "{mode}");
    }
    assert_eq!(post(provider, &path, "c1", "").await.unwrap().json()["status"], "succeeded");
}

#[tokio::test]
async fn a_lost_answer_is_a_capture_that_only_a_read_or_a_replay_shows() {
    let provider = start().await;
    for (intent, fault) in
        [("i1", json!({"mode": "lost-reply"})), ("i2", json!({"mode": "act-then-hang", "delayMs": 10}))]
    {
        provider.order(fault).await;
        let id = created(provider, "pm_cardVisa4242", intent).await;
        let path = format!("payment_intents/{id}/confirm");
        assert!(post(provider, &path, &id, "").await.is_none());
        assert_eq!(status(provider, &id).await, "succeeded");
        provider.order(json!({"mode": "none"})).await;
        let replayed = post(provider, &path, &id, "").await.unwrap();
        assert_eq!((replayed.status, replayed.headers["idempotent-replayed"].as_str()), (200, "true"));
    }
    assert_eq!(provider.journal().await["captures"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_payment_method_can_lose_the_answer_to_its_capture_once() {
    let provider = start().await;
    let id = created(provider, "pm_lostReply1", "i1").await;
    let path = format!("payment_intents/{id}/confirm");
    assert!(post(provider, &path, "c1", "").await.is_none());
    assert_eq!(status(provider, &id).await, "succeeded");
    assert_eq!(
        post(provider, &path, "c2", "").await.unwrap().json()["error"]["code"],
        "payment_intent_unexpected_state"
    );
}

#[tokio::test]
async fn a_slow_call_happens_although_its_caller_left_and_holds_its_key() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    let path = format!("payment_intents/{id}/confirm");
    provider.order(json!({"mode": "slow", "delayMs": 500, "count": 1})).await;
    let headers = [&KNOWN[..], &[("idempotency-key", "c1")]].concat();
    let left = provider.begin(&format!("POST /v1/{path}"), &headers, "").await.unwrap();
    while provider.journal().await["operations"]["confirm"] != 1 {
        tokio::task::yield_now().await;
    }
    let mut busy = post(provider, &path, "c1", "").await.unwrap();
    assert_eq!((busy.status, busy.json()["error"]["code"].as_str()), (409, Some("idempotency_key_in_use")));
    drop(left);
    while busy.status == 409 {
        busy = post(provider, &path, "c1", "").await.unwrap();
    }
    assert_eq!((busy.status, busy.headers["idempotent-replayed"].as_str()), (200, "true"));
    assert_eq!(provider.journal().await["captures"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_ratio_and_a_count_choose_the_calls() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    provider.order(json!({"mode": "unavailable", "ratio": 0.5, "count": 3, "seed": 4})).await;
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(get(provider, &format!("payment_intents/{id}")).await.status == 503);
    }
    assert_eq!(refused, 3);
    assert_eq!(provider.journal().await["affected"], 3);
    provider.order(json!({"mode": "decline"})).await;
    assert_eq!(post(provider, &format!("payment_intents/{id}/confirm"), "c1", "").await.unwrap().status, 402);
}

#[tokio::test]
async fn a_wrong_order_is_answered_with_a_problem_that_names_the_field() {
    let provider = start().await;
    for (order, field) in [
        ("{", "body"),
        (r#"{"mode":"broken"}"#, "mode"),
        (r#"{"mode":"slow","ratio":2}"#, "ratio"),
        (r#"{"mode":"slow","speed":2}"#, "speed"),
    ] {
        let answer = provider.send("PUT /admin/fault", &[], order).await.unwrap();
        assert_eq!((answer.status, answer.json()["field"].as_str()), (400, Some(field)));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.json()["detail"].as_str().unwrap().contains(field));
    }
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let provider = start().await;
    let id = created(provider, "pm_cardVisa4242", "i1").await;
    provider.order(json!({"mode": "unavailable"})).await;
    assert_eq!(provider.send("POST /admin/reset", &[], "").await.unwrap().status, 204);
    assert_eq!(get(provider, &format!("payment_intents/{id}")).await.status, 404);
    assert_ne!(created(provider, "pm_cardVisa4242", "i1").await, id, "an identifier is never used twice");
}
