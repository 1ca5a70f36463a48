//! The bucket that DMS writes to.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use domain::migration::store::{FileVersion, SourceFiles};
use domain::store::StoreError;

/// DMS's files on S3.
#[derive(Debug, Clone)]
pub struct S3SourceFiles {
    client: Client,
    bucket: String,
}

impl S3SourceFiles {
    /// The files of this bucket.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), bucket: bucket.into() }
    }
}

fn no_answer(error: &(impl std::error::Error + 'static)) -> StoreError {
    StoreError { table: "source files", reason: DisplayErrorContext(error).to_string() }
}

impl SourceFiles for S3SourceFiles {
    async fn version(&self, file: &str) -> Result<Option<FileVersion>, StoreError> {
        let head = match self.client.head_object().bucket(&self.bucket).key(file).send().await {
            Ok(head) => head,
            Err(error) if matches!(error.as_service_error(), Some(HeadObjectError::NotFound(_))) => return Ok(None),
            Err(error) => return Err(no_answer(&error)),
        };
        let size = head.content_length().and_then(|size| size.try_into().ok()).unwrap_or(0);
        Ok(Some(FileVersion { etag: head.e_tag.unwrap_or_default(), size }))
    }

    async fn part(&self, file: &str, version: &FileVersion, offset: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(file)
            .if_match(&version.etag)
            .range(format!("bytes={offset}-{}", offset + length - 1))
            .send()
            .await
            .map_err(|e| no_answer(&e))?;
        Ok(object.body.collect().await.map_err(|e| no_answer(&e))?.to_vec())
    }
}
