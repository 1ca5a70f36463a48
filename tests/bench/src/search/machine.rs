//! This machine: time for those who may not have any of their own, and what processes and folders take.

use domain::time::{Chance, Clock, Pause, Timestamp};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

/// The machine's clock and chance.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    began: Instant,
}

impl Default for Machine {
    #[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Machine {
    /// How long it has been.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        Timestamp(0).plus(self.elapsed())
    }
}

impl Chance for Machine {
    fn draw(&self) -> f64 {
        fastrand::f64()
    }
}

impl Pause for Machine {
    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// How many bytes the files in a folder have.
///
/// # Errors
/// A folder that cannot be read.
pub fn bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { self::bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// How many bytes of memory a process has, its own and the files that it has mapped; nothing where there is no `/proc`.
pub fn resident(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
    Some(kilobytes.parse::<u64>().ok()? * 1024)
}

/// The process that was started with this word in its command line.
pub fn process(word: &str) -> Option<String> {
    let names = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).find(|name| {
        fs::read(format!("/proc/{name}/cmdline"))
            .is_ok_and(|line| line.split(|b| *b == 0).any(|argument| argument == word.as_bytes()))
    })
}
