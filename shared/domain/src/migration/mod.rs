//! The migration of articles off the monolith. DMS writes its rows as CSV files to a bucket, in whatever order, and
//! each file at least once; the import merges them, so that neither order nor repetition changes what comes out.
//!
//! [`csv`] finds records in bytes, [`rows`] gives them their meaning, [`merge`] keeps the newest of each row,
//! [`present`] says what they mean as an article and when one is written, [`reconcile`] compares both sides.

pub mod csv;
pub mod merge;
pub mod present;
pub mod reconcile;
pub mod rows;
pub mod store;

use serde::{Deserialize, Serialize};

/// What cannot be read, for the person who looks after it: where, and why. It never holds what was read there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{file}, line {line}, column {column}: {why}")]
pub struct Poison {
    /// The file's key.
    pub file: String,
    /// The line, from 1, the header counted.
    pub line: u64,
    /// The character in that line, from 1.
    pub column: u64,
    /// What it should be.
    pub why: String,
}

/// Where something begins in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
}

/// What is wrong somewhere in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What it should be, without a word of what it is.
    pub why: String,
}

impl Fault {
    /// The fault as one of this file.
    pub fn of(self, file: &str) -> Poison {
        Poison { file: file.to_owned(), line: self.place.line, column: self.place.column, why: self.why }
    }
}
