//! Whatever comes in, an answer comes out that says what is wrong with it.

use crate::world::{Answer, Who, World, call, draft};
use axum::http::{HeaderName, HeaderValue, Uri};
use domain::articles::ArticleStatus::Published;
use proptest::prelude::*;
use serde_json::{Value, json};
use testing::turn::run;

fn who() -> impl Strategy<Value = Who> {
    proptest::sample::select(&Who::ALL[..])
}

fn method() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"][..])
}

/// Paths and queries near those that there are, and far from them.
fn address() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("ice".to_owned()),
        Just("premium".to_owned()),
        "(%[0-9a-f]{2}|[a-zA-Z0-9._~!$&'()*+,;=:@-]){0,24}",
    ];
    let query = prop_oneof![
        Just(String::new()),
        "\\?((author|tag|cursor|limit|x)=(%[0-9a-f]{2}|[a-zA-Z0-9+._-]){0,40}&?){0,5}",
        "\\?[!-~&&[^#<>\"`{}|\\\\^]]{0,60}",
    ];
    (proptest::collection::vec(part, 0..3), query).prop_map(|(parts, query)| {
        format!("{}{query}", ["/articles".to_owned()].iter().chain(&parts).cloned().collect::<Vec<_>>().join("/"))
    })
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    const NAMES: [&str; 7] =
        ["if-match", "if-none-match", "idempotency-key", "content-type", "content-length", "accept", "range"];
    let value = prop_oneof![
        Just(b"\"3\"".to_vec()),
        Just(b"*".to_vec()),
        Just(b"0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec((proptest::sample::select(&NAMES[..]), value), 0..4)
}

/// A draft with one value exchanged for anything, or any bytes at all.
fn body() -> impl Strategy<Value = Vec<u8>> {
    const FIELDS: [&str; 11] =
        ["title", "summary", "markdown", "byline", "tags", "premium", "status", "author", "id", "publishedAt", "other"];
    let anything = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(["a", {"b": []}])),
        Just(json!("2026-11-23T10:15:00Z")),
        Just(json!("9999-12-31T23:59:59.999Z")),
        Just(json!("0000-01-01T00:00:00+23:59")),
    ];
    let near = (proptest::sample::select(&FIELDS[..]), anything).prop_map(|(field, value)| {
        let mut sent = draft("published");
        sent[field] = value;
        sent.to_string().into_bytes()
    });
    prop_oneof![4 => near, 1 => proptest::collection::vec(any::<u8>(), 0..200), 1 => Just(Vec::new())]
}

fn is_clear(answer: &Answer) -> Result<(), TestCaseError> {
    let status = answer.status.as_u16();
    prop_assert!(status < 500, "{:?}", answer);
    if status >= 400 && !answer.body.is_empty() {
        let problem = answer.json();
        prop_assert_eq!(problem["status"].as_u64(), Some(u64::from(status)));
        prop_assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{}", problem);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_that_comes_in_is_our_fault(
        who in who(), method in method(), address in address(), headers in headers(), body in body(),
    ) {
        prop_assume!(address.parse::<Uri>().is_ok());
        let mut request = call(who, method, &address);
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.request = request.request.header(HeaderName::from_static(name), value);
            }
        }
        let answer = run(async {
            let world = World::with(Published, true).await;
            world.send_bytes(request, body).await
        });
        is_clear(&answer)?;
    }

    #[test]
    fn whatever_is_taken_can_be_read(who in proptest::sample::select(&[Who::Ada, Who::Eve][..]), body in body()) {
        run(async {
            let world = World::new();
            let created = world.send_bytes(call(who, "POST", "/articles"), body).await;
            is_clear(&created)?;
            if created.status == 201 {
                let path = format!("{}/premium", created.header("location"));
                let read = world.send(call(who, "GET", &path)).await;
                prop_assert_eq!(read.status.as_u16(), 200);
                let listed = world.send(call(who, "GET", "/articles")).await;
                prop_assert_eq!(listed.status.as_u16(), 200);
            }
            Ok(())
        })?;
    }
}
