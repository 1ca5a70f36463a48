//! The fraud check over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use serde_json::{Value, json};
use support::{Answer, Provider};

async fn start() -> Provider {
    Provider::start(providers::fraud::routes(None)).await
}

fn body(payment_method: &str) -> Value {
    json!({
        "intent": "i1", "charge": "i1#1", "customer": "c1", "tier": "premium",
        "amount": 1200, "currency": "eur", "paymentMethod": payment_method,
    })
}

async fn check(provider: Provider, payment_method: &str, more: &[(&str, &str)]) -> Option<Answer> {
    let headers = [&[("x-api-key", "key")], more].concat();
    provider.send("POST /v1/checks", &headers, &body(payment_method).to_string()).await
}

#[tokio::test]
async fn the_payment_method_decides_and_the_verdict_is_kept_in_the_journal() {
    let provider = start().await;
    let passed = check(provider, "pm_cardVisa4242", &[]).await.unwrap();
    assert_eq!((passed.status, passed.json()["verdict"].as_str()), (200, Some("pass")));
    let rejected = check(provider, "pm_fraudster1", &[]).await.unwrap();
    assert_eq!(rejected.json()["verdict"], "reject");
    let journal = provider.journal().await;
    assert_eq!(journal["calls"], 2);
    assert_eq!(journal["checks"][1]["verdict"], "reject");
}

#[tokio::test]
async fn a_request_with_a_range_is_answered_in_part() {
    let provider = start().await;
    let whole = check(provider, "pm_cardVisa4242", &[("range", "bytes=0-262143")]).await.unwrap();
    assert_eq!(whole.status, 206);
    assert_eq!(whole.headers["content-range"], format!("bytes 0-{}/{}", whole.text.len() - 1, whole.text.len()));
    assert_eq!(whole.json()["verdict"], "pass");
    let part = check(provider, "pm_cardVisa4242", &[("range", "bytes=1-3")]).await.unwrap();
    assert_eq!((part.status, part.text.as_str()), (206, &whole.text[1..=3]));
    let odd = check(provider, "pm_cardVisa4242", &[("range", "bytes=-5")]).await.unwrap();
    assert_eq!(odd.status, 200);
}

#[tokio::test]
async fn a_wrong_request_is_refused() {
    let provider = start().await;
    let no_key = provider.send("POST /v1/checks", &[], &body("pm_cardVisa4242").to_string()).await.unwrap();
    assert_eq!(no_key.status, 401);
    let mut incomplete = body("pm_cardVisa4242");
    incomplete.as_object_mut().unwrap().remove("charge");
    let refused = provider.send("POST /v1/checks", &[("x-api-key", "k")], &incomplete.to_string()).await.unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("charge"), "{}", refused.text);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let provider = start().await;
    for (fault, status) in [("unavailable", 503), ("rate-limited", 429), ("garbage", 200), ("slow", 200)] {
        provider.order(json!({"mode": fault, "delayMs": 10})).await;
        let answer = check(provider, "pm_cardVisa4242", &[]).await.unwrap();
        assert_eq!(answer.status, status, "{fault}");
        assert_eq!(answer.json()["verdict"].is_string(), fault == "slow", "{fault}");
        assert_eq!(answer.headers.contains_key("retry-after"), fault == "rate-limited", "{fault}");
    }
    provider.order(json!({"mode": "decline", "count": 1})).await;
    assert_eq!(check(provider, "pm_cardVisa4242", &[]).await.unwrap().json()["verdict"], "reject");
    assert_eq!(check(provider, "pm_cardVisa4242", &[]).await.unwrap().json()["verdict"], "pass");
    for silent in ["hang", "act-then-hang", "lost-reply"] {
        provider.order(json!({"mode": silent, "delayMs": 10})).await;
        assert!(check(provider, "pm_cardVisa4242", &[]).await.is_none(), "{silent}");
    }
    let journal = provider.journal().await;
    assert_eq!((&journal["calls"], &journal["affected"]), (&json!(9), &json!(8)));
    assert_eq!(journal["checks"].as_array().unwrap().len(), 5, "{journal}");
}
