//! What readers, writers and the monolith's desk ask of articles.

use articles::api::{Desk, router};
use articles::config;
use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws::entitlements::DynamoEntitlements;
use aws::system::System;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let origin = lambda::http::origin(&env)?;
    let sdk = aws::config::load().await;
    let key = aws::secrets::read(&sdk, &env.text("CURSOR_KEY_SECRET_ID")?).await?;
    let desk = Desk {
        articles: DynamoArticles::new(&sdk, env.text("ARTICLES_TABLE")?),
        contents: S3Contents::new(&sdk, env.text("CONTENTS_BUCKET")?),
        entitlements: DynamoEntitlements::new(&sdk, env.text("ENTITLEMENTS_TABLE")?),
        machine: System,
        signer: config::signer(&key)?,
    };
    lambda::http::run(router(desk), origin).await
}
