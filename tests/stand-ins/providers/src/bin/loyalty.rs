//! The loyalty programme's stand-in. `loyalty [--port N] [--api-key KEY]`

use std::process::ExitCode;

use providers::{loyalty, serve};

#[tokio::main]
async fn main() -> ExitCode {
    serve::run("loyalty", loyalty::routes).await
}
