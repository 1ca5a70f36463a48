//! Brings the index to what the store has.

use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws::queues::SqsDeadLetters;
use aws::snapshots::S3Snapshots;
use aws::system::System;
use aws_lambda_events::sqs::SqsEvent;
use domain::search::Indexing;
use lambda::telemetry::Metrics;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use search::config::{self, Engine};
use search::indexer::Indexer;
use search_engines::embedded::Writer;
use search_engines::opensearch::{Connection, OpenSearch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (engine, metrics) = (config::engine(&env)?, Metrics::from_env(&env)?);
    let sdk = aws::config::load().await;
    let articles = DynamoArticles::new(&sdk, env.text("ARTICLES_TABLE")?);
    let contents = S3Contents::new(&sdk, env.text("CONTENTS_BUCKET")?);
    let dead_letters = SqsDeadLetters::new(&sdk, env.text("SEARCH_INDEX_DLQ_URL")?);
    match engine {
        Engine::OpenSearch { url, index } => {
            let index = OpenSearch::new(Connection::signed(&url, &sdk)?, index);
            run(Indexer { articles, contents, index, dead_letters, clock: System, metrics }).await
        }
        Engine::Embedded { bucket } => {
            let index = Writer::new(S3Snapshots::new(&sdk, bucket), System, config::folder());
            run(Indexer { articles, contents, index, dead_letters, clock: System, metrics }).await
        }
    }
}

async fn run<I: Indexing>(
    indexer: Indexer<DynamoArticles, S3Contents, I, SqsDeadLetters, System>,
) -> Result<(), Error> {
    let handle = async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(indexer.handle(event.payload).await);
    lambda_runtime::run(service_fn(handle)).await
}
