//! The newsletter's stand-in. `newsletter [--port N] [--api-key KEY]`

use std::process::ExitCode;

use providers::{newsletter, serve};

#[tokio::main]
async fn main() -> ExitCode {
    serve::run("newsletter", newsletter::routes).await
}
