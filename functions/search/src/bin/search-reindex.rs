//! Rebuilds the index from the store, a step at a time.

use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws::snapshots::S3Snapshots;
use aws::system::System;
use domain::search::Reindexing;
use lambda_runtime::Error;
use search::config::{self, Engine};
use search::reindex::{Rebuilder, Request};
use search_engines::embedded::Writer;
use search_engines::opensearch::{Connection, OpenSearch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let engine = config::engine(&env)?;
    let sdk = aws::config::load().await;
    let articles = DynamoArticles::new(&sdk, env.text("ARTICLES_TABLE")?);
    let contents = S3Contents::new(&sdk, env.text("CONTENTS_BUCKET")?);
    match engine {
        Engine::OpenSearch { url, index } => {
            let index = OpenSearch::new(Connection::signed(&url, &sdk)?, index);
            run(Rebuilder { articles, contents, index, machine: System }).await
        }
        Engine::Embedded { bucket } => {
            let index = Writer::new(S3Snapshots::new(&sdk, bucket), System, config::folder());
            run(Rebuilder { articles, contents, index, machine: System }).await
        }
    }
}

async fn run<I: Reindexing>(rebuilder: Rebuilder<DynamoArticles, S3Contents, I, System>) -> Result<(), Error> {
    lambda::task::run(|request: Request| rebuilder.handle(request)).await
}
