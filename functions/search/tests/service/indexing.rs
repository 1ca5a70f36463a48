//! Events bring the index to what the store has.

use crate::world::{MemoryIndex, Store, batch, message};
use aws_lambda_events::sqs::SqsBatchResponse;
use domain::articles::ArticleStatus;
use domain::articles::event::ArticleEvent;
use domain::articles::store::ArticleLists;
use domain::search::{IndexChange, Outcome};
use lambda::telemetry::Metrics;
use proptest::prelude::*;
use search::indexer::Indexer;
use std::collections::BTreeMap;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::clock::VirtualClock;
use testing::queue::MemoryDeadLetters;

type Service = Indexer<MemoryArticles, MemoryContents, MemoryIndex, MemoryDeadLetters, VirtualClock>;

fn service(store: &Store) -> Service {
    Indexer {
        articles: store.articles.clone(),
        contents: store.contents.clone(),
        index: MemoryIndex::default(),
        dead_letters: MemoryDeadLetters::default(),
        clock: store.clock.clone(),
        metrics: Metrics { namespace: "test".to_owned(), stage: "test".to_owned() },
    }
}

fn failed(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

async fn hear(service: &Service, events: &[&ArticleEvent]) -> SqsBatchResponse {
    let texts: Vec<String> = events.iter().map(|event| message(event)).collect();
    service.handle(batch(&texts)).await
}

#[tokio::test]
async fn only_what_readers_may_see_is_in_the_index() {
    let store = Store::default();
    let service = service(&store);
    let published = store.write("open", |_| ()).await;
    let premium = store.write("premium", |article| article.premium = true).await;
    let draft = store.write("draft", |article| article.status = ArticleStatus::Draft).await;
    let withdrawn = store.write("withdrawn", |article| article.status = ArticleStatus::Withdrawn).await;
    let response = hear(&service, &[&published, &premium, &draft, &withdrawn]).await;
    assert_eq!(failed(&response), [] as [&str; 0]);
    let bodies: Vec<(String, String)> =
        service.index.documents().into_iter().map(|document| (document.id.to_string(), document.body)).collect();
    let text = "About open\nThe body of version 1.";
    assert_eq!(bodies, [("open".to_owned(), text.to_owned()), ("premium".to_owned(), String::new())]);
    assert!(matches!(service.index.entry("draft"), Some(IndexChange::Remove { version: 1, .. })));
    assert!(matches!(service.index.entry("withdrawn"), Some(IndexChange::Remove { version: 1, .. })));
}

#[tokio::test]
async fn what_is_written_is_what_the_store_has_by_then() {
    let store = Store::default();
    let service = service(&store);
    let first = store.write("ice", |_| ()).await;
    let second = store.write("ice", |article| article.title = "Second".to_owned()).await;
    hear(&service, &[&first, &first]).await;
    assert_eq!(
        (service.index.documents()[0].version, service.index.batches()),
        (2, vec![1]),
        "one article is read once"
    );
    hear(&service, &[&second]).await;
    let third = store.write("ice", |article| article.status = ArticleStatus::Withdrawn).await;
    hear(&service, &[&second, &third, &first]).await;
    assert_eq!(service.index.documents(), []);
    assert_eq!(service.dead_letters.letters(), []);
}

#[tokio::test]
async fn poison_is_parked_with_the_reason_and_stops_nobody() {
    let store = Store::default();
    let service = service(&store);
    let good = store.write("ice", |_| ()).await;
    let texts = ["not json".to_owned(), message(&good), r#"{"detail": {"version": 9}}"#.to_owned()];
    assert_eq!(failed(&service.handle(batch(&texts)).await), [] as [&str; 0]);
    assert_eq!(service.index.documents().len(), 1);
    let letters = service.dead_letters.letters();
    assert_eq!((letters.len(), &letters[0].0, &letters[1].0), (2, &texts[0], &texts[2]));
    assert!(letters[0].1.contains("it is not JSON") && letters[1].1.contains("its version is 9"));
}

#[tokio::test]
async fn what_the_index_can_never_take_is_parked_and_what_it_cannot_take_now_comes_again() {
    let store = Store::default();
    let service = service(&store);
    let mut events = Vec::new();
    for id in ["good", "poison", "later"] {
        events.push(store.write(id, |_| ()).await);
    }
    service.index.script("poison", [Outcome::Rejected { why: "too long".to_owned() }]);
    service.index.script("later", [Outcome::Later { why: "busy".to_owned() }]);
    let response = hear(&service, &events.iter().collect::<Vec<_>>()).await;
    assert_eq!(failed(&response), ["m2"]);
    assert_eq!(service.dead_letters.letters(), [(message(&events[1]), "too long".to_owned())]);
    assert_eq!(failed(&hear(&service, &[&events[2]]).await), [] as [&str; 0]);
    assert_eq!(service.index.documents().len(), 2);
}

#[tokio::test]
async fn while_something_is_down_every_event_comes_again() {
    let store = Store::default();
    let service = service(&store);
    let (ice, fire) = (store.write("ice", |_| ()).await, store.write("fire", |_| ()).await);
    service.index.goes_down(true);
    let mut again = hear(&service, &[&ice, &fire, &ice]).await;
    again.batch_item_failures.sort_by(|one, other| one.item_identifier.cmp(&other.item_identifier));
    assert_eq!(failed(&again), ["m0", "m1", "m2"]);
    service.index.goes_down(false);
    let unknown = Store::default().write("unknown", |_| ()).await;
    assert_eq!(failed(&hear(&service, &[&ice, &unknown, &fire]).await), ["m1"], "what the store does not have (yet)");
    assert_eq!((service.index.documents().len(), service.dead_letters.letters().len()), (2, 0));
}

#[tokio::test]
async fn an_empty_batch_is_none() {
    let store = Store::default();
    assert_eq!(failed(&service(&store).handle(batch(&[])).await), [] as [&str; 0]);
}

proptest! {
    /// Some events are lost to failures and redriven, some come twice, all in any order, between writes.
    #[test]
    fn any_fate_of_events_ends_with_what_the_store_has(
        writes in prop::collection::vec((0..4u8, 0..3u8), 1..20),
        order in any::<[u8; 40]>(),
        outages in any::<u32>(),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let store = Store::default();
            let service = service(&store);
            let mut waiting: Vec<String> = Vec::new();
            for (n, (id, status)) in writes.iter().enumerate() {
                let status = [ArticleStatus::Published, ArticleStatus::Draft, ArticleStatus::Withdrawn][usize::from(*status)];
                let event = store.write(&format!("a{id}"), |article| article.status = status).await;
                waiting.push(message(&event));
                let one = usize::from(order[n]) % waiting.len();
                let texts = [waiting.swap_remove(one), waiting.last().cloned().unwrap_or_default()];
                service.index.goes_down(outages >> (n % 32) & 1 == 1);
                let response = service.handle(batch(&texts)).await;
                waiting.extend(failed(&response).iter().map(|name| texts[usize::from(*name == "m1")].clone()));
            }
            service.index.goes_down(false);
            assert_eq!(failed(&service.handle(batch(&waiting)).await), [] as [&str; 0]);

            let mut expected = BTreeMap::new();
            for article in store.articles.scan(None, 100).await.unwrap() {
                if article.status == ArticleStatus::Published {
                    expected.insert(article.id.to_string(), article.version);
                }
            }
            let found: BTreeMap<String, u64> =
                service.index.documents().iter().map(|document| (document.id.to_string(), document.version)).collect();
            assert_eq!(found, expected);
        });
    }
}
