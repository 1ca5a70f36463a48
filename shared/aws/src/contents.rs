//! The bucket of bodies.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use domain::articles::ContentKey;
use domain::articles::store::Contents;
use domain::store::StoreError;

/// Bodies on S3.
#[derive(Debug, Clone)]
pub struct S3Contents {
    client: Client,
    bucket: String,
}

impl S3Contents {
    /// Bodies in this bucket.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), bucket: bucket.into() }
    }
}

fn no_answer(error: &(impl std::error::Error + 'static)) -> StoreError {
    StoreError { table: "contents", reason: DisplayErrorContext(error).to_string() }
}

impl Contents for S3Contents {
    async fn content(&self, key: &ContentKey) -> Result<Option<String>, StoreError> {
        let object = match self.client.get_object().bucket(&self.bucket).key(&key.0).send().await {
            Ok(object) => object,
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => return Ok(None),
            Err(error) => return Err(no_answer(&error)),
        };
        let bytes = object.body.collect().await.map_err(|e| no_answer(&e))?.to_vec();
        String::from_utf8(bytes).map(Some).map_err(|e| no_answer(&e.utf8_error()))
    }

    async fn put(&self, key: &ContentKey, markdown: &str) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(&key.0)
            .content_type("text/markdown; charset=utf-8")
            .body(ByteStream::from(markdown.as_bytes().to_vec()))
            .send()
            .await
            .map(drop)
            .map_err(|e| no_answer(&e))
    }
}
