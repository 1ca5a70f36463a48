//! What readers and partners ask.

use aws::snapshots::S3Snapshots;
use aws::system::System;
use domain::cursor::Signer;
use domain::search::SearchIndex;
use lambda_http::Error;
use lambda_http::http::HeaderValue;
use search::api::{Desk, router, warm};
use search::config::{self, Engine};
use search_engines::embedded::Reader;
use search_engines::opensearch::{Connection, OpenSearch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let origin = lambda::http::origin(&env)?;
    let engine = config::engine(&env)?;
    let sdk = aws::config::load().await;
    let signer = config::signer(&aws::secrets::read(&sdk, &env.text("CURSOR_KEY_SECRET_ID")?).await?)?;
    match engine {
        Engine::OpenSearch { url, index } => {
            run(OpenSearch::new(Connection::signed(&url, &sdk)?, index), signer, origin).await
        }
        Engine::Embedded { bucket } => {
            let store = S3Snapshots::new(&sdk, bucket);
            run(Reader::new(store, System, config::folder(), config::fresh(&env)?), signer, origin).await
        }
    }
}

async fn run(
    index: impl SearchIndex + Send + Sync + 'static,
    signer: Signer,
    origin: HeaderValue,
) -> Result<(), Error> {
    warm(&index).await;
    lambda::http::run(router(Desk { index, signer }), origin).await
}
