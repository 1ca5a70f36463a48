//! The tables that are exported.

use rusqlite::{Connection, params_from_iter};

use super::csv::Row;
use crate::store::schema;

/// One of them.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, those of its primary key first.
    pub columns: &'static [&'static str],
    /// So many of them are its primary key.
    keys: usize,
}

/// All of them.
pub const TABLES: [Table; 2] = [
    Table {
        name: "article",
        columns: &[
            "art_key",
            "headline",
            "teaser",
            "body_text",
            "author_code",
            "author_name",
            "pay_flag",
            "state",
            "pub_date",
            "chg_date",
            "chg_by",
        ],
        keys: 1,
    },
    Table { name: "article_topic", columns: &["art_key", "topic"], keys: 2 },
];

impl Table {
    /// Where a file of this name goes.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{}/{name}.csv", schema::NAME, self.name)
    }

    /// A row's primary key.
    pub fn key(&self, row: &Row) -> Vec<String> {
        row.iter().take(self.keys).flatten().cloned().collect()
    }

    /// At most `limit` rows whose keys come after this one, or, where it is empty, the first ones.
    pub fn page(&self, connection: &Connection, after: &[String], limit: usize) -> rusqlite::Result<Vec<Row>> {
        let keys = self.columns[..self.keys].join(", ");
        let places = vec!["?"; self.keys].join(", ");
        let from = if after.is_empty() { String::new() } else { format!("WHERE ({keys}) > ({places})") };
        let columns = self.columns.join(", ");
        // Pages are small, so that no reader holds one state of the database for long.
        let sql = format!("SELECT {columns} FROM {} {from} ORDER BY {keys} LIMIT {}", self.name, limit.min(500));
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(after), |row| {
            (0..self.columns.len()).map(|column| row.get(column)).collect()
        })?;
        rows.collect()
    }
}
