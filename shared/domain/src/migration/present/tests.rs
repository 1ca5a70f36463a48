use super::super::rows::{ArticleRow, Change, Row};
use super::*;
use crate::articles::{AuthorId, SourcePosition, Tag};

fn id() -> ArticleId {
    ArticleId::new("ice").unwrap()
}

/// A row of `article` that says `title`, at this time.
fn saved(time: i64, title: &str) -> Row {
    row(time, title, false)
}

/// The same, written by the articles service.
fn fed_back(time: i64, title: &str) -> Row {
    row(time, title, true)
}

fn row(time: i64, title: &str, fed_back: bool) -> Row {
    let article = ArticleRow {
        title: title.to_owned(),
        summary: "Summary".to_owned(),
        body: title.to_owned(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada".to_owned(),
        premium: false,
        status: ArticleStatus::Published,
        published_at: Some(Timestamp(7000)),
        changed_at: Timestamp(time * 1000),
        fed_back,
    };
    Row { id: id(), at: at(time), change: Change::Article(Box::new(article)) }
}

fn topic(time: i64, topic: &str, there: bool) -> Row {
    Row { id: id(), at: at(time), change: Change::Topic { topic: Tag::new(topic).unwrap(), there } }
}

fn deleted(time: i64) -> Row {
    Row { id: id(), at: at(time), change: Change::ArticleDeleted }
}

fn at(time: i64) -> SourcePosition {
    SourcePosition { committed_at: time * 1_000_000, file: "f".to_owned(), line: 2 }
}

fn merged(rows: &[Row]) -> Merged {
    let mut merged = Merged::default();
    for row in rows {
        merged.apply(row);
    }
    merged
}

fn written(verdict: Verdict) -> Article {
    match verdict {
        Verdict::Write(article) => *article,
        other => panic!("{other:?}"),
    }
}

/// The version after the import's one that the new service wrote, in the second 2.
fn edited_here(title: &str) -> Article {
    let imported = written(decide(&id(), &merged(&[saved(1, "Old")]), None));
    let body = crate::articles::ContentKey::of(&id(), title);
    let (published_at, updated_at) = (Some(Timestamp(7123)), Timestamp(2345));
    Article { version: 2, title: title.to_owned(), content: body, source: None, published_at, updated_at, ..imported }
}

#[test]
fn topics_alone_are_no_article() {
    assert_eq!(decide(&id(), &merged(&[topic(1, "ice", true), deleted(2)]), None), Verdict::Nothing);
}

#[test]
fn rows_become_an_article_that_knows_where_it_comes_from() {
    let known = merged(&[topic(2, "stars", true), topic(2, "ice", true), saved(1, "Old")]);
    let article = written(decide(&id(), &known, None));
    assert_eq!((article.version, article.title.as_str(), article.updated_at), (1, "Old", Timestamp(1000)));
    assert_eq!(article.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["ice", "stars"]);
    assert_eq!(article.source, Some(at(2)));
    assert_eq!(decide(&id(), &known, Some(&article)), Verdict::Nothing);
}

#[test]
fn a_change_is_the_next_version() {
    let article = written(decide(&id(), &merged(&[saved(1, "Old")]), None));
    let next = written(decide(&id(), &merged(&[saved(1, "Old"), saved(2, "New")]), Some(&article)));
    assert_eq!((next.version, next.title.as_str()), (2, "New"));
    let tagged = written(decide(&id(), &merged(&[saved(1, "Old"), topic(1, "ice", true)]), Some(&article)));
    assert_eq!((tagged.version, tagged.tags.len()), (2, 1));
}

#[test]
fn what_is_deleted_is_withdrawn_whenever_the_deletion_comes() {
    let article = written(decide(&id(), &merged(&[saved(1, "Old")]), None));
    let gone = written(decide(&id(), &merged(&[saved(1, "Old"), deleted(3)]), Some(&article)));
    assert_eq!((gone.status, gone.title.as_str(), gone.updated_at), (ArticleStatus::Withdrawn, "Old", Timestamp(3000)));
    let at_once = written(decide(&id(), &merged(&[deleted(3), saved(1, "Old")]), None));
    assert_eq!(at_once, Article { version: 1, ..gone.clone() });
    let back = written(decide(&id(), &merged(&[deleted(3), saved(4, "Old")]), Some(&gone)));
    assert_eq!(back.status, ArticleStatus::Published);
}

#[test]
fn what_the_new_service_wrote_is_not_written_over_by_a_change_that_did_not_know_it() {
    let here = edited_here("Here");
    assert_eq!(decide(&id(), &merged(&[saved(1, "Old"), saved(2, "There")]), Some(&here)), Verdict::Conflict);
    assert_eq!(decide(&id(), &merged(&[saved(1, "Old"), deleted(2)]), Some(&here)), Verdict::Conflict);
    // The monolith knew another version.
    let known = merged(&[fed_back(2, "Earlier"), saved(3, "There")]);
    assert_eq!(decide(&id(), &known, Some(&here)), Verdict::Conflict);
}

#[test]
fn what_the_new_service_fed_back_is_no_news() {
    let here = edited_here("Here");
    for echo in [fed_back(2, "Here"), fed_back(2, "An earlier version")] {
        let known = merged(&[saved(1, "Old"), echo, topic(2, "late", true)]);
        assert_eq!(decide(&id(), &known, Some(&here)), Verdict::Nothing);
    }
}

#[test]
fn what_the_monolith_changes_after_it_was_fed_is_taken_along_in_any_order() {
    let here = edited_here("Here");
    let rows = [fed_back(2, "Here"), saved(3, "There"), topic(3, "ice", true)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let known = merged(&order.map(|row| rows[row].clone()));
        let next = written(decide(&id(), &known, Some(&here)));
        assert_eq!((next.version, next.title.as_str(), next.tags.len()), (3, "There", 1));
        // The monolith knows the same moment to the second only.
        assert_eq!(next.published_at, Some(Timestamp(7123)));
    }
    let gone = written(decide(&id(), &merged(&[fed_back(2, "Here"), deleted(3)]), Some(&here)));
    assert_eq!(gone.status, ArticleStatus::Withdrawn);
}

#[test]
fn what_the_monolith_changes_of_topics_alone_is_taken_along_too() {
    let here = edited_here("Here");
    let known = merged(&[fed_back(2, "Here"), topic(3, "ice", true)]);
    let next = written(decide(&id(), &known, Some(&here)));
    assert_eq!((next.version, next.title.as_str(), next.tags.len()), (3, "Here", 1));
    // These go with a row that was fed back later, and is not read yet.
    let later = Article { version: 3, title: "Later".to_owned(), updated_at: Timestamp(3456), ..here };
    assert_eq!(decide(&id(), &known, Some(&later)), Verdict::Nothing);
}

#[test]
fn a_version_with_other_tags_alone_is_another_version() {
    let here = edited_here("Here");
    let tagged = Article { version: 3, tags: vec![Tag::new("ice").unwrap()], updated_at: Timestamp(3456), ..here };
    let known = merged(&[fed_back(2, "Here"), saved(4, "There")]);
    assert_eq!(decide(&id(), &known, Some(&tagged)), Verdict::Conflict);
}

#[test]
fn a_store_that_was_emptied_takes_what_was_fed_back_too() {
    let article = written(decide(&id(), &merged(&[fed_back(2, "Here")]), None));
    assert_eq!(article.title, "Here");
}

#[test]
fn there_are_never_more_tags_than_an_article_may_have() {
    let mut rows: Vec<Row> = (0..12).map(|n| topic(1, &format!("t{n:02}"), true)).collect();
    rows.push(saved(1, "Old"));
    let tags = written(decide(&id(), &merged(&rows), None)).tags;
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>()[8..], ["t08", "t09"]);
}
