//! The platform as it was. The arguments are those of [`monolith::config`].

use std::{io, process::ExitCode};

use monolith::{config::Command, corpus, export, serve};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("monolith: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    match Command::from_process()? {
        Command::Serve(config) => serve::until_told_to_stop(&config).await,
        Command::Corpus(config) => corpus::fill(&config).map_err(io::Error::other),
        Command::Export(config) => export::run(&config).await.map_err(io::Error::other),
    }
}
