//! Keeps the monolith's store fed with what is written here.

use articles::config;
use articles::feed::{Feed, FeedToken};
use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws::imports::DynamoImports;
use aws::queues::SqsDeadLetters;
use aws_lambda_events::sqs::SqsEvent;
use connectors::monolith::Monolith;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let monolith = config::monolith(&env)?;
    let sdk = aws::config::load().await;
    let service = Feed {
        articles: DynamoArticles::new(&sdk, env.text("ARTICLES_TABLE")?),
        imports: DynamoImports::new(&sdk, env.text("IMPORTS_TABLE")?, env.text("ARTICLES_TABLE")?),
        contents: S3Contents::new(&sdk, env.text("CONTENTS_BUCKET")?),
        dead_letters: SqsDeadLetters::new(&sdk, env.text("FEED_DLQ_URL")?),
        monolith: Monolith::new(&monolith)?,
        token: FeedToken::new(aws::secrets::read(&sdk, &env.text("FEED_TOKEN_SECRET_ID")?).await?),
    };
    let service = &service;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let each = |record: aws_lambda_events::sqs::SqsMessage| async move {
            service.handle(record.body.as_deref().unwrap_or_default()).await
        };
        Ok::<_, Error>(lambda::batch::each(event.payload.records, each).await)
    }))
    .await
}
