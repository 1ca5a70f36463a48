//! What readers and partners ask.

use crate::world::MemoryIndex;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use domain::articles::{ArticleId, AuthorId, Tag};
use domain::cursor::Signer;
use domain::search::found::{MARK, UNMARK};
use domain::search::{AfterHit, AuthorCount, Facets, Found, Highlights, Hit, Html, Sort, TagCount};
use domain::time::Timestamp;
use proptest::prelude::*;
use search::api::{Desk, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const MOMENT: Timestamp = Timestamp(1_795_429_296_000);

async fn ask(index: &MemoryIndex, method: &str, uri: &str) -> Response<Body> {
    let desk = Desk { index: index.clone(), signer: Signer::new(b"a key") };
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    router(desk).oneshot(request).await.unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 100_000).await.unwrap()).unwrap()
}

fn found(next: Option<AfterHit>) -> Found {
    let marked = format!("The {MARK}ice{UNMARK} <b>");
    let hit = Hit {
        id: ArticleId::new("ice").unwrap(),
        title: "The ice <b>".to_owned(),
        summary: "A summary.".to_owned(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada Young".to_owned(),
        tags: vec![Tag::new("moon").unwrap()],
        premium: true,
        published_at: MOMENT,
        highlights: Highlights { title: Some(Html::of_marked(&marked)), body: vec![Html::of_marked(&marked)] },
    };
    let plain = Hit { highlights: Highlights::default(), ..hit.clone() };
    let facets = Facets {
        tags: vec![TagCount { value: Tag::new("moon").unwrap(), count: 2 }],
        authors: vec![AuthorCount { value: AuthorId::new("ada").unwrap(), byline: "Ada Young".to_owned(), count: 2 }],
    };
    Found { total: 7, hits: vec![hit, plain], next, facets }
}

fn place(score: Option<f64>) -> AfterHit {
    AfterHit { score: score.map(f64::to_bits), published_at: MOMENT, id: ArticleId::new("ice").unwrap() }
}

#[tokio::test]
async fn an_answer_has_the_form_that_was_promised() {
    let index = MemoryIndex::default();
    index.answers(found(None));
    for path in ["/search", "/partner/search"] {
        let response = ask(&index, "GET", &format!("{path}?q=ice")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-served-by"], "modern");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "max-age=5");
        let plain = json!({
            "id": "ice", "title": "The ice <b>", "summary": "A summary.", "author": "ada", "byline": "Ada Young",
            "tags": ["moon"], "premium": true, "publishedAt": "2026-11-23T10:21:36.000Z", "highlights": {},
        });
        let mut marked = plain.clone();
        marked["highlights"] = json!({"title": "The <em>ice</em> &lt;b&gt;", "body": ["The <em>ice</em> &lt;b&gt;"]});
        let facets = json!({
            "tags": [{"value": "moon", "count": 2}],
            "authors": [{"value": "ada", "byline": "Ada Young", "count": 2}],
        });
        assert_eq!(json(response).await, json!({"total": 7, "hits": [marked, plain], "facets": facets}));
    }
    let suggestions = ask(&index, "GET", "/search/suggest?q=ic").await;
    assert_eq!(suggestions.headers()["x-served-by"], "modern");
    assert_eq!(json(suggestions).await, json!({"suggestions": [{"id": "ice", "title": "ic"}]}));
}

#[tokio::test]
async fn a_question_reaches_the_index_as_it_was_asked() {
    let index = MemoryIndex::default();
    let uri = "/search?q=caf%C3%A9+%26%20ice&tag=moon&tag=ice&author=ada%7C1&from=2026-11-23&to=2026-11-24T00:00:00%2B01:00&sort=oldest&limit=3";
    assert_eq!(ask(&index, "GET", uri).await.status(), StatusCode::OK);
    let asked = &index.asked()[0];
    assert_eq!((asked.text().as_str(), asked.sort(), asked.limit()), ("café & ice", Sort::Oldest, 3));
    assert_eq!(asked.filter().tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["ice", "moon"]);
    assert_eq!(asked.filter().author.as_ref().unwrap().as_str(), "ada|1");
    assert_eq!(asked.filter().to, Some(Timestamp(1_795_474_800_000)));
}

#[tokio::test]
async fn a_cursor_goes_on_where_the_page_ended_and_nowhere_else() {
    let index = MemoryIndex::default();
    index.answers(found(Some(place(Some(1.5)))));
    let first = json(ask(&index, "GET", "/search?q=ice&limit=2").await).await;
    let cursor = first["next"].as_str().unwrap();
    assert_eq!(ask(&index, "GET", &format!("/search?q=ice&limit=5&cursor={cursor}")).await.status(), StatusCode::OK);
    assert_eq!(index.asked()[1].place(), Some(&place(Some(1.5))));
    for uri in [
        format!("/search?q=fire&cursor={cursor}"),
        format!("/search?q=ice&tag=moon&cursor={cursor}"),
        format!("/search?q=ice&sort=newest&cursor={cursor}"),
        format!("/search?q=ice&cursor={cursor}x"),
        format!("/search?q=ice&cursor={}", &cursor[1..]),
        "/search?q=ice&cursor=AAAA".to_owned(),
        format!("/search?q=ice&cursor={}", "A".repeat(9000)),
    ] {
        let refused = ask(&index, "GET", &uri).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(refused.headers()["x-served-by"], "modern");
        assert!(json(refused).await["detail"].as_str().unwrap().starts_with("cursor: "), "{uri}");
    }
    // A place of another order is refused, whoever signed it.
    index.answers(found(Some(place(None))));
    let unfit = json(ask(&index, "GET", "/search?q=ice").await).await["next"].clone();
    let refused = ask(&index, "GET", &format!("/search?q=ice&cursor={}", unfit.as_str().unwrap())).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_cannot_be_asked_is_named_and_never_asked() {
    let index = MemoryIndex::default();
    for (uri, named) in [
        (format!("/search?q={}", "a".repeat(10_240)), "q: must have at most 200 characters"),
        (format!("/search?q={}", "a+".repeat(100)), "q: must have at most 16 words"),
        ("/search?q=a%00b".to_owned(), "q: must be UTF-8 without control characters"),
        ("/search?q=%ff%fe".to_owned(), "q: must be UTF-8 without control characters"),
        ("/search?q=%0A".to_owned(), "q: must be UTF-8 without control characters"),
        ("/search?q=a&q=b".to_owned(), "q: must be given once"),
        ("/search?tag=A".to_owned(), "tag: must be 1 to 40 lower-case letters and digits, with single hyphens inside"),
        (
            "/search?tag=a&tag=b&tag=c&tag=d&tag=e&tag=f&tag=g&tag=h&tag=i&tag=j&tag=k".to_owned(),
            "tag: must be given at most 10 times",
        ),
        (
            "/search?author=a%23b".to_owned(),
            "author: must be 1 to 128 characters without control characters, ':' and '#'",
        ),
        ("/search?from=soon".to_owned(), "from: must be a date or a time, such as 2026-11-23 or 2026-11-23T10:15:00Z"),
        ("/search?sort=price".to_owned(), "sort: must be relevance, newest or oldest"),
        ("/search?limit=1000".to_owned(), "limit: must be 1 to 50"),
        ("/search/suggest".to_owned(), "q: must be given"),
        ("/search/suggest?q=%00".to_owned(), "q: must be UTF-8 without control characters"),
    ] {
        let refused = ask(&index, "GET", &uri).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        assert_eq!(json(refused).await["detail"], *named, "{uri}");
    }
    assert_eq!(index.asked(), []);
}

#[tokio::test]
async fn strange_texts_are_asked_as_texts() {
    let index = MemoryIndex::default();
    for q in ["(a%2B)%2B%24", "%2F.*%2F", "%22", "title:ice", "%5C", "*", "%F0%9F%9A%80"] {
        assert_eq!(ask(&index, "GET", &format!("/search?q={q}")).await.status(), StatusCode::OK, "{q}");
    }
}

#[tokio::test]
async fn while_the_index_is_down_readers_are_told_to_come_again() {
    let index = MemoryIndex::default();
    index.goes_down(true);
    for uri in ["/search?q=ice", "/search/suggest?q=ice", "/partner/search"] {
        let response = ask(&index, "GET", uri).await;
        assert_eq!(
            (response.status(), &response.headers()["retry-after"]),
            (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap())
        );
        assert_eq!(response.headers()["x-served-by"], "modern");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!json(response).await.to_string().contains("it is down"), "the reason is for the log");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_problems() {
    let index = MemoryIndex::default();
    assert_eq!(ask(&index, "GET", "/search/all").await.status(), StatusCode::NOT_FOUND);
    let refused = ask(&index, "POST", "/search").await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
}

proptest! {
    #[test]
    fn no_query_string_is_an_error_of_ours(query in "[a-z=&%0-9+;:/?@!$'()*,._~-]{0,120}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let status = runtime.block_on(ask(&MemoryIndex::default(), "GET", &format!("/search?{query}"))).status();
        prop_assert!(status == StatusCode::OK || status == StatusCode::BAD_REQUEST, "{}", status);
    }
}
