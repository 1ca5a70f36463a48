//! The bucket of the embedded search engine's index.

use crate::contents::{bucket, drop_bucket};
use crate::place::sdk;
use aws::snapshots::S3Snapshots;
use domain::search::snapshots::SnapshotStore;
use domain::store::Commit;

async fn has_one_manifest_that_only_the_fastest_replaces(store: &impl SnapshotStore) {
    assert_eq!(store.manifest().await.unwrap(), None);
    assert_eq!(store.replace(Some("\"none\""), "{}").await.unwrap(), Commit::Conflict);
    assert_eq!(store.replace(None, r#"{"n": 1}"#).await.unwrap(), Commit::Done);
    assert_eq!(store.replace(None, r#"{"n": 2}"#).await.unwrap(), Commit::Conflict);
    let first = store.manifest().await.unwrap().unwrap();
    assert_eq!(first.text, r#"{"n": 1}"#);
    assert_eq!(store.replace(Some(&first.tag), r#"{"n": 2}"#).await.unwrap(), Commit::Done);
    assert_eq!(store.replace(Some(&first.tag), r#"{"n": 3}"#).await.unwrap(), Commit::Conflict);
    assert_eq!(store.manifest().await.unwrap().unwrap().text, r#"{"n": 2}"#);
}

async fn keeps_files_until_they_are_removed(store: &impl SnapshotStore) {
    let large: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    store.keep("1/a/segment.store", large.clone()).await.unwrap();
    store.keep("1/b/empty", Vec::new()).await.unwrap();
    assert_eq!(store.file("1/a/segment.store").await.unwrap(), Some(large));
    assert_eq!(store.file("1/b/empty").await.unwrap(), Some(Vec::new()));
    assert_eq!(store.file("1/c/none").await.unwrap(), None);
    let mut names: Vec<String> = store.files().await.unwrap().into_iter().map(|file| file.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["1/a/segment.store", "1/b/empty"], "the manifest is no file");
    assert!(store.files().await.unwrap().iter().all(|file| file.since.0 > 1_700_000_000_000));
    store.remove("1/a/segment.store").await.unwrap();
    store.remove("1/a/segment.store").await.unwrap();
    assert_eq!(store.file("1/a/segment.store").await.unwrap(), None);
    assert_eq!(store.files().await.unwrap().len(), 1);
    store.remove("1/b/empty").await.unwrap();
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let sdk = sdk().await;
    let bucket = bucket(&sdk).await;
    let store = S3Snapshots::new(&sdk, &bucket);
    has_one_manifest_that_only_the_fastest_replaces(&store).await;
    keeps_files_until_they_are_removed(&store).await;
    drop_bucket(&sdk, &bucket).await;
}
