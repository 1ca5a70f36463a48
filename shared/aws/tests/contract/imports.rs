//! The import's ports: its table beside the one of articles, and DMS's bucket.

use crate::articles::articles_table;
use crate::contents::{bucket, drop_bucket};
use crate::place::{NOW, drop_table, sdk, table};
use aws::articles::DynamoArticles;
use aws::imports::DynamoImports;
use aws::source_files::S3SourceFiles;
use domain::articles::store::Articles;
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, ContentKey, SourcePosition, Tag};
use domain::migration::merge::{Merged, Newest};
use domain::migration::store::{ArticleWrite, Imports, Progress, SourceFiles, Tally};
use domain::store::Commit;
use testing::articles::MemoryArticles;
use testing::imports::{MemoryFiles, MemoryImports};
use testing::turn::Turnstile;

const FILE: &str = "newscience/article/20261123-101500123.csv";

fn id() -> ArticleId {
    ArticleId::new("ice").unwrap()
}

/// What is known after this many rows.
fn merged(rows: u64) -> Merged {
    let at = |line| SourcePosition { committed_at: 1_795_428_900_123_456, file: FILE.to_owned(), line };
    let topics = (0..rows).map(|n| (Tag::new(format!("topic-{n}")).unwrap(), Newest { at: at(n), value: n % 2 == 0 }));
    Merged { topics: topics.collect(), deleted: Some(at(rows)), ..Merged::default() }
}

fn article(version: u64) -> Article {
    Article {
        id: id(),
        version,
        status: ArticleStatus::Published,
        title: format!("Version {version}"),
        summary: String::new(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada".to_owned(),
        tags: vec![Tag::new("ice").unwrap()],
        premium: false,
        published_at: Some(NOW),
        updated_at: NOW,
        content: ContentKey::of(&id(), "body"),
        source: merged(1).deleted,
    }
}

async fn rows_and_their_article_are_written_together_or_not_at_all(imports: &impl Imports, articles: &impl Articles) {
    assert_eq!(imports.merged(&id()).await.unwrap(), None);
    let (first, second) = (article(1), article(2));
    let write = Some(ArticleWrite { before: None, after: &first });
    assert_eq!(imports.commit(&id(), &merged(1), None, write).await.unwrap(), Commit::Done);
    let known = imports.merged(&id()).await.unwrap().unwrap();
    assert_eq!((known.revision, &known.value), (1, &merged(1)));
    assert_eq!(articles.article(&id()).await.unwrap().as_ref(), Some(&first));
    // Somebody else's rows were first; somebody else's article was.
    let next = Some(ArticleWrite { before: Some(&first), after: &second });
    assert_eq!(imports.commit(&id(), &merged(2), None, next).await.unwrap(), Commit::Conflict);
    assert_eq!(imports.commit(&id(), &merged(2), Some(1), write).await.unwrap(), Commit::Conflict);
    assert_eq!(imports.merged(&id()).await.unwrap(), Some(known));
    assert_eq!(articles.article(&id()).await.unwrap().as_ref(), Some(&first));
    assert_eq!(imports.commit(&id(), &merged(2), Some(1), None).await.unwrap(), Commit::Done);
    assert_eq!(imports.commit(&id(), &merged(200), Some(2), next).await.unwrap(), Commit::Done);
    assert_eq!(imports.merged(&id()).await.unwrap().unwrap().value, merged(200));
    assert_eq!(articles.article(&id()).await.unwrap(), Some(second));
}

async fn the_place_in_a_file_is_noted_by_one(imports: &impl Imports) {
    let progress = Progress {
        etag: "\"e\"".to_owned(),
        offset: 5_000_000_000,
        line: 7,
        columns: vec!["Op".to_owned(), "dms_ts".to_owned()],
        done: false,
        tally: Tally { applied: 5, stale: 1, echoes: 2, poison: 3, conflicts: 1 },
        updated_at: NOW,
    };
    let done = Progress { done: true, ..progress.clone() };
    assert_eq!(imports.progress(FILE).await.unwrap(), None);
    assert_eq!(imports.note(FILE, &progress, None).await.unwrap(), Commit::Done);
    assert_eq!(imports.note(FILE, &done, None).await.unwrap(), Commit::Conflict);
    assert_eq!(imports.progress(FILE).await.unwrap().unwrap().value, progress);
    assert_eq!(imports.note(FILE, &done, Some(1)).await.unwrap(), Commit::Done);
    let noted = imports.progress(FILE).await.unwrap().unwrap();
    assert_eq!((noted.revision, noted.value), (2, done));
}

async fn files_are_read_in_parts_of_one_version(files: &impl SourceFiles, upload: impl AsyncFn(&'static [u8])) {
    assert_eq!(files.version(FILE).await.unwrap(), None);
    upload(b"").await;
    assert_eq!(files.version(FILE).await.unwrap().unwrap().size, 0);
    upload(b"0123456789").await;
    let first = files.version(FILE).await.unwrap().unwrap();
    assert_eq!(first.size, 10);
    assert_eq!(files.part(FILE, &first, 0, 4).await.unwrap(), b"0123");
    assert_eq!(files.part(FILE, &first, 4, 1).await.unwrap(), b"4");
    assert_eq!(files.part(FILE, &first, 8, 100).await.unwrap(), b"89");
    upload(b"0123456789").await;
    assert_eq!(files.version(FILE).await.unwrap().as_ref(), Some(&first), "the same content is the same version");
    upload(b"abcdefghij").await;
    let second = files.version(FILE).await.unwrap().unwrap();
    assert_ne!(first.etag, second.etag);
    assert!(files.part(FILE, &first, 0, 4).await.is_err());
    assert_eq!(files.part(FILE, &second, 0, 4).await.unwrap(), b"abcd");
}

#[tokio::test]
async fn the_fakes_keep_the_contract() {
    let articles = MemoryArticles::new(Turnstile::default());
    let imports = MemoryImports::new(Turnstile::default(), articles.clone());
    rows_and_their_article_are_written_together_or_not_at_all(&imports, &articles).await;
    the_place_in_a_file_is_noted_by_one(&imports).await;
    let files = MemoryFiles::new(Turnstile::default());
    files_are_read_in_parts_of_one_version(&files, async |bytes| files.upload(FILE, bytes)).await;
}

#[tokio::test]
async fn the_tables_keep_the_contract() {
    let sdk = sdk().await;
    let (imports_table, articles_table) = (table(&sdk, &["pk"], None).await, articles_table(&sdk).await);
    let imports = DynamoImports::new(&sdk, &imports_table, &articles_table);
    let articles = DynamoArticles::new(&sdk, &articles_table);
    rows_and_their_article_are_written_together_or_not_at_all(&imports, &articles).await;
    the_place_in_a_file_is_noted_by_one(&imports).await;
    drop_table(&sdk, &imports_table).await;
    drop_table(&sdk, &articles_table).await;
}

#[tokio::test]
async fn the_bucket_keeps_the_contract() {
    let sdk = sdk().await;
    let bucket = bucket(&sdk).await;
    let client = aws_sdk_s3::Client::new(&sdk);
    let upload = async |bytes: &'static [u8]| {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(bytes);
        client.put_object().bucket(&bucket).key(FILE).body(body).send().await.unwrap();
    };
    files_are_read_in_parts_of_one_version(&S3SourceFiles::new(&sdk, &bucket), upload).await;
    drop_bucket(&sdk, &bucket).await;
}
