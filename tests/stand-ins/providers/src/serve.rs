//! What the bins share: flags, the listening line, and an end on a signal.

use std::{env, io, process::ExitCode};

use axum::Router;
use tokio::{
    net::TcpListener,
    select,
    signal::unix::{SignalKind, signal},
};

/// A provider's command line.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// `--port N`: where to listen on loopback; 0, the default, takes a free port.
    pub port: u16,
    /// `--api-key KEY`: the only key that is accepted; without it any key that is not empty.
    pub api_key: Option<String>,
}

impl Flags {
    /// Reads the flags of this process.
    fn from_args() -> io::Result<Self> {
        Self::parse(env::args().skip(1))
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut flags = Self::default();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| usage(&format!("{flag} needs a value")))?;
            match flag.as_str() {
                "--port" => {
                    flags.port = value.parse().map_err(|_| usage("--port must be a number from 0 to 65535"))?;
                }
                "--api-key" if !value.is_empty() => flags.api_key = Some(value),
                "--api-key" => return Err(usage("--api-key must not be empty")),
                _ => return Err(usage(&format!("unknown flag {flag}; known are --port and --api-key"))),
            }
        }
        Ok(flags)
    }
}

fn usage(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Runs the provider that `routes` makes of an API key; what ends it is one sentence on standard error.
pub async fn run(name: &str, routes: impl FnOnce(Option<String>) -> Router) -> ExitCode {
    let served = match Flags::from_args() {
        Ok(flags) => until_told_to_stop(flags.port, routes(flags.api_key)).await,
        Err(error) => Err(error),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves on loopback until SIGINT or SIGTERM. Does not wait for open calls: some of them hang on purpose.
async fn until_told_to_stop(port: u16, routes: Router) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on port {port}: {error}")))?;
    println!("listening on http://{}", listener.local_addr()?);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    select! {
        served = axum::serve(listener, routes) => served,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    fn parse(arguments: &[&str]) -> Result<Flags, String> {
        Flags::parse(arguments.iter().map(ToString::to_string)).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_are_read() {
        assert_eq!(parse(&[]), Ok(Flags::default()));
        let flags = Flags { port: 8080, api_key: Some("sk_test_1".to_owned()) };
        assert_eq!(parse(&["--port", "8080", "--api-key", "sk_test_1"]), Ok(flags));
    }

    #[test]
    fn a_wrong_flag_is_named() {
        for (arguments, named) in
            [(["--port", "x"], "--port"), (["--host", "x"], "--host"), (["--api-key", ""], "--api-key")]
        {
            assert!(parse(&arguments).is_err_and(|message| message.contains(named)));
        }
        assert!(parse(&["--port"]).is_err_and(|message| message.contains("needs a value")));
    }
}
