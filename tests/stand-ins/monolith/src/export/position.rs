//! Up to where changes were exported. DMS keeps the same as a task's checkpoint.

use std::{fs, io, path::Path};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::ExportError;
use crate::clock::Millis;

const NAME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]-[hour][minute][second][subsecond digits:3]");

/// A place in the journal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Up to this row.
    pub seq: i64,
    /// The task's start, in microseconds since the epoch: the commit time of the last transaction before it.
    pub committed_at: i64,
    /// The time in the name of the last file of changes.
    last_name: Millis,
}

impl Position {
    /// Where the journal ends now. All that is committed later has a later time, also what is being written now.
    pub fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT (SELECT coalesce(max(seq), 0) FROM change_log), committed_at_micros FROM change_tx";
        connection.query_row(sql, [], |row| Ok(Self { seq: row.get(0)?, committed_at: row.get(1)?, last_name: 0 }))
    }

    /// Reads it.
    pub fn load(path: &Path) -> Result<Self, ExportError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ExportError::NoPosition(path.to_owned()),
            _ => ExportError::File(path.to_owned(), error),
        };
        let text = fs::read(path).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| ExportError::File(path.to_owned(), error.into()))
    }

    /// Writes it, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), ExportError> {
        let draft = path.with_extension("draft");
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        let written = text.and_then(|text| fs::write(&draft, text)).and_then(|()| fs::rename(&draft, path));
        written.map_err(|error| ExportError::File(path.to_owned(), error))
    }

    /// The name of the next file of changes: the time, and later than all names before it.
    pub fn next_name(&mut self, now: Millis) -> String {
        self.last_name = now.max(self.last_name + 1);
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.last_name) * 1_000_000);
        moment.ok().and_then(|moment| moment.format(NAME).ok()).unwrap_or_default()
    }
}
