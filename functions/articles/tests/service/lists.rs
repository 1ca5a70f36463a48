//! Lists, page by page.

use crate::world::{KEY, Who, World, get};
use domain::articles::{Article, AuthorId, Tag};
use domain::cursor::Signer;
use domain::time::Timestamp;
use proptest::prelude::*;
use testing::turn::run;

/// Twelve articles, the newest first: by Ada and Bob in turn, every third about ice.
async fn world() -> World {
    let world = World::new();
    for n in 0..12u8 {
        let author = AuthorId::new(if n % 2 == 0 { "ada" } else { "bob" }).unwrap();
        let about = if n % 3 == 0 { "ice" } else { "moon" };
        let published_at = Some(Timestamp(1_700_000_000_000 - i64::from(n) * 1000));
        let article = World::article(&format!("article-{n:02}"));
        let tags = vec![Tag::new(about).unwrap()];
        world.keep(Article { author, tags, published_at, ..article }).await;
    }
    world
}

/// The names of all pages, and how many pages there were.
async fn all(world: &World, query: &str) -> (Vec<String>, usize) {
    let (mut names, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = world.send(get(Who::Anonymous, &format!("/articles?{query}{cursor}"))).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        names.extend(page["articles"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { return (names, pages) };
        cursor = format!("&cursor={next}");
    }
}

fn numbered(numbers: impl Iterator<Item = u8>) -> Vec<String> {
    numbers.map(|n| format!("article-{n:02}")).collect()
}

#[tokio::test]
async fn every_article_is_on_one_page_and_the_last_page_says_so() {
    let world = world().await;
    for (query, expected) in [
        ("x=y", numbered(0..12)),
        ("author=ada", numbered((0..12).step_by(2))),
        ("author=bob&tag=", numbered((1..12).step_by(2))),
        ("tag=ice", numbered((0..12).step_by(3))),
        ("author=ada&tag=ice", numbered((0..12).step_by(6))),
        ("author=nobody", vec![]),
    ] {
        for limit in [1, 2, 3, 4, 6, 12, 50] {
            let (names, pages) = all(&world, &format!("{query}&limit={limit}")).await;
            assert_eq!(names, expected, "{query} {limit}");
            assert_eq!(pages, expected.len().div_ceil(limit).max(1), "{query} {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_has_twenty_articles_unless_somebody_asks_for_more_or_less() {
    let world = World::new();
    for n in 0..60 {
        world.keep(World::article(&format!("article-{n}"))).await;
    }
    for (query, length) in [("", 20), ("?limit=1", 1), ("?limit=50", 50)] {
        let page = world.send(get(Who::Anonymous, &format!("/articles{query}"))).await.json();
        assert_eq!(page["articles"].as_array().unwrap().len(), length, "{query}");
    }
}

#[tokio::test]
async fn what_is_published_meanwhile_shifts_nothing() {
    let world = world().await;
    let first = world.send(get(Who::Anonymous, "/articles?limit=5")).await.json();
    let newest = World::article("newest");
    world.keep(Article { published_at: Some(Timestamp(1_800_000_000_000)), ..newest }).await;
    let next = first["next"].as_str().unwrap();
    let second = world.send(get(Who::Anonymous, &format!("/articles?limit=5&cursor={next}"))).await.json();
    assert_eq!(second["articles"][0]["id"], "article-05");
}

async fn status_of_cursor(world: &World, path: &str, cursor: &str) -> u16 {
    let answer = world.send(get(Who::Anonymous, &format!("{path}cursor={cursor}"))).await;
    if answer.status == 400 {
        assert_eq!(answer.detail(), "cursor: must be `next` of an earlier answer to the same question");
    }
    answer.status.as_u16()
}

#[tokio::test]
async fn a_cursor_is_good_for_its_question_alone() {
    let world = world().await;
    let page = world.send(get(Who::Anonymous, "/articles?author=ada&limit=2")).await.json();
    let next = page["next"].as_str().unwrap();
    for (path, status) in [
        ("/articles?author=ada&", 200),
        ("/articles?limit=7&author=ada&", 200),
        ("/articles?", 400),
        ("/articles?author=bob&", 400),
        ("/articles?author=ada&tag=ice&", 400),
        ("/articles?tag=ada&", 400),
    ] {
        assert_eq!(status_of_cursor(&world, path, next).await, status, "{path}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_key_another_route_or_another_time_is_refused() {
    let world = world().await;
    let place = serde_json::json!({"publishedAt": 5, "id": "ice"});
    let all = "GET /articles [null,null]";
    assert_eq!(status_of_cursor(&world, "/articles?", &Signer::new(KEY).seal(all, &place)).await, 200);
    for cursor in [
        Signer::new(b"another key").seal(all, &place),
        Signer::new(KEY).seal("GET /search [null,null]", &place),
        // What an earlier release may have put into one.
        Signer::new(KEY).seal(all, &"2023-11-14T22:13:20Z"),
        Signer::new(KEY).seal(all, &serde_json::json!({"publishedAt": 5, "id": "NOT AN ID"})),
        "eyJhIjoxfQ".to_owned(),
        "x".repeat(10_000),
        "%00".to_owned(),
        "%ff".to_owned(),
    ] {
        assert_eq!(status_of_cursor(&world, "/articles?", &cursor).await, 400, "{cursor}");
    }
}

proptest! {
    #[test]
    fn a_forged_cursor_is_refused(position: prop::sample::Index, other in "[A-Za-z0-9_-]", cut: prop::sample::Index) {
        run(async {
            let world = world().await;
            let page = world.send(get(Who::Anonymous, "/articles?limit=1")).await.json();
            let good = page["next"].as_str().unwrap();
            let position = position.index(good.len());
            let mut forged = good.to_owned();
            forged.replace_range(position..=position, &other);
            if forged != good {
                assert_eq!(status_of_cursor(&world, "/articles?", &forged).await, 400);
            }
            let end = cut.index(good.len());
            if end > 0 {
                assert_eq!(status_of_cursor(&world, "/articles?", &good[..end]).await, 400);
            }
        });
    }
}
