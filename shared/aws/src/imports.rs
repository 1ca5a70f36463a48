//! The import's table: `pk=ARTICLE#id` for what is known of an article's rows, `pk=FILE#key` for how far a file was read;
//! and the queue of files.
//!
//! A table of its own, beside the one of articles: an article's item is replaced whole by each write of the new service,
//! which knows nothing of rows; lists and streams of articles stay free of it; and it goes when the migration is over.
//! What is known of rows and the article that follows from it are written in one transaction, so that neither is ever
//! ahead of the other.

use crate::articles;
use crate::config::service_error;
use crate::item::{Item, Table, key};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::articles::ArticleId;
use domain::migration::merge::Merged;
use domain::migration::store::{ArticleWrite, ImportQueue, Imports, Progress};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError, Versioned};
use serde_json::json;

/// The import on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoImports {
    imports: Table,
    articles: Table,
}

impl DynamoImports {
    /// An import with these tables.
    pub fn new(sdk: &SdkConfig, imports: impl Into<String>, articles: impl Into<String>) -> Self {
        Self { imports: Table::new(sdk, imports, "article imports"), articles: Table::new(sdk, articles, "articles") }
    }
}

fn article_key(id: &ArticleId) -> Item {
    key(format!("ARTICLE#{id}"), None)
}

fn file_key(file: &str) -> Item {
    key(format!("FILE#{file}"), None)
}

impl Imports for DynamoImports {
    async fn merged(&self, id: &ArticleId) -> Result<Option<Versioned<Merged>>, StoreError> {
        self.imports.get(article_key(id)).await
    }

    async fn commit(
        &self,
        id: &ArticleId,
        merged: &Merged,
        based_on: Option<u64>,
        article: Option<ArticleWrite<'_>>,
    ) -> Result<Commit, StoreError> {
        let put = self.imports.put(article_key(id), merged, based_on)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        if let Some(ArticleWrite { before, after }) = article {
            writes.extend(articles::writes(&self.articles, before, after)?);
        }
        self.imports.write(writes).await
    }

    async fn progress(&self, file: &str) -> Result<Option<Versioned<Progress>>, StoreError> {
        self.imports.get(file_key(file)).await
    }

    async fn note(&self, file: &str, progress: &Progress, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let put = self.imports.put(file_key(file), progress, based_on)?;
        self.imports.write(vec![TransactWriteItem::builder().put(put).build()]).await
    }
}

/// The queue of files to import.
#[derive(Debug, Clone)]
pub struct SqsImports {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsImports {
    /// The queue at this URL.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: aws_sdk_sqs::Client::new(sdk), url: url.into() }
    }
}

impl ImportQueue for SqsImports {
    async fn go_on(&self, file: &str) -> Result<(), ServiceError> {
        let body = json!({"file": file}).to_string();
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(drop).map_err(|e| service_error("SQS", &e))
    }
}
