//! The changes, as the database's journal has them.

use rusqlite::Connection;

use super::{ExportError, csv::Row, table::TABLES};

/// A batch holds no more; the rest is in the next one.
const LARGEST_BATCH: i64 = 50_000;

/// One change of one row.
pub struct Entry {
    /// Its place in the journal.
    pub seq: i64,
    /// In microseconds since the epoch; one for all rows of a transaction.
    pub committed_at: i64,
    /// Whose row.
    pub table: &'static str,
    /// `I`, `U` or `D`.
    pub op: char,
    /// As it was afterwards; where it was deleted, as it was before.
    pub row: Row,
}

/// What was committed after `seq`, in the order of the commits.
pub fn since(connection: &Connection, seq: i64) -> Result<Vec<Entry>, ExportError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, committed_at_micros, table_name, op, row FROM change_log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query((seq, LARGEST_BATCH))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, name): (i64, String) = (row.get(0)?, row.get(2)?);
        let (op, values): (String, String) = (row.get(3)?, row.get(4)?);
        let table = TABLES.iter().find(|table| table.name == name);
        let values: Option<serde_json::Map<_, _>> = serde_json::from_str(&values).ok();
        let (Some(table), Some(values), Some(op)) = (table, values, op.chars().next()) else {
            return Err(ExportError::Journal(seq));
        };
        let value = |column: &&str| values.get(*column).and_then(|value| value.as_str()).map(str::to_owned);
        let row = Entry {
            seq,
            committed_at: row.get(1)?,
            table: table.name,
            op,
            row: table.columns.iter().map(value).collect(),
        };
        entries.push(row);
    }
    Ok(entries)
}
