//! Pages that follow one another.

use crate::articles::{apply, article, asked, ids, on_day, removed, write};
use crate::engines::Engine;
use domain::search::{Document, Filter, IndexChange, Query, Sort};
use std::collections::BTreeSet;

pub async fn every_order_is_total(engine: &impl Engine) {
    let documents = [
        on_day(1, "b", "Ice"),
        on_day(1, "a", "Ice"),
        on_day(3, "c", "Ice"),
        on_day(2, "d", "Ice and fire and water and stone"),
    ];
    write(engine, documents).await;
    for (sort, expected) in [
        (Sort::Newest, ["c", "d", "b", "a"]),
        (Sort::Oldest, ["a", "b", "d", "c"]),
        (Sort::Relevance, ["c", "b", "a", "d"]),
    ] {
        let found = engine.search(&asked("ice", Filter::default(), Some(sort), 10)).await.unwrap();
        assert_eq!(ids(&found), expected, "{sort:?}");
        assert_eq!(found.next, None);
    }
}

/// All pages of a question; between two of them something may happen.
async fn pages<E: Engine>(engine: &E, query: Query, mut between: impl AsyncFnMut(&E, usize)) -> Vec<String> {
    let (mut seen, mut page) = (Vec::new(), query.clone());
    for n in 0.. {
        let found = engine.search(&page).await.unwrap();
        assert!(found.hits.len() <= usize::from(query.limit()));
        seen.extend(found.hits.iter().map(|hit| hit.id.as_str().to_owned()));
        let Some(place) = found.next else { break };
        assert_eq!(found.hits.len(), usize::from(query.limit()), "only the last page may be short");
        page = query.clone().after(place).unwrap();
        between(engine, n).await;
    }
    seen
}

pub async fn pages_have_every_hit_once_whatever_ties(engine: &impl Engine) {
    // Few dates and few scores, written in several batches.
    let document = |n: i64| {
        on_day(
            n % 3,
            &format!("a{n:03}"),
            ["Ice", "Ice and fire", "Fire, ice, ice"][usize::try_from(n % 7 % 3).unwrap()],
        )
    };
    for batch in 0..4 {
        write(engine, (batch * 30..(batch + 1) * 30).map(document)).await;
    }
    let all: BTreeSet<String> = (0..120).map(|n| format!("a{n:03}")).collect();
    for sort in [Sort::Relevance, Sort::Newest, Sort::Oldest] {
        for limit in [1, 7, 40, 50] {
            let query = asked("ice", Filter::default(), Some(sort), limit);
            let seen = pages(engine, query, async |_, _| ()).await;
            assert_eq!(seen.len(), 120, "{sort:?} by {limit}");
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all, "{sort:?} by {limit}");
        }
    }
}

pub async fn pages_in_order_of_time_have_every_hit_once_while_others_write(engine: &impl Engine) {
    let document = |n: i64| on_day(n / 2, &format!("a{n:03}"), "Ice");
    write(engine, (0..60).map(document)).await;
    for (round, sort) in [(1, Sort::Newest), (2, Sort::Oldest)] {
        let query = asked("ice", Filter::default(), Some(sort), 7);
        let seen = pages(engine, query, async |engine, n| {
            let n = i64::try_from(n).unwrap();
            let version = u64::try_from(round * 100 + n).unwrap();
            // Others are published, before and after, seen ones are edited, and one is withdrawn that was not seen.
            let new = |id: &str, day| {
                IndexChange::Put(Document { version: 1, ..on_day(day, &format!("{id}-{round}-{n}"), "Ice") })
            };
            let edited = IndexChange::Put(Document { version, title: "Ice again".to_owned(), ..document(n * 5) });
            apply(
                engine,
                &[new("new", 90), new("old", -90), new("mid", 15), edited, removed(&format!("gone-{round}"), 1)],
            )
            .await;
        })
        .await;
        let mut kept: Vec<&String> = seen.iter().filter(|id| id.starts_with('a')).collect();
        assert_eq!(kept.len(), 60, "{sort:?}: {seen:?}");
        kept.dedup();
        assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), 60, "{sort:?}: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{sort:?}: {seen:?}");
    }
}

pub async fn a_page_after_an_article_that_is_gone_goes_on_where_it_was(engine: &impl Engine) {
    write(engine, (0..10).map(|n| article(&format!("a{n}"), "Ice"))).await;
    for sort in [Sort::Newest, Sort::Relevance] {
        let query = asked("ice", Filter::default(), Some(sort), 5);
        let first = engine.search(&query).await.unwrap();
        if sort == Sort::Newest {
            apply(engine, &[removed("a5", 2)]).await;
        }
        let second = engine.search(&query.after(first.next.unwrap()).unwrap()).await.unwrap();
        assert_eq!(ids(&second)[0], if sort == Sort::Newest { "a4" } else { "a3" }, "{sort:?}");
    }
}
