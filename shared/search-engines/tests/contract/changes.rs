//! What becomes of the index.

use crate::articles::{apply, article, asked, finds, removed, search, write};
use crate::engines::Engine;
use domain::search::{Document, Filter, IndexChange, Outcome};
use domain::time::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

fn version(version: u64, title: &str) -> IndexChange {
    IndexChange::Put(Document { version, ..article("a", title) })
}

pub async fn the_newest_version_stays(engine: &impl Engine) {
    write(engine, [Document { version: 5, ..article("a", "Fifth") }]).await;
    let outcomes = apply(engine, &[version(5, "Fifth again"), version(4, "Fourth"), version(1, "First")]).await;
    assert_eq!(outcomes, [Outcome::Stale, Outcome::Stale, Outcome::Stale]);
    finds(engine, "fifth", &["a"]).await;
    assert_eq!(search(engine, "").await.hits[0].title, "Fifth");
    assert_eq!(apply(engine, &[version(6, "Sixth")]).await, [Outcome::Applied]);
    finds(engine, "fifth", &[]).await;
    finds(engine, "sixth", &["a"]).await;
    assert_eq!(search(engine, "").await.total, 1);
}

pub async fn a_late_change_never_brings_back_what_is_gone(engine: &impl Engine) {
    write(engine, [Document { version: 2, ..article("a", "Second") }]).await;
    assert_eq!(apply(engine, &[removed("a", 1)]).await, [Outcome::Stale], "a late removal");
    finds(engine, "second", &["a"]).await;
    assert_eq!(apply(engine, &[removed("a", 4)]).await, [Outcome::Applied]);
    assert_eq!(apply(engine, &[version(3, "Third"), version(4, "Fourth")]).await, [Outcome::Stale, Outcome::Stale]);
    finds(engine, "", &[]).await;
    assert_eq!(apply(engine, &[removed("b", 7), removed("b", 6)]).await, [Outcome::Applied, Outcome::Stale]);
    let unknown = IndexChange::Put(Document { version: 6, ..article("b", "Before it was known") });
    assert_eq!(apply(engine, &[unknown]).await, [Outcome::Stale], "gone before it was there");
    assert_eq!(apply(engine, &[version(5, "Published anew")]).await, [Outcome::Applied]);
    finds(engine, "", &["a"]).await;
}

pub async fn changes_of_one_batch_are_ordered_by_their_versions(engine: &impl Engine) {
    let outcomes =
        apply(engine, &[version(2, "Second"), version(3, "Third"), version(1, "First"), version(3, "Third")]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied, Outcome::Stale, Outcome::Stale]);
    finds(engine, "third", &["a"]).await;
    assert_eq!(search(engine, "").await.total, 1);
    assert_eq!(apply(engine, &[]).await, []);
}

pub async fn poison_is_rejected_alone(engine: &impl Engine) {
    let poison = [
        IndexChange::Put(Document { version: 0, ..article("zero", "Ice") }),
        IndexChange::Put(Document { version: u64::MAX, ..article("endless", "Ice") }),
        removed("gone", u64::MAX),
        IndexChange::Put(Document { published_at: Timestamp(i64::MAX), ..article("late", "Ice") }),
        IndexChange::Put(Document { body: "ice ".repeat(300_000), ..article("long", "Ice") }),
    ];
    let good = |n: usize| IndexChange::Put(article(&format!("good-{n}"), "Ice"));
    let changes: Vec<IndexChange> = poison.into_iter().enumerate().flat_map(|(n, poison)| [good(n), poison]).collect();
    for (outcome, change) in apply(engine, &changes).await.iter().zip(&changes) {
        if change.id().as_str().starts_with("good") {
            assert_eq!(*outcome, Outcome::Applied);
        } else {
            assert!(matches!(outcome, Outcome::Rejected { why } if !why.contains("ice ice")), "{outcome:?}");
        }
    }
    assert_eq!(search(engine, "ice").await.total, 5);
    // What is strange but within the limits is no poison.
    let strange = Document {
        title: "\u{202e}Ice \u{0}\u{feff}".to_owned(),
        body: "ice".repeat(100_000),
        summary: "ice, ".repeat(60_000),
        published_at: Timestamp(-62_135_596_800_000),
        version: u64::try_from(i64::MAX).unwrap(),
        ..article("strange", "")
    };
    write(engine, [strange]).await;
    assert_eq!(search(engine, "ice").await.total, 6);
}

/// Changes of a few articles, any of them several times, in any order.
fn histories() -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
    prop::collection::vec((0..5u8, 1..8u64, any::<bool>()), 1..40)
}

/// The same version of an article is the same change, whoever brings it.
fn change(prefix: &str, (article_number, version, _): (u8, u64, bool)) -> IndexChange {
    let id = format!("{prefix}-{article_number}");
    if (u64::from(article_number) + version).is_multiple_of(3) {
        removed(&id, version)
    } else {
        IndexChange::Put(Document { version, ..article(&id, &format!("{prefix} version {version}")) })
    }
}

pub async fn any_order_and_repetition_ends_in_the_same_index(engine: &impl Engine) {
    let mut runner = TestRunner::deterministic();
    for case in 0..12 {
        let history = histories().new_tree(&mut runner).unwrap().current();
        let prefix = format!("case{case}");
        let changes: Vec<IndexChange> = history.iter().map(|step| change(&prefix, *step)).collect();
        // A step that says so ends a batch.
        let mut batch = Vec::new();
        for (change, (_, _, ends)) in changes.iter().zip(&history) {
            batch.push(change.clone());
            if *ends {
                apply(engine, &std::mem::take(&mut batch)).await;
            }
        }
        apply(engine, &batch).await;

        let mut last: BTreeMap<&str, &IndexChange> = BTreeMap::new();
        for change in &changes {
            let newest = last.entry(change.id().as_str()).or_insert(change);
            if change.version() > newest.version() {
                *newest = change;
            }
        }
        let expected: Vec<(&str, &str)> = last
            .into_values()
            .filter_map(|change| match change {
                IndexChange::Put(document) => Some((document.id.as_str(), document.title.as_str())),
                IndexChange::Remove { .. } => None,
            })
            .collect();
        let found = engine.search(&asked(&prefix, Filter::default(), None, 50)).await.unwrap();
        let mut found: Vec<(&str, &str)> = found.hits.iter().map(|hit| (hit.id.as_str(), hit.title.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{history:?}");
    }
}
