//! CSV as DMS writes it by RFC 4180: quotes only where they are needed. `NULL` is no value; the text is in quotes.

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::table::Table;

const COMMITTED_AT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
const NULL: &str = "NULL";

/// A row's values, in the order of its table's columns.
pub type Row = Vec<Option<String>>;

/// One file, as it grows.
pub struct File {
    text: String,
    rows: usize,
}

impl File {
    /// A file with the header of this table.
    pub fn of(table: &Table) -> Self {
        let text = format!("Op,dms_ts,{}\n", table.columns.join(","));
        Self { text, rows: 0 }
    }

    /// So many, without the header.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row; its time is in microseconds since the epoch.
    pub fn add(&mut self, op: char, committed_at: i64, row: &Row) {
        self.text.push(op);
        self.text.push(',');
        self.text.push_str(&moment(committed_at));
        for value in row {
            self.text.push(',');
            match value.as_deref() {
                None => self.text.push_str(NULL),
                Some(text) if text == NULL || text.contains(['"', ',', '\r', '\n']) => {
                    self.text.push('"');
                    self.text.push_str(&text.replace('"', "\"\""));
                    self.text.push('"');
                }
                Some(text) => self.text.push_str(text),
            }
        }
        self.text.push('\n');
        self.rows += 1;
    }

    /// The whole of it.
    pub fn bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

fn moment(micros: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000);
    moment.ok().and_then(|moment| moment.format(COMMITTED_AT).ok()).unwrap_or_default()
}
