//! The loyalty programme and the newsletter over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use serde_json::{Value, json};
use support::{Answer, Provider};

const KEY: (&str, &str) = ("authorization", "Bearer key");

async fn enrol(programme: Provider, customer: &str) -> Option<Answer> {
    let body = json!({"customer": customer, "tier": "premium", "reference": format!("{customer}#1")});
    programme.send("POST /v1/members", &[KEY], &body.to_string()).await
}

async fn subscribe(newsletter: Provider, address: &str, hash: &str) -> Option<Answer> {
    let body = json!({"email_address": address, "status_if_new": "subscribed"});
    newsletter.send(&format!("PUT /3.0/lists/newscience/members/{hash}"), &[KEY], &body.to_string()).await
}

#[tokio::test]
async fn enrolling_twice_makes_one_member() {
    let programme = Provider::start(providers::loyalty::routes(Some("key".to_owned()))).await;
    let (first, again) = (enrol(programme, "ada").await.unwrap(), enrol(programme, "ada").await.unwrap());
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json(), again.json());
    let journal = programme.journal().await;
    assert_eq!((&journal["calls"], journal["members"].as_object().unwrap().len()), (&json!(2), 1));
    assert_eq!(programme.send("GET /v1/members/ada", &[], "").await.unwrap().json()["points"], 100);
    assert_eq!(programme.send("GET /v1/members/bob", &[], "").await.unwrap().status, 404);
}

#[tokio::test]
async fn who_may_not_join_is_told_so_for_good() {
    let programme = Provider::start(providers::loyalty::routes(Some("key".to_owned()))).await;
    let refused = enrol(programme, "no-loyalty-1").await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("not-eligible")));
    let malformed = programme.send("POST /v1/members", &[KEY], "{}").await.unwrap();
    assert_eq!(malformed.status, 422);
    let stranger = programme.send("POST /v1/members", &[("authorization", "Bearer x")], "{}").await.unwrap();
    assert_eq!(stranger.status, 401);
    programme.order(json!({"mode": "decline", "count": 1})).await;
    assert_eq!(enrol(programme, "ada").await.unwrap().status, 409);
    assert_eq!(enrol(programme, "ada").await.unwrap().status, 201);
}

#[tokio::test]
async fn an_address_is_known_by_its_hash() {
    let newsletter = Provider::start(providers::newsletter::routes(None)).await;
    // printf 'ada@example.org' | md5sum
    let hash = "5bfcf2d8e394674550332640d72db509";
    for address in ["ada@example.org", " Ada@Example.org "] {
        assert_eq!(subscribe(newsletter, address, hash).await.unwrap().status, 200, "{address}");
    }
    for (address, wrong) in [("ada@example.org", "0"), ("ada@example.invalid", hash), ("ada", hash)] {
        let refused = subscribe(newsletter, address, wrong).await.unwrap();
        assert_eq!((refused.status, &refused.json()["status"]), (400, &json!(400)), "{address}");
    }
    let elsewhere = newsletter.send(&format!("PUT /3.0/lists/another/members/{hash}"), &[KEY], "{}").await.unwrap();
    assert_eq!(elsewhere.status, 404);
    let journal = newsletter.journal().await;
    assert_eq!(journal["members"].as_object().unwrap().len(), 1);
    assert_eq!(journal["arrivals"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let programme = Provider::start(providers::loyalty::routes(None)).await;
    for (fault, status) in [("unavailable", 503), ("rate-limited", 429), ("garbage", 200), ("slow", 201)] {
        programme.order(json!({"mode": fault, "delayMs": 10})).await;
        let answer = enrol(programme, "ada").await.unwrap();
        assert_eq!(answer.status, status, "{fault}");
        assert_eq!(answer.headers.contains_key("retry-after"), fault == "rate-limited", "{fault}");
    }
    for silent in ["hang", "act-then-hang", "lost-reply"] {
        programme.order(json!({"mode": silent, "delayMs": 10})).await;
        assert!(enrol(programme, "bob").await.is_none(), "{silent}");
    }
    let journal: Value = programme.journal().await;
    assert_eq!(journal["members"].as_object().unwrap().len(), 2, "{journal}");
}
