//! What somebody may mean who has begun to type.

use crate::articles::{apply, article, on_day, removed, write};
use crate::engines::Engine;
use domain::search::{Document, Suggestion, Text};

async fn suggests(engine: &impl Engine, beginning: &str) -> Vec<String> {
    let suggestions = engine.suggest(&Text::new(beginning).unwrap()).await.unwrap();
    suggestions.into_iter().map(|Suggestion { id, .. }| id.as_str().to_owned()).collect()
}

pub async fn every_word_begins_a_word_of_the_title(engine: &impl Engine) {
    let documents = [
        article("black", "Black holes and Émile’s universe"),
        Document { body: "Black holes".to_owned(), ..article("body", "Something else") },
        article("long", &format!("A {}", "x".repeat(60))),
    ];
    write(engine, documents).await;
    for (beginning, expected) in [
        ("b", &["black"][..]),
        ("bla", &["black"]),
        ("BLACK HO", &["black"]),
        ("ho bl", &["black"]),
        ("emi uni", &["black"]),
        ("émile", &["black"]),
        ("lack", &[]),
        ("bla stone", &[]),
        ("!", &[]),
        (&"x".repeat(40), &["long"]),
    ] {
        assert_eq!(suggests(engine, beginning).await, expected, "{beginning:?}");
    }
    let first = &engine.suggest(&Text::new("bla").unwrap()).await.unwrap()[0];
    assert_eq!(first.title, "Black holes and Émile’s universe");
}

pub async fn beginnings_are_forgiven_typing_errors_too(engine: &impl Engine) {
    write(engine, [article("black", "Black holes"), article("telescope", "The telescope"), article("ox", "Ox 2026")])
        .await;
    for (beginning, expected) in [
        ("blakc", &["black"][..]),
        ("teles", &["telescope"]),
        ("telsc", &["telescope"]),
        ("bleck hol", &["black"]),
        ("2025", &[]),
        ("oz", &[]),
    ] {
        assert_eq!(suggests(engine, beginning).await, expected, "{beginning:?}");
    }
}

pub async fn what_is_gone_is_not_suggested(engine: &impl Engine) {
    write(engine, [article("one", "Black holes"), article("two", "Black ice")]).await;
    apply(engine, &[removed("one", 2)]).await;
    assert_eq!(suggests(engine, "black").await, ["two"]);
}

pub async fn there_are_at_most_ten(engine: &impl Engine) {
    write(engine, (0..15).map(|n| on_day(n, &format!("a{n:02}"), "Black ice"))).await;
    let suggested = suggests(engine, "bla").await;
    assert_eq!(suggested.len(), 10);
    assert_eq!(suggested[0], "a14", "what ties is in order of time");
}
