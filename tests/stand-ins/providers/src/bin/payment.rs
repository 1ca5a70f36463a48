//! The payment provider's stand-in. `payment [--port N] [--api-key KEY]`

use std::process::ExitCode;

use providers::{payment, serve};

#[tokio::main]
async fn main() -> ExitCode {
    serve::run("payment", payment::routes).await
}
