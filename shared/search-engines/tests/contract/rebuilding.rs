//! An index that is rebuilt beside the one that answers.

use crate::articles::{apply, article, asked, finds, on_day, removed, search, write};
use crate::engines::Engine;
use domain::search::{Document, Draft, Filter, IndexChange, Outcome, ReindexError};
use std::cell::RefCell;
use std::collections::BTreeMap;

async fn fill(engine: &impl Engine, draft: &Draft, documents: impl IntoIterator<Item = Document>) -> Vec<Outcome> {
    let changes: Vec<IndexChange> = documents.into_iter().map(IndexChange::Put).collect();
    let outcomes = engine.fill(draft, &changes).await.unwrap();
    engine.settle().await;
    outcomes
}

async fn swap(engine: &impl Engine, draft: &Draft) {
    engine.swap(draft).await.unwrap();
    engine.settle().await;
}

pub async fn a_draft_is_not_asked_before_it_answers(engine: &impl Engine) {
    write(engine, [article("old", "Ice")]).await;
    let draft = engine.begin().await.unwrap();
    assert_eq!(fill(engine, &draft, [article("new", "Ice")]).await, [Outcome::Applied]);
    finds(engine, "ice", &["old"]).await;
    swap(engine, &draft).await;
    finds(engine, "ice", &["new"]).await;
    swap(engine, &draft).await;
    engine.drop_former().await.unwrap();
    finds(engine, "ice", &["new"]).await;
    write(engine, [on_day(-1, "newer", "Ice")]).await;
    finds(engine, "ice", &["new", "newer"]).await;
}

pub async fn changes_reach_both_while_a_draft_is_filled(engine: &impl Engine) {
    write(engine, [article("kept", "Ice"), article("edited", "Ice"), article("gone", "Ice")]).await;
    let draft = engine.begin().await.unwrap();
    let edited = IndexChange::Put(Document { version: 2, ..article("edited", "Fire") });
    let outcomes = apply(engine, &[edited, removed("gone", 2), IndexChange::Put(article("new", "Ice"))]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied, Outcome::Applied]);
    finds(engine, "ice", &["new", "kept"]).await;
    // Whoever fills may have read all of them before.
    let outcomes =
        fill(engine, &draft, [article("kept", "Ice"), article("edited", "Ice"), article("gone", "Ice")]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Stale, Outcome::Stale]);
    swap(engine, &draft).await;
    finds(engine, "ice", &["new", "kept"]).await;
    finds(engine, "fire", &["edited"]).await;
}

pub async fn a_late_change_of_the_filling_is_stale(engine: &impl Engine) {
    write(engine, [Document { version: 3, ..article("a", "Ice") }]).await;
    let draft = engine.begin().await.unwrap();
    assert_eq!(fill(engine, &draft, [Document { version: 3, ..article("a", "Ice") }]).await, [Outcome::Applied]);
    // The index that answers has it already, the draft has not: it counts as applied.
    let late = IndexChange::Put(Document { version: 3, ..article("b", "Ice") });
    assert_eq!(apply(engine, std::slice::from_ref(&late)).await, [Outcome::Applied]);
    assert_eq!(apply(engine, &[late]).await, [Outcome::Stale]);
    let poison = IndexChange::Put(Document { version: 0, ..article("c", "Ice") });
    assert!(matches!(apply(engine, &[poison]).await[0], Outcome::Rejected { .. }));
    swap(engine, &draft).await;
    finds(engine, "ice", &["b", "a"]).await;
}

pub async fn only_the_last_draft_counts(engine: &impl Engine) {
    write(engine, [article("a", "Ice")]).await;
    let first = engine.begin().await.unwrap();
    let second = engine.begin().await.unwrap();
    assert_ne!(first, second);
    let change = IndexChange::Put(article("b", "Ice"));
    let filled = engine.fill(&first, std::slice::from_ref(&change)).await;
    assert_eq!(filled, Err(ReindexError::Gone(first.clone())));
    assert_eq!(engine.swap(&first).await, Err(ReindexError::Gone(first)));
    finds(engine, "ice", &["a"]).await;
    engine.drop_former().await.unwrap();
    assert_eq!(engine.fill(&second, &[change]).await, Ok(vec![Outcome::Applied]), "nobody drops what is being filled");
    swap(engine, &second).await;
    finds(engine, "ice", &["b"]).await;
    assert_eq!(engine.swap(&Draft("unknown".to_owned())).await, Err(ReindexError::Gone(Draft("unknown".to_owned()))));
}

/// The articles as they are stored: each with its version, or gone.
type Store = RefCell<BTreeMap<String, (u64, bool)>>;

fn stored(store: &Store, id: &str) -> IndexChange {
    let (version, there) = store.borrow()[id];
    if there {
        IndexChange::Put(Document { version, ..article(id, &format!("Ice version {version}")) })
    } else {
        removed(id, version)
    }
}

pub async fn an_index_is_rebuilt_while_it_is_asked_and_written(engine: &impl Engine) {
    let store: Store = RefCell::default();
    for n in 0..40 {
        store.borrow_mut().insert(format!("a{n:02}"), (1, true));
    }
    let ids: Vec<String> = store.borrow().keys().cloned().collect();
    let all: Vec<IndexChange> = ids.iter().map(|id| stored(&store, id)).collect();
    apply(engine, &all).await;
    let rebuilt = std::cell::Cell::new(0);

    let rebuilding = async {
        for _ in 0..3 {
            let draft = engine.begin().await.unwrap();
            for batch in ids.chunks(7) {
                let changes: Vec<IndexChange> = batch.iter().map(|id| stored(&store, id)).collect();
                tokio::task::yield_now().await;
                for outcome in engine.fill(&draft, &changes).await.unwrap() {
                    assert!(matches!(outcome, Outcome::Applied | Outcome::Stale), "{outcome:?}");
                }
            }
            engine.swap(&draft).await.unwrap();
            rebuilt.set(rebuilt.get() + 1);
            engine.drop_former().await.unwrap();
        }
    };
    let writing = async {
        let mut n = 0;
        while rebuilt.get() < 3 {
            tokio::task::yield_now().await;
            n += 1;
            let touched: Vec<&String> = ids.iter().skip(n % 5).step_by(9).collect();
            for id in &touched {
                let mut store = store.borrow_mut();
                let (version, there) = store[id.as_str()];
                // One article comes and goes, the others stay.
                store.insert((*id).clone(), (version + 1, id.as_str() != "a09" || !there));
            }
            let changes: Vec<IndexChange> = touched.iter().map(|id| stored(&store, id)).collect();
            for outcome in engine.apply(&changes).await.unwrap() {
                assert!(matches!(outcome, Outcome::Applied | Outcome::Stale), "{outcome:?}");
            }
        }
    };
    let asking = async {
        while rebuilt.get() < 3 {
            let found = engine.search(&asked("ice", Filter::default(), None, 50)).await.unwrap();
            assert!((39..=40).contains(&found.total), "{} of 40 are found", found.total);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(rebuilding, writing, asking);

    engine.settle().await;
    let found = search(engine, "ice").await;
    let mut titles: Vec<(String, String)> =
        found.hits.iter().map(|hit| (hit.id.as_str().to_owned(), hit.title.clone())).collect();
    titles.sort_unstable();
    let expected: Vec<(String, String)> = ids
        .iter()
        .filter_map(|id| match stored(&store, id) {
            IndexChange::Put(document) => Some((id.clone(), document.title)),
            IndexChange::Remove { .. } => None,
        })
        .collect();
    assert_eq!(titles, expected);
}
