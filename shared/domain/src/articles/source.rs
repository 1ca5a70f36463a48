//! Where in the migration's files something was found, and what came first.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A place in what DMS wrote: commit times tie inside a transaction, then the file and its line decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcePosition {
    /// `dms_ts` in microseconds since the epoch: the commit time of a change, the task's start for a full load.
    pub committed_at: i64,
    /// The file's key; full-load files (`LOAD…`) sort before files of changes.
    pub file: String,
    /// Its line, from 1, the header counted.
    pub line: u64,
}

impl SourcePosition {
    /// Whether it is a row of a full load.
    pub fn is_full_load(&self) -> bool {
        is_full_load(&self.file)
    }
}

impl Ord for SourcePosition {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |position: &Self| (position.committed_at, !position.is_full_load());
        key(self).cmp(&key(other)).then_with(|| self.file.cmp(&other.file)).then_with(|| self.line.cmp(&other.line))
    }
}

impl PartialOrd for SourcePosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether a file is one of a full load, not of changes: `LOAD…`, whatever the folder.
pub fn is_full_load(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|name| name.starts_with("LOAD"))
}
