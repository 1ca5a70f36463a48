//! Reading one article.

use crate::world::{Who, World, call, draft, get};
use domain::articles::ArticleStatus::Published;
use domain::articles::{Article, ContentKey};
use serde_json::json;
use std::time::Duration;
use testing::turn::Trip;

#[tokio::test]
async fn an_article_is_told_in_the_words_of_the_monoliths_site() {
    let world = World::with(Published, false).await;
    let answer = world.send(get(Who::Anonymous, "/articles/ice")).await;
    let expected = json!({
        "id": "ice", "version": 3, "status": "published", "title": "Ice", "summary": "Cold.", "author": "ada",
        "byline": "Ada Byron", "tags": ["moon"], "premium": false, "publishedAt": "2023-11-14T22:13:20.000Z",
        "updatedAt": "2023-11-14T22:13:20.123Z", "html": "<p>The <em>old</em> body.</p>\n", "markdown": "The *old* body.\n",
    });
    assert_eq!(answer.json(), expected);
    assert_eq!((answer.header("etag"), answer.header("cache-control")), ("\"3\"", "no-cache"));
}

#[tokio::test]
async fn a_premium_article_shows_everybody_all_but_its_body() {
    let world = World::with(Published, true).await;
    let told = world.send(get(Who::Paul, "/articles/ice")).await.json();
    assert_eq!((told["title"].as_str(), told.get("html"), told.get("markdown")), (Some("Ice"), None, None));
    let whole = world.send(get(Who::Paul, "/articles/ice/premium")).await;
    assert_eq!(whole.json()["markdown"], "The *old* body.\n");
    assert_eq!(whole.header("cache-control"), "private, no-cache");
}

#[tokio::test]
async fn an_entitlement_ends_at_its_end() {
    let world = World::with(Published, true).await;
    let status = async || world.send(get(Who::Paul, "/articles/ice/premium")).await.status;
    world.machine.clock.advance(Duration::from_hours(1));
    assert_eq!(status().await, 200);
    world.machine.clock.advance(Duration::from_millis(1));
    assert_eq!(status().await, 402);
}

#[tokio::test]
async fn who_has_the_version_is_sent_no_body() {
    let world = World::with(Published, true).await;
    for (who, path) in [(Who::Anonymous, "/articles/ice"), (Who::Ada, "/articles/ice/premium")] {
        for (tag, status) in
            [("\"3\"", 304), ("W/\"3\"", 304), ("\"2\", \"3\"", 304), ("*", 304), ("\"2\"", 200), ("3", 200)]
        {
            let answer = world.send(get(who, path).header("if-none-match", tag)).await;
            assert_eq!((answer.status.as_u16(), answer.body.is_empty()), (status, status == 304), "{path} {tag}");
            assert_eq!(answer.header("etag"), "\"3\"");
        }
    }
    // What somebody may not read, they are not told the version of either.
    let answer = world.send(get(Who::Rita, "/articles/ice/premium").header("if-none-match", "*")).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (402, ""));
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let world = World::with(Published, false).await;
    let answer = world.send(call(Who::Anonymous, "HEAD", "/articles/ice")).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag"), answer.body.len()), (200, "\"3\"", 0));
}

#[tokio::test]
async fn what_is_no_name_is_said_so() {
    let world = World::new();
    for id in ["Ice", "a--b", "%00", "a%2Fb", "..%2f..", &"x".repeat(101), "%C3%BC"] {
        let answer = world.send(get(Who::Anonymous, &format!("/articles/{id}"))).await;
        assert_eq!(answer.status, 400, "{id}");
        assert!(answer.detail().starts_with("id: must be"), "{}", answer.detail());
    }
    let answer = world.send(get(Who::Anonymous, "/articles/%ff%fe")).await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (400, "id: must be UTF-8"));
    assert_eq!(world.send(get(Who::Anonymous, "/articles/unknown")).await.status, 404);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_as_problems() {
    let world = World::new();
    for (method, path, status) in
        [("GET", "/", 404), ("GET", "/articles/a/b", 404), ("PATCH", "/articles/a", 405), ("PUT", "/articles", 405)]
    {
        let answer = world.send(call(Who::Eve, method, path).json(&draft("draft"))).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["status"], status);
    }
}

#[tokio::test]
async fn a_store_without_an_answer_is_no_answer_for_now() {
    for (who, path) in [
        (Who::Anonymous, "/articles"),
        (Who::Anonymous, "/articles/ice"),
        (Who::Ada, "/articles/ice/premium"),
        (Who::Paul, "/articles/ice/premium"),
    ] {
        let world = World::with(Published, true).await;
        world.turns.trip(Trip::BeforeEffect);
        let answer = world.send(get(who, path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{path}");
        assert!(!answer.detail().contains("tripped"), "{}", answer.detail());
    }
}

#[tokio::test]
async fn a_body_that_is_gone_is_no_empty_body() {
    let world = World::new();
    let article = World::article("ice");
    world.articles.give(Article { content: ContentKey::of(&article.id, "never written"), ..article });
    assert_eq!(world.send(get(Who::Anonymous, "/articles/ice")).await.status, 503);
}
