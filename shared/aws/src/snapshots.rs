//! The bucket in which the embedded search engine keeps its index.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use domain::search::snapshots::{Kept, Manifest, SnapshotStore};
use domain::services::ServiceError;
use domain::store::Commit;
use domain::time::Timestamp;
use std::time::Duration;

const SERVICE: &str = "S3";
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files/";

/// A file is up to a few hundred megabytes: the usual time-outs are for small answers.
const ATTEMPT: Duration = Duration::from_secs(30);
const OPERATION: Duration = Duration::from_mins(1);

/// An index's files in a bucket.
#[derive(Debug, Clone)]
pub struct S3Snapshots {
    client: Client,
    bucket: String,
}

impl S3Snapshots {
    /// Files in this bucket.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let config = aws_sdk_s3::config::Builder::from(sdk).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), bucket: bucket.into() }
    }

    async fn object(&self, key: String) -> Result<Option<GetObjectOutput>, ServiceError> {
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => Ok(Some(object)),
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => Ok(None),
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }
}

async fn content(object: GetObjectOutput) -> Result<Vec<u8>, ServiceError> {
    Ok(object.body.collect().await.map_err(|e| service_error(SERVICE, &e))?.to_vec())
}

impl SnapshotStore for S3Snapshots {
    async fn manifest(&self) -> Result<Option<Manifest>, ServiceError> {
        let Some(mut object) = self.object(MANIFEST.to_owned()).await? else { return Ok(None) };
        let tag = object.e_tag.take().unwrap_or_default();
        let text = String::from_utf8(content(object).await?).map_err(|e| service_error(SERVICE, &e.utf8_error()))?;
        Ok(Some(Manifest { text, tag }))
    }

    async fn replace(&self, based_on: Option<&str>, text: &str) -> Result<Commit, ServiceError> {
        let put = self.client.put_object().bucket(&self.bucket).key(MANIFEST).content_type("application/json");
        let put = match based_on {
            Some(tag) => put.if_match(tag),
            None => put.if_none_match("*"),
        };
        match put.body(ByteStream::from(text.as_bytes().to_vec())).send().await {
            Ok(_) => Ok(Commit::Done),
            // The last one: two conditional writes at the same moment.
            Err(error)
                if matches!(error.code(), Some("PreconditionFailed" | "NoSuchKey" | "ConditionalRequestConflict")) =>
            {
                Ok(Commit::Conflict)
            }
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }

    async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        match self.object(format!("{FILES}{name}")).await? {
            Some(object) => content(object).await.map(Some),
            None => Ok(None),
        }
    }

    async fn keep(&self, name: &str, content: Vec<u8>) -> Result<(), ServiceError> {
        let put = self.client.put_object().bucket(&self.bucket).key(format!("{FILES}{name}"));
        put.body(ByteStream::from(content)).send().await.map(drop).map_err(|e| service_error(SERVICE, &e))
    }

    async fn files(&self) -> Result<Vec<Kept>, ServiceError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(FILES);
        let mut pages = list.into_paginator().send();
        let mut files = Vec::new();
        while let Some(page) = pages.next().await {
            for object in page.map_err(|e| service_error(SERVICE, &e))?.contents.unwrap_or_default() {
                let name = object.key().and_then(|key| key.strip_prefix(FILES)).map(str::to_owned);
                let since = object.last_modified().and_then(|moment| moment.to_millis().ok()).map(Timestamp);
                files.extend(name.zip(since).map(|(name, since)| Kept { name, since }));
            }
        }
        Ok(files)
    }

    async fn remove(&self, name: &str) -> Result<(), ServiceError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(format!("{FILES}{name}"));
        delete.send().await.map(drop).map_err(|e| service_error(SERVICE, &e))
    }
}
