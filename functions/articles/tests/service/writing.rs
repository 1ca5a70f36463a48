//! Writing, changing and withdrawing.

use crate::crashes::with_trip_at_the_write;
use crate::world::{Answer, Call, Who, World, call, draft, get};
use domain::articles::ArticleStatus::{self, Draft, Published, Withdrawn};
use domain::articles::event::EventName::{self, ArticlePublished, ArticleUpdated, ArticleWithdrawn};
use serde_json::{Value, json};
use testing::turn::Trip;

const KEY: &str = "0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10";

fn post(who: Who, body: &Value) -> Call {
    call(who, "POST", "/articles").json(body)
}

fn put(who: Who, version: u64, body: &Value) -> Call {
    call(who, "PUT", "/articles/ice").seen(version).json(body)
}

fn events(world: &World) -> Vec<(EventName, u64)> {
    world.articles.events().iter().map(|(name, article)| (*name, article.version)).collect()
}

#[tokio::test]
async fn what_is_written_is_read_at_once() {
    let world = World::new();
    let created = world.send(post(Who::Ada, &draft("published"))).await;
    assert_eq!((created.status.as_u16(), created.header("etag")), (201, "\"1\""));
    let place = created.header("location").to_owned();
    assert!(place.starts_with("/articles/ice-on-the-moon-") && place.len() == "/articles/ice-on-the-moon-".len() + 8);
    let read = world.send(get(Who::Anonymous, &place)).await;
    assert_eq!(read.header("etag"), created.header("etag"));
    let (told, read) = (created.json(), read.json());
    assert_eq!(read["html"], "<h1>Ice</h1>\n<p>There <em>is</em>.</p>\n");
    for (field, value) in told.as_object().unwrap() {
        assert_eq!(read[field], *value, "{field}");
    }
    assert_eq!((read["author"].as_str(), read["tags"].clone()), (Some("ada"), json!(["moon", "ice"])));
    assert_eq!(events(&world), [(ArticlePublished, 1)]);
}

#[tokio::test]
async fn a_draft_becomes_an_article_and_is_withdrawn() {
    let world = World::new();
    let sent = json!({"id": "ice", "author": "ada"});
    let mut mine = draft("draft");
    mine.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
    assert_eq!(world.send(post(Who::Eve, &mine)).await.header("location"), "/articles/ice");
    assert_eq!(world.send(get(Who::Anonymous, "/articles/ice")).await.status, 404);

    let published = world.send(put(Who::Ada, 1, &draft("published"))).await;
    assert_eq!((published.status.as_u16(), published.header("etag")), (200, "\"2\""));
    assert_eq!(world.send(get(Who::Anonymous, "/articles/ice")).await.status, 200);

    let again = world.send(put(Who::Ada, 2, &draft("draft"))).await;
    assert_eq!(again.status, 409);
    assert!(again.detail().starts_with("status: "), "{}", again.detail());

    let withdraw = |version| call(Who::Ada, "DELETE", "/articles/ice").seen(version);
    assert_eq!(world.send(withdraw(2)).await.status, 204);
    assert_eq!(world.send(get(Who::Anonymous, "/articles/ice")).await.status, 410);
    assert_eq!(world.send(withdraw(3)).await.status, 204, "it is withdrawn already");
    assert_eq!(world.send(put(Who::Eve, 3, &draft("published"))).await.status, 200);
    assert_eq!(
        events(&world),
        [(ArticleUpdated, 1), (ArticlePublished, 2), (ArticleWithdrawn, 3), (ArticlePublished, 4)]
    );
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    for (method, body) in [("PUT", draft("published").to_string()), ("DELETE", String::new())] {
        let sent = |tag: Option<&str>| {
            let request = call(Who::Ada, method, "/articles/ice");
            let request =
                tag.map_or_else(|| call(Who::Ada, method, "/articles/ice"), |tag| request.header("if-match", tag));
            Call { body: body.clone(), ..request }
        };
        let world = World::with(Published, false).await;
        for (tag, status) in [
            (None, 428),
            (Some("3"), 400),
            (Some(""), 400),
            (Some("\"2\""), 412),
            (Some("\"4\""), 412),
            (Some("W/\"3\""), 412),
        ] {
            let answer = world.send(sent(tag)).await;
            assert_eq!(answer.status, status, "{method} {tag:?}");
            assert!(status == 412 || answer.detail().starts_with("If-Match: "), "{}", answer.detail());
        }
        assert_eq!(world.stored("ice").await, Some(World::article("ice")));
        let answer = world.send(sent(Some("\"2\", \"3\""))).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

#[tokio::test]
async fn the_same_request_makes_one_article() {
    let world = World::new();
    let sent = |who, key: &str, body: &Value| post(who, body).header("idempotency-key", key);
    let first = world.send(sent(Who::Ada, KEY, &draft("published"))).await;
    for key in [KEY, &KEY.to_uppercase()] {
        let again = world.send(sent(Who::Ada, key, &draft("published"))).await;
        assert_eq!((again.status, again.body.clone()), (first.status, first.body.clone()));
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(events(&world), [(ArticlePublished, 1)]);

    let others = world.send(sent(Who::Bob, KEY, &draft("published"))).await;
    assert_ne!(others.header("location"), first.header("location"), "one key of two callers");
    let unkeyed = world.send(post(Who::Ada, &draft("published"))).await;
    let twice = world.send(post(Who::Ada, &draft("published"))).await;
    assert_ne!(unkeyed.header("location"), twice.header("location"));

    let odd = world.send(sent(Who::Ada, "4242", &draft("published"))).await;
    assert_eq!(odd.status, 400);
    assert!(odd.detail().starts_with("Idempotency-Key: "), "{}", odd.detail());
}

#[tokio::test]
async fn a_lost_answer_is_had_by_asking_again() {
    let world = World::new();
    let sent = || post(Who::Ada, &draft("published")).header("idempotency-key", KEY);
    let lost = with_trip_at_the_write(&world, sent(), Trip::AfterEffect).await;
    assert_eq!(lost.status, 503);
    let found = world.send(sent()).await;
    assert_eq!((found.status.as_u16(), found.header("etag")), (201, "\"1\""));
    assert_eq!(events(&world), [(ArticlePublished, 1)]);
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let world = World::with(Published, false).await;
    let mut sent = draft("published");
    sent["id"] = json!("ice");
    for key in [None, Some(KEY)] {
        let request = post(Who::Eve, &sent);
        let request = if let Some(key) = key { request.header("idempotency-key", key) } else { request };
        let answer = world.send(request).await;
        assert_eq!(answer.status, 409, "{key:?}");
        assert!(answer.detail().starts_with("id: "), "{}", answer.detail());
    }
    assert_eq!(world.stored("ice").await, Some(World::article("ice")));
}

#[tokio::test]
async fn an_article_keeps_name_author_and_date_through_an_edit() {
    let world = World::with(Published, false).await;
    let changed = world.send(put(Who::Eve, 3, &draft("published"))).await.json();
    assert_eq!(
        (changed["author"].as_str(), changed["publishedAt"].as_str()),
        (Some("ada"), Some("2023-11-14T22:13:20.000Z"))
    );
    let mut renamed = draft("published");
    renamed["id"] = json!("another");
    let answer = world.send(put(Who::Eve, 4, &renamed)).await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (400, "id: must be the article's"));
}

async fn refused(body: &str) -> String {
    let answer = World::new().send(Call { body: body.to_owned(), ..call(Who::Eve, "POST", "/articles") }).await;
    assert_eq!(answer.status, 400, "{body}");
    answer.detail()
}

#[tokio::test]
async fn what_is_wrong_with_an_article_is_named() {
    for (field, value) in [
        ("title", json!("")),
        ("title", json!(5)),
        ("title", Value::Null),
        ("summary", json!("x".repeat(1001))),
        ("markdown", json!("x".repeat(400 * 1024 + 1))),
        ("markdown", json!("NUL \u{0}")),
        ("byline", json!("two\nlines")),
        ("tags", json!(["a", "a"])),
        ("tags", json!(["Not a tag"])),
        ("tags[1]", json!(["a", 5])),
        ("premium", json!("yes")),
        ("status", json!("withdrawn")),
        ("author", json!("a:b")),
        ("id", json!("../../etc/passwd")),
        ("publishedAt", json!("23.11.2026")),
    ] {
        let mut sent = draft("published");
        sent[field.split('[').next().unwrap()] = value;
        let detail = refused(&sent.to_string()).await;
        assert!(detail.starts_with(&format!("{field}: ")), "{field}: {detail}");
    }
    for field in ["title", "summary", "markdown", "byline", "tags", "premium", "status"] {
        let mut sent = draft("published");
        sent.as_object_mut().unwrap().remove(field);
        let detail = refused(&sent.to_string()).await;
        assert!(detail.contains(&format!("missing field `{field}`")), "{detail}");
    }
    let mut unknown = draft("published");
    unknown["x".repeat(10_000)] = json!(1);
    let detail = refused(&unknown.to_string()).await;
    assert!(detail.contains("unknown field") && detail.len() < 500, "{detail}");
}

#[tokio::test]
async fn what_is_no_article_is_refused() {
    for body in ["", "null", "[]", "5", "{", "{}", "\u{0}", &format!("{} {{}}", draft("draft")), &"[".repeat(100_000)] {
        refused(body).await;
    }
    let large = Call { body: " ".repeat(2 * 1024 * 1024 + 1), ..call(Who::Eve, "POST", "/articles") };
    assert_eq!(World::new().send(large).await.status, 413);
}

#[tokio::test]
async fn a_body_of_400_kilobytes_is_taken_however_json_writes_it() {
    let world = World::new();
    let markdown = "ü".repeat(200 * 1024);
    let mut sent = draft("published");
    sent["markdown"] = json!(markdown);
    let escaped = sent.to_string().replace('ü', "\\u00fc");
    assert!(escaped.len() > 1024 * 1024);
    let created = world.send(Call { body: escaped, ..call(Who::Ada, "POST", "/articles") }).await;
    assert_eq!(created.status, 201);
    let read: Answer = world.send(get(Who::Anonymous, created.header("location"))).await;
    assert_eq!(read.json()["markdown"], markdown);
}

#[tokio::test]
async fn a_change_of_an_article_that_is_not_there_is_not_found() {
    for who in [Who::Ada, Who::Eve] {
        assert_eq!(World::new().send(put(who, 1, &draft("published"))).await.status, 404);
        assert_eq!(World::new().send(call(who, "DELETE", "/articles/ice").seen(1)).await.status, 404);
    }
}

#[tokio::test]
async fn every_write_is_told_once() {
    for (status, wish, told) in [
        (Draft, "draft", ArticleUpdated),
        (Draft, "published", ArticlePublished),
        (Published, "published", ArticleUpdated),
    ] {
        let world = World::with(status, false).await;
        assert_eq!(world.send(put(Who::Ada, 3, &draft(wish))).await.status, 200);
        assert_eq!(events(&world), [(told, 4)], "{status:?} to {wish}");
    }
    let withdrawn: [ArticleStatus; 2] = [Draft, Published];
    for status in withdrawn {
        let world = World::with(status, false).await;
        assert_eq!(world.send(call(Who::Eve, "DELETE", "/articles/ice").seen(3)).await.status, 204);
        assert_eq!(events(&world), [(ArticleWithdrawn, 4)]);
        assert_eq!(world.stored("ice").await.unwrap().status, Withdrawn);
    }
}
