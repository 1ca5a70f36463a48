//! Imports the files that DMS wrote, as the queue `article-import` names them.

use articles::import::Import;
use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws::imports::{DynamoImports, SqsImports};
use aws::queues::SqsDeadLetters;
use aws::source_files::S3SourceFiles;
use aws::system::System;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda::telemetry::Metrics;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (lob_bytes, metrics) = (env.number("LOB_MAX_KB", 1..=102_400)? * 1024, Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let table = env.text("ARTICLES_TABLE")?;
    let service = Import {
        imports: DynamoImports::new(&sdk, env.text("IMPORTS_TABLE")?, &table),
        articles: DynamoArticles::new(&sdk, table),
        contents: S3Contents::new(&sdk, env.text("CONTENTS_BUCKET")?),
        files: S3SourceFiles::new(&sdk, env.text("IMPORT_BUCKET")?),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("IMPORT_DLQ_URL")?),
        queue: SqsImports::new(&sdk, env.text("IMPORT_QUEUE_URL")?),
        machine: System,
        lob_bytes,
        metrics,
    };
    let service = &service;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let until = articles::import::stop_before(event.context.deadline, Duration::from_secs(10));
        let each = |message: SqsMessage| service.handle(message.body.unwrap_or_default(), until);
        Ok::<_, Error>(lambda::batch::each(event.payload.records, each).await)
    }))
    .await
}
