//! The database as AWS DMS would export it to S3: CSV files of the tables of articles, a full load and then changes.
//!
//! As DMS with the endpoint settings of `infra/stacks/migration.yaml`: `{schema}/{table}/LOAD%08X.csv` with the time of
//! the task's start in `dms_ts`; `{schema}/{table}/yyyyMMdd-HHmmssSSS.csv` with each change's commit time, one batch of
//! files per interval and table, and so not in the order of transactions. The full load reads page by page while others
//! write, and what they change meanwhile is in the changes too.

mod csv;
mod journal;
mod position;
mod table;
mod target;

use std::{io, path::PathBuf, time::Duration};

use rusqlite::Connection;

use crate::{
    clock::{Clock, SystemClock},
    store::open,
};
use csv::File;
use position::Position;
use table::TABLES;
pub use target::Target;

/// What to export.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// What the tables hold.
    FullLoad,
    /// What changed since the position.
    Changes,
    /// First the one, then the other.
    Both,
}

/// `export --db FILE --to FOLDER|URL --what full-load|changes|both --position FILE [--max-rows 10000]
/// [--every-seconds 0]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportConfig {
    /// The database's file.
    pub db: PathBuf,
    /// Where files go.
    pub to: Target,
    /// What to export.
    pub what: What,
    /// Remembers up to where changes were exported. A full load begins it anew.
    pub position: PathBuf,
    /// The most rows of a file.
    pub max_rows: usize,
    /// From one batch of changes to the next, until the program is ended; none: one batch.
    pub every: Option<Duration>,
}

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database refused.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The journal holds what it never should.
    #[error("the journal's row {0} is none of ours")]
    Journal(i64),
    /// The file of the position, or the folder.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// There is no position yet.
    #[error("{0} is not there; a full load begins it")]
    NoPosition(PathBuf),
    /// The bucket.
    #[error("the bucket did not take {0}: {1}")]
    Bucket(String, String),
}

/// Exports, and says on standard error how far it is.
pub async fn run(config: &ExportConfig) -> Result<(), ExportError> {
    let connection = open(&config.db)?;
    if config.what != What::Changes {
        let position = Position::of(&connection)?;
        position.save(&config.position)?;
        full_load(config, &connection, &position).await?;
    }
    if config.what == What::FullLoad {
        return Ok(());
    }
    let mut position = Position::load(&config.position)?;
    loop {
        match changes(config, &connection, &mut position).await {
            // What was not taken is exported again; importers expect that.
            Err(error @ ExportError::Bucket(..)) if config.every.is_some() => eprintln!("export: {error}"),
            done => done?,
        }
        match config.every {
            Some(every) => tokio::time::sleep(every).await,
            None => return Ok(()),
        }
    }
}

async fn full_load(config: &ExportConfig, connection: &Connection, position: &Position) -> Result<(), ExportError> {
    for table in &TABLES {
        let (mut number, mut rows) = (0, 0);
        let mut after = Vec::new();
        loop {
            let mut file = File::of(table);
            while file.rows() < config.max_rows {
                let page = table.page(connection, &after, config.max_rows - file.rows())?;
                let Some(last) = page.last() else { break };
                after = table.key(last);
                for row in &page {
                    file.add('I', position.committed_at, row);
                }
            }
            if file.rows() == 0 {
                break;
            }
            number += 1;
            rows += file.rows();
            config.to.put(&table.path(&format!("LOAD{number:08X}")), file.bytes()).await?;
            eprintln!("export: {rows} rows of {}", table.name);
        }
    }
    Ok(())
}

/// All that was committed since the position, in files of their tables.
async fn changes(config: &ExportConfig, connection: &Connection, position: &mut Position) -> Result<(), ExportError> {
    let batch = journal::since(connection, position.seq)?;
    let Some(last) = batch.last() else { return Ok(()) };
    let mut next = position.clone();
    next.seq = last.seq;
    for table in &TABLES {
        let rows: Vec<_> = batch.iter().filter(|entry| entry.table == table.name).collect();
        for rows in rows.chunks(config.max_rows) {
            let mut file = File::of(table);
            for entry in rows {
                file.add(entry.op, entry.committed_at, &entry.row);
            }
            config.to.put(&table.path(&next.next_name(SystemClock.now())), file.bytes()).await?;
        }
    }
    next.save(&config.position)?;
    eprintln!("export: {} changes", batch.len());
    *position = next;
    Ok(())
}

#[cfg(test)]
mod tests;
