//! Rebuilding the index, a step at a time.

use crate::world::{MemoryIndex, Store};
use domain::articles::{ArticleId, ArticleStatus};
use domain::search::{Draft, Outcome};
use domain::time::{Chance, Pause};
use lambda::task::{TaskError, answer};
use search::reindex::{Done, Rebuilder, Request};
use serde_json::json;
use std::time::Duration;
use testing::articles::{MemoryArticles, MemoryContents};

struct Machine;

impl Chance for Machine {
    fn draw(&self) -> f64 {
        0.5
    }
}

impl Pause for Machine {
    async fn pause(&self, _: Duration) {}
}

type Service = Rebuilder<MemoryArticles, MemoryContents, MemoryIndex, Machine>;

fn service(store: &Store) -> Service {
    Rebuilder {
        articles: store.articles.clone(),
        contents: store.contents.clone(),
        index: MemoryIndex::default(),
        machine: Machine,
    }
}

async fn begin(service: &Service) -> Draft {
    match service.handle(Request::Begin).await.unwrap() {
        Done::Begin { draft } => draft,
        other => unreachable!("{other:?}"),
    }
}

/// Fills a draft to the end; the answer says how many articles each step had, and why some are missing.
async fn fill(service: &Service, draft: &Draft) -> (Vec<usize>, Vec<String>) {
    let (mut steps, mut missing, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let request = Request::Fill { draft: draft.clone(), after: after.clone() };
        let Done::Fill { after: last, articles, reasons, .. } = service.handle(request).await.unwrap() else {
            unreachable!("a filling was asked for")
        };
        steps.push(articles);
        missing.extend(reasons);
        after = last;
        if after.is_none() {
            return (steps, missing);
        }
    }
}

#[tokio::test]
async fn all_articles_are_carried_over_in_steps_of_limited_length() {
    let store = Store::default();
    for n in 0..2300 {
        let status = if n % 10 == 0 { ArticleStatus::Withdrawn } else { ArticleStatus::Published };
        store.write(&format!("a{n}"), |article| article.status = status).await;
    }
    let service = service(&store);
    let draft = begin(&service).await;
    let (steps, missing) = fill(&service, &draft).await;
    assert_eq!((steps.iter().sum::<usize>(), missing), (2300, Vec::<String>::new()));
    assert!(steps.iter().all(|articles| *articles <= 1000), "{steps:?}");
    assert_eq!(service.index.documents(), [], "the draft does not answer yet");
    assert_eq!(service.handle(Request::Swap { draft }).await, Ok(Done::Swap));
    assert_eq!(service.handle(Request::DropFormer).await, Ok(Done::DropFormer));
    assert_eq!(service.index.documents().len(), 2070);
    assert!(service.index.entry("a0").is_some(), "what is gone is known to be gone");
}

#[tokio::test]
async fn what_the_index_cannot_take_is_named_and_what_it_takes_later_is_not_lost() {
    let store = Store::default();
    for id in ["good", "poison", "late"] {
        store.write(id, |_| ()).await;
    }
    let service = service(&store);
    let later = || Outcome::Later { why: "busy".to_owned() };
    service.index.script("poison", [Outcome::Rejected { why: "too long".to_owned() }]);
    service.index.script("late", [later(), later(), later()]);
    let draft = begin(&service).await;
    assert_eq!(fill(&service, &draft).await.1, ["poison: too long"]);
    service.handle(Request::Swap { draft }).await.unwrap();
    assert_eq!(service.index.documents().len(), 2);
}

#[tokio::test]
async fn a_step_that_failed_may_be_tried_again_unless_somebody_began_another_rebuilding() {
    let store = Store::default();
    store.write("ice", |_| ()).await;
    let service = service(&store);
    let draft = begin(&service).await;
    let request = Request::Fill { draft: draft.clone(), after: None };
    service.index.goes_down(true);
    assert!(matches!(service.handle(request.clone()).await, Err(TaskError::Retryable(_))));
    assert!(matches!(service.handle(Request::Begin).await, Err(TaskError::Retryable(_))));
    service.index.goes_down(false);
    let busy = vec![Outcome::Later { why: "busy".to_owned() }; 6];
    service.index.script("ice", busy);
    assert!(matches!(service.handle(request.clone()).await, Err(TaskError::Retryable(_))));
    assert!(service.handle(request.clone()).await.is_ok());
    begin(&service).await;
    let gone = service.handle(request).await.unwrap_err();
    assert!(matches!(&gone, TaskError::Terminal(why) if why.contains("somebody began another")), "{gone:?}");
    assert!(matches!(service.handle(Request::Swap { draft }).await, Err(TaskError::Terminal(_))));
}

#[tokio::test]
async fn a_step_is_asked_and_answered_in_plain_json() {
    let store = Store::default();
    store.write("ice", |_| ()).await;
    let service = service(&store);
    let step = async |request| answer(|request: Request| service.handle(request), request).await;
    let json = |done: Result<Done, TaskError>| serde_json::to_value(done.unwrap()).unwrap();
    assert_eq!(json(step(json!({"step": "begin"})).await), json!({"step": "begin", "draft": "1"}));
    let filled = json(step(json!({"step": "fill", "draft": "1", "after": null})).await);
    assert_eq!(filled, json!({"step": "fill", "after": null, "articles": 1, "rejected": 0, "reasons": []}));
    let after = ArticleId::new("zebra").unwrap();
    assert_eq!(json(step(json!({"step": "fill", "draft": "1", "after": after})).await)["articles"], 0);
    assert_eq!(json(step(json!({"step": "swap", "draft": "1"})).await), json!({"step": "swap"}));
    assert_eq!(json(step(json!({"step": "dropFormer"})).await), json!({"step": "dropFormer"}));
    assert!(matches!(step(json!({"step": "burn"})).await, Err(TaskError::BadInput(_))));
}
