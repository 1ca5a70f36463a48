//! No Lambda: the tool behind `make reconcile`. Compares an export of the monolith (the folder that is named) with the
//! tables and the bucket of a stage; ends with 0 where they agree, with 1 where not, with 2 where nothing was compared.

use articles::reconcile;
use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use lambda_runtime::Error;
use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok((text, agree)) => {
            println!("{text}");
            ExitCode::from(u8::from(!agree))
        }
        Err(error) => {
            eprintln!("Nothing was compared: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(String, bool), Error> {
    let env = lambda::config::process();
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("name the folder of the monolith's export")?;
    let (table, bucket) = (env.text("ARTICLES_TABLE")?, env.text("CONTENTS_BUCKET")?);
    let (old, poison) = reconcile::export(&folder)?;
    let sdk = aws::config::load().await;
    let new = reconcile::new_store(&DynamoArticles::new(&sdk, table), &S3Contents::new(&sdk, bucket)).await?;
    Ok(reconcile::compared(&old, &new, &poison))
}
