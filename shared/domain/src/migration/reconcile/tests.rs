use super::super::rows::{ArticleRow, Change, Row};
use super::*;
use crate::articles::{AuthorId, SourcePosition};
use crate::time::Timestamp;

const BODY: &str = "A body of some length.";

fn id(name: &str) -> ArticleId {
    ArticleId::new(name).unwrap()
}

fn rows(name: &str) -> Merged {
    let at = SourcePosition { committed_at: 1, file: "LOAD00000001.csv".to_owned(), line: 2 };
    let article = ArticleRow {
        title: "Title".to_owned(),
        summary: "Summary".to_owned(),
        body: BODY.to_owned(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada".to_owned(),
        premium: true,
        status: ArticleStatus::Published,
        published_at: Some(Timestamp(7000)),
        changed_at: Timestamp(8000),
        fed_back: false,
    };
    let mut merged = Merged::default();
    merged.apply(&Row { id: id(name), at: at.clone(), change: Change::Article(Box::new(article)) });
    for topic in ["stars", "ice"] {
        let topic = Tag::new(topic).unwrap();
        merged.apply(&Row { id: id(name), at: at.clone(), change: Change::Topic { topic, there: true } });
    }
    merged
}

fn article(name: &str) -> Article {
    present::article(&id(name), &rows(name)).unwrap()
}

/// Compares what the monolith has with what the new store has, articles and their bodies.
fn compared(old: &[&str], new: &[(Article, Option<&str>)]) -> Report {
    let old = old.iter().filter_map(|name| Some((id(name), Fingerprint::of_rows(&id(name), &rows(name))?))).collect();
    let new = new.iter().map(|(article, body)| (article.id.clone(), Fingerprint::of_article(article, *body))).collect();
    compare(&old, &new)
}

fn only_difference(report: &Report) -> &Difference {
    assert_eq!(report.differences.len(), 1, "{report:?}");
    &report.differences[0].1
}

#[test]
fn two_sides_that_say_the_same_have_one_checksum() {
    let mut moved = article("a");
    moved.tags.reverse();
    moved.version = 9;
    moved.updated_at = Timestamp(9001);
    moved.published_at = Some(Timestamp(7999));
    let report = compared(&["a", "b"], &[(moved, Some(BODY)), (article("b"), Some(BODY))]);
    assert_eq!((report.same, report.differences.len()), (2, 0));
    assert_eq!(report.old, report.new);
    assert_eq!((report.old.published, report.old.checksum.len()), (2, 64));
}

#[test]
fn each_difference_is_named() {
    let change = |change: fn(&mut Article)| {
        let mut article = article("a");
        change(&mut article);
        let report = compared(&["a"], &[(article, Some(BODY))]);
        assert_ne!(report.old.checksum, report.new.checksum);
        only_difference(&report).clone()
    };
    assert_eq!(change(|a| a.title.push('!')), Difference::Fields(vec!["title"]));
    assert_eq!(change(|a| drop(a.tags.pop())), Difference::Fields(vec!["tags"]));
    assert_eq!(change(|a| a.status = ArticleStatus::Draft), Difference::Fields(vec!["status"]));
    assert_eq!(
        change(|a| (a.premium, a.published_at) = (false, None)),
        Difference::Fields(vec!["premium", "publishedAt"])
    );
}

#[test]
fn a_body_that_was_cut_lost_or_damaged_is_noticed() {
    let with_body = |body: &str| Article { content: ContentKey::of(&id("a"), body), ..article("a") };
    let report = compared(&["a"], &[(with_body("A body"), Some("A body"))]);
    let cut = only_difference(&report);
    assert_eq!(*cut, Difference::BodyShorter { old: 22, new: 6 });
    assert_eq!(cut.to_string(), "its body has 6 bytes in the new store, 22 in the monolith");
    let other = "Another body, even longer.";
    assert_eq!(
        *only_difference(&compared(&["a"], &[(with_body(other), Some(other))])),
        Difference::Fields(vec!["body"])
    );
    assert_eq!(*only_difference(&compared(&["a"], &[(article("a"), None)])), Difference::BodyLost);
    assert_eq!(*only_difference(&compared(&["a"], &[(article("a"), Some("damaged"))])), Difference::BodyLost);
}

#[test]
fn what_only_one_side_has_is_listed_unless_it_was_deleted_in_the_monolith() {
    assert_eq!(*only_difference(&compared(&["a"], &[])), Difference::Missing);
    let report = compared(&[], &[(article("a"), Some(BODY))]);
    assert_eq!(*only_difference(&report), Difference::Extra);
    let withdrawn = Article { status: ArticleStatus::Withdrawn, ..article("a") };
    let report = compared(&[], &[(withdrawn, Some(BODY))]);
    assert!(report.differences.is_empty());
    assert_eq!(report.old.checksum, report.new.checksum);
}

#[test]
fn a_difference_says_whether_the_new_service_wrote_last() {
    let here = Article { source: None, title: "Here".to_owned(), ..article("b") };
    let report = compared(&["a", "b"], &[(here, Some(BODY))]);
    let found: Vec<_> = report.differences.iter().map(|(id, _, here)| (id.as_str(), *here)).collect();
    assert_eq!(found, [("a", false), ("b", true)]);
}

#[test]
fn what_was_deleted_in_the_monolith_is_not_counted_there() {
    let mut merged = rows("a");
    let at = SourcePosition { committed_at: 2, file: "f".to_owned(), line: 2 };
    merged.apply(&Row { id: id("a"), at, change: Change::ArticleDeleted });
    assert_eq!(Fingerprint::of_rows(&id("a"), &merged), None);
}
