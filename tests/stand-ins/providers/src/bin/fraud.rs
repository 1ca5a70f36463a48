//! The fraud check's stand-in. `fraud [--port N] [--api-key KEY]`

use std::process::ExitCode;

use providers::{fraud, serve};

#[tokio::main]
async fn main() -> ExitCode {
    serve::run("fraud", fraud::routes).await
}
