//! The port of bodies.

use crate::place::{sdk, unique};
use aws::contents::S3Contents;
use aws_config::SdkConfig;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use domain::articles::store::Contents;
use domain::articles::{ArticleId, ContentKey};
use testing::articles::MemoryContents;
use testing::turn::Turnstile;

/// A bucket of the test's own.
pub async fn bucket(sdk: &SdkConfig) -> String {
    let name = unique("bodies");
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region.as_str()));
    // The first region of all may not be named.
    let place = (region != "us-east-1").then(|| place.build());
    let client = aws_sdk_s3::Client::new(sdk);
    client.create_bucket().bucket(&name).set_create_bucket_configuration(place).send().await.unwrap();
    name
}

/// Removes a bucket and what is in it.
pub async fn drop_bucket(sdk: &SdkConfig, name: &str) {
    let client = aws_sdk_s3::Client::new(sdk);
    let listed = client.list_objects_v2().bucket(name).send().await.unwrap();
    for object in listed.contents() {
        client.delete_object().bucket(name).key(object.key().unwrap()).send().await.unwrap();
    }
    client.delete_bucket().bucket(name).send().await.unwrap();
}

async fn keeps_what_it_is_given(contents: &impl Contents) {
    let id = ArticleId::new("ice").unwrap();
    let largest = "Größe 🌙\n".repeat(32_000);
    for body in ["", "# Ice\r\n\n\t\"quoted\" \\ ünïcode 🌙\n", &largest] {
        let key = ContentKey::of(&id, body);
        assert_eq!(contents.content(&key).await.unwrap(), None);
        contents.put(&key, body).await.unwrap();
        contents.put(&key, body).await.unwrap();
        assert_eq!(contents.content(&key).await.unwrap().as_deref(), Some(body));
    }
    let other = ArticleId::new("ice-2").unwrap();
    assert_eq!(contents.content(&ContentKey::of(&other, "")).await.unwrap(), None, "another article's");
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    keeps_what_it_is_given(&MemoryContents::new(Turnstile::default())).await;
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let sdk = sdk().await;
    let bucket = bucket(&sdk).await;
    keeps_what_it_is_given(&S3Contents::new(&sdk, &bucket)).await;
    drop_bucket(&sdk, &bucket).await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_no_missing_body() {
    let sdk = sdk().await;
    let key = ContentKey::of(&ArticleId::new("ice").unwrap(), "body");
    let contents = S3Contents::new(&sdk, unique("no-such-bucket"));
    assert!(contents.content(&key).await.is_err());
    assert!(contents.put(&key, "body").await.is_err());
}
