//! Feeding the monolith's store.

use crate::world::World;
use articles::feed::{Feed, FeedError, FeedToken};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use connectors::HttpConfig;
use connectors::monolith::Monolith;
use domain::articles::event::ArticleEvent;
use domain::articles::{Article, ArticleStatus, SourcePosition};
use domain::migration::merge::Merged;
use domain::migration::rows::{ArticleRow, Change, Row};
use domain::migration::store::Imports;
use domain::store::Commit;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::imports::MemoryImports;
use testing::queue::MemoryDeadLetters;
use testing::turn::Trip;

const TOKEN: &str = "a-token-for-tests";

#[derive(Clone)]
struct Desk {
    told: Arc<Mutex<Vec<(String, Value)>>>,
    answer: StatusCode,
}

/// A monolith that answers so, and what it was told; and the feed that tells it.
struct Stage {
    world: World,
    feed: Feed<MemoryArticles, MemoryContents, MemoryImports, MemoryDeadLetters>,
    letters: MemoryDeadLetters,
    desk: Desk,
}

impl Stage {
    async fn answering(answer: u16) -> Self {
        let desk = Desk { told: Arc::default(), answer: StatusCode::from_u16(answer).unwrap() };
        let take = async |State(desk): State<Desk>, Path(id): Path<String>, headers: HeaderMap, body: Bytes| {
            if headers["authorization"] != format!("Bearer {TOKEN}") || headers["content-type"] != "application/json" {
                return StatusCode::UNAUTHORIZED;
            }
            desk.told.lock().unwrap().push((id, serde_json::from_slice(&body).unwrap()));
            desk.answer
        };
        let router = Router::new().route("/internal/articles/{id}/feed", post(take)).with_state(desk.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self::at(&url, desk, TOKEN)
    }

    fn at(url: &str, desk: Desk, token: &str) -> Self {
        let (world, letters) = (World::new(), MemoryDeadLetters::default());
        let config = HttpConfig::new(url, Duration::from_secs(20)).unwrap();
        let feed = Feed {
            articles: world.articles.clone(),
            contents: world.contents.clone(),
            imports: MemoryImports::new(world.turns.clone(), world.articles.clone()),
            dead_letters: letters.clone(),
            monolith: Monolith::new(&config).unwrap(),
            token: FeedToken::new(token),
        };
        Self { world, feed, letters, desk }
    }

    fn told(&self) -> Vec<(String, Value)> {
        self.desk.told.lock().unwrap().clone()
    }
}

/// The event as the bus hands it on.
fn event(article: &Article) -> String {
    json!({
        "version": "0", "id": "1", "detail-type": "ArticleUpdated", "source": "new-science.articles", "account": "1",
        "time": "2026-11-23T10:15:00Z", "region": "eu-central-1", "resources": [], "detail": ArticleEvent::of(article),
    })
    .to_string()
}

#[tokio::test]
async fn the_monolith_is_told_all_of_it_whatever_its_status() {
    for status in [ArticleStatus::Draft, ArticleStatus::Published, ArticleStatus::Withdrawn] {
        let stage = Stage::answering(200).await;
        let article = Article { status, premium: true, ..World::article("ice") };
        stage.world.keep(article.clone()).await;
        stage.feed.handle(&event(&article)).await.unwrap();
        let expected = json!({
            "id": "ice", "version": 3, "status": status, "title": "Ice", "summary": "Cold.",
            "markdown": "The *old* body.\n", "author": "ada", "byline": "Ada Byron", "tags": ["moon"], "premium": true,
            "publishedAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.123Z",
            "knownChange": null,
        });
        assert_eq!(stage.told(), [("ice".to_owned(), expected)]);
    }
}

#[tokio::test]
async fn an_old_event_brings_what_is_there_now() {
    let stage = Stage::answering(200).await;
    let article = World::article("ice");
    stage.world.keep(Article { version: 8, title: "Later".to_owned(), ..article.clone() }).await;
    stage.feed.handle(&event(&article)).await.unwrap();
    assert_eq!((&stage.told()[0].1["version"], &stage.told()[0].1["title"]), (&json!(8), &json!("Later")));
}

#[tokio::test]
async fn what_came_from_the_monolith_does_not_go_back() {
    let stage = Stage::answering(200).await;
    let source = Some(SourcePosition { committed_at: 1, file: "f".to_owned(), line: 2 });
    let article = Article { source, ..World::article("ice") };
    stage.world.keep(article.clone()).await;
    stage.feed.handle(&event(&article)).await.unwrap();
    assert_eq!(stage.told(), []);
}

#[tokio::test]
async fn the_monolith_is_told_which_edit_of_its_own_is_known() {
    let stage = Stage::answering(200).await;
    let article = World::article("ice");
    stage.world.keep(article.clone()).await;
    let row = ArticleRow {
        title: "Ice".to_owned(),
        summary: "Cold.".to_owned(),
        body: "Theirs.".to_owned(),
        author: article.author.clone(),
        byline: article.byline.clone(),
        premium: false,
        status: ArticleStatus::Published,
        published_at: None,
        changed_at: Timestamp(1_700_000_001_000),
        fed_back: false,
    };
    let at = SourcePosition { committed_at: 1, file: "f".to_owned(), line: 2 };
    let mut merged = Merged::default();
    merged.apply(&Row { id: article.id.clone(), at, change: Change::Article(Box::new(row)) });
    assert_eq!(stage.feed.imports.commit(&article.id, &merged, None, None).await.unwrap(), Commit::Done);
    stage.feed.handle(&event(&article)).await.unwrap();
    assert_eq!(stage.told()[0].1["knownChange"], json!("2023-11-14T22:13:21.000Z"));
}

#[tokio::test]
async fn poison_is_parked_with_its_reason() {
    let stage = Stage::answering(200).await;
    let later = json!({"detail": {"version": 2}}).to_string();
    for text in ["", "no event", &later] {
        stage.feed.handle(text).await.unwrap();
    }
    let letters = stage.letters.letters();
    assert_eq!(letters.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["", "no event", &later]);
    assert!(letters[2].1.contains("version is 2"), "{}", letters[2].1);
}

#[tokio::test]
async fn what_the_monolith_will_never_have_is_parked() {
    for status in [400, 413, 422] {
        let stage = Stage::answering(status).await;
        let article = World::article("ice");
        stage.world.keep(article.clone()).await;
        stage.feed.handle(&event(&article)).await.unwrap();
        assert_eq!(stage.letters.letters(), [(event(&article), format!("the monolith refused it with {status}"))]);
    }
}

#[tokio::test]
async fn what_the_monolith_cannot_take_now_comes_again() {
    for status in [302, 401, 403, 404, 408, 409, 429, 500, 503] {
        let stage = Stage::answering(status).await;
        let article = World::article("ice");
        stage.world.keep(article.clone()).await;
        let error = stage.feed.handle(&event(&article)).await.unwrap_err();
        assert!(matches!(error, FeedError::NotTaken(told) if told == status), "{error}");
        assert_eq!(stage.letters.letters(), []);
    }
}

#[tokio::test]
async fn a_monolith_that_is_down_or_knows_another_token_loses_nothing() {
    let nobody = Desk { told: Arc::default(), answer: StatusCode::OK };
    // The discard port: nobody listens there.
    let stage = Stage::at("http://127.0.0.1:9", nobody, TOKEN);
    let article = World::article("ice");
    stage.world.keep(article.clone()).await;
    let error = stage.feed.handle(&event(&article)).await.unwrap_err();
    assert!(matches!(error, FeedError::NoAnswer(_)), "{error}");
    assert!(!error.to_string().contains(TOKEN), "{error}");

    let mut stage = Stage::answering(200).await;
    stage.feed.token = FeedToken::new("another");
    stage.world.keep(article.clone()).await;
    let error = stage.feed.handle(&event(&article)).await.unwrap_err();
    assert!(matches!(error, FeedError::NotTaken(401)), "{error}");
    assert_eq!(stage.letters.letters(), []);
}

#[tokio::test]
async fn without_the_article_or_its_body_the_event_comes_again() {
    let stage = Stage::answering(200).await;
    let article = World::article("ice");
    assert!(matches!(stage.feed.handle(&event(&article)).await, Err(FeedError::Store(_))));
    stage.world.articles.give(article.clone());
    assert!(matches!(stage.feed.handle(&event(&article)).await, Err(FeedError::Store(_))));
    stage.world.keep(article.clone()).await;
    stage.world.turns.trip(Trip::BeforeEffect);
    assert!(matches!(stage.feed.handle(&event(&article)).await, Err(FeedError::Store(_))));
    assert_eq!((stage.told().len(), stage.letters.letters().len()), (0, 0));
    stage.feed.handle(&event(&article)).await.unwrap();
    assert_eq!(stage.told().len(), 1);
}
