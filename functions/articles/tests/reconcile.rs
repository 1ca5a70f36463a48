//! Both sides compared: a folder in DMS's format against table and bucket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use articles::reconcile::{ReconcileError, compared, export, new_store};
use domain::articles::store::Contents;
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, ContentKey, Tag};
use domain::time::Timestamp;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::turn::run;

const ROWS: &str =
    "Op,dms_ts,art_key,headline,teaser,body_text,author_code,author_name,pay_flag,state,pub_date,chg_date,chg_by
I,2026-11-23 10:15:00.000000,ice,Ice,Old ice,\"Line, one
two\",ada,Ada,Y,P,01.01.1970 00:00:07,01.01.1970 00:00:08,ada
I,2026-11-23 10:15:00.000000,sun,Sun,,Hot,ada,Ada,N,E,NULL,01.01.1970 00:00:08,ada
";
const TOPICS: &str = "Op,dms_ts,art_key,topic\nI,2026-11-23 10:15:00.000000,ice,climate\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn exported() -> TempDir {
    folder(&[
        ("newscience/article/LOAD00000001.csv", ROWS),
        ("newscience/article_topic/LOAD00000001.csv", TOPICS),
        ("position", "{}"),
    ])
}

fn article(id: &str, title: &str, body: &str) -> Article {
    let id = ArticleId::new(id).unwrap();
    Article {
        version: 4,
        status: ArticleStatus::Draft,
        title: title.to_owned(),
        summary: String::new(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada".to_owned(),
        tags: Vec::new(),
        premium: false,
        published_at: None,
        updated_at: Timestamp(9123),
        content: ContentKey::of(&id, body),
        source: None,
        id,
    }
}

fn ice() -> Article {
    Article {
        status: ArticleStatus::Published,
        summary: "Old ice".to_owned(),
        tags: vec![Tag::new("climate").unwrap()],
        premium: true,
        published_at: Some(Timestamp(7999)),
        ..article("ice", "Ice", "Line, one\ntwo")
    }
}

fn compare_with(folder: &Path, articles: &[Article], bodies: &[(&Article, &str)]) -> (String, bool) {
    let (table, bucket) = (MemoryArticles::default(), MemoryContents::default());
    for article in articles {
        table.give(article.clone());
    }
    for (article, body) in bodies {
        run(bucket.put(&article.content, body)).unwrap();
    }
    let (old, poison) = export(folder).unwrap();
    compared(&old, &run(new_store(&table, &bucket)).unwrap(), &poison)
}

#[test]
fn two_sides_that_agree_are_told_so() {
    let (ice, sun) = (ice(), article("sun", "Sun", "Hot"));
    let bodies = [(&ice, "Line, one\ntwo"), (&sun, "Hot")];
    let (text, agree) = compare_with(exported().path(), &[ice.clone(), sun.clone()], &bodies);
    assert!(agree, "{text}");
    assert!(text.ends_with("Both sides agree on all 2 articles."), "{text}");
    assert_eq!(text.matches("1 published, 1 drafts, 0 withdrawn").count(), 2, "{text}");
}

#[test]
fn each_difference_is_a_line_and_the_end_is_bad() {
    let (ice, other) = (Article { premium: false, ..ice() }, article("other", "Other", "x"));
    let (text, agree) = compare_with(exported().path(), &[ice.clone(), other], &[(&ice, "Line, one\ntwo")]);
    assert!(!agree);
    assert!(text.contains("ice  differs in premium (written by the new service"), "{text}");
    assert!(text.contains("sun  missing in the new store\n"), "{text}");
    assert!(text.contains("other  unknown to the monolith"), "{text}");
    assert!(text.ends_with("0 articles agree, 3 differ, 0 rows of the export cannot be read."), "{text}");
}

#[test]
fn a_row_of_the_export_that_cannot_be_read_is_no_agreement() {
    let folder = folder(&[("newscience/article/LOAD00000001.csv", &ROWS.replace(",E,", ",?,"))]);
    let ice = Article { tags: Vec::new(), ..ice() };
    let (text, agree) = compare_with(folder.path(), std::slice::from_ref(&ice), &[(&ice, "Line, one\ntwo")]);
    assert!(!agree && text.contains("LOAD00000001.csv, line 4, column 53: state: must be E, P or Z"), "{text}");
}

#[test]
fn a_folder_without_an_export_is_no_agreement_either() {
    let empty = folder(&[("readme.txt", "")]);
    assert!(matches!(export(empty.path()), Err(ReconcileError::Empty(_))));
    assert!(matches!(export(&empty.path().join("nowhere")), Err(ReconcileError::Export { .. })));
}
