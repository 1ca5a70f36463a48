//! The one database. Readers do not wait for the writer (write-ahead log); writers wait for each other.

pub mod schema;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::clock::{Clock, SharedClock};

/// So many readers at once; more wait. A search reads a whole table, and more of them at once end no sooner.
const READERS: usize = 4;

/// Why the database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `SQLite` says why.
    #[error("the database refused")]
    Sqlite(#[from] rusqlite::Error),
    /// The program ends, or the statement's thread did.
    #[error("the database's thread ended before it answered")]
    Ended,
}

/// The database of a running program. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    clock: SharedClock,
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
    may_read: Arc<Semaphore>,
}

impl Store {
    /// Opens the database, and makes what is missing.
    pub fn open(path: &Path, clock: SharedClock) -> rusqlite::Result<Self> {
        let writer = open(path)?;
        let may_read = Arc::new(Semaphore::new(READERS));
        let shared = Shared {
            path: path.to_owned(),
            clock,
            writer: Mutex::new(writer),
            idle_readers: Mutex::default(),
            may_read,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reads one state of the database: what others commit meanwhile is not seen.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.shared.may_read).acquire_owned().await.map_err(|_| StoreError::Ended)?;
        let shared = Arc::clone(&self.shared);
        let done = spawn_blocking(move || {
            let _until_done = permit;
            let idle = locked(&shared.idle_readers).pop();
            let mut connection = idle.map_or_else(|| connect(&shared.path), Ok)?;
            let found = work(&*connection.transaction()?)?;
            locked(&shared.idle_readers).push(connection);
            Ok(found)
        });
        done.await.map_err(|_| StoreError::Ended)?
    }

    /// Writes in one transaction; an error undoes it.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let done = spawn_blocking(move || {
            let mut writer = locked(&shared.writer);
            let transaction = begin(&mut writer, &*shared.clock)?;
            let written = work(&transaction)?;
            transaction.commit()?;
            Ok(written)
        });
        done.await.map_err(|_| StoreError::Ended)?
    }
}

/// A connection of its own for a program that runs beside, or instead of, the site; makes what is missing.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(schema::SCHEMA)?;
    transaction.commit()?;
    Ok(connection)
}

/// Begins a transaction that writes, with a number and a commit time of its own in the journal.
pub fn begin<'c>(connection: &'c mut Connection, clock: &dyn Clock) -> rusqlite::Result<Transaction<'c>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Writers come one after another, so that the time at which one begins orders it as its commit does. Never the same
    // time twice, also if the clock stands still or goes back.
    transaction.execute(
        "UPDATE change_tx SET tx_id = tx_id + 1, committed_at_micros = max(?1, committed_at_micros + 1)",
        [clock.now().saturating_mul(1000)],
    )?;
    Ok(transaction)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(20))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 31)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A thread that panicked left the connection as usable as one whose statement failed: `SQLite` rolled back.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::clock::Millis;

    struct StandsStill;

    impl Clock for StandsStill {
        fn now(&self) -> Millis {
            5
        }
    }

    fn store() -> (TempDir, Store) {
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("site.db"), Arc::new(StandsStill)).unwrap();
        (folder, store)
    }

    const ARTICLE: &str =
        "INSERT INTO article VALUES ('a', 'Head', 'T', 'B', 'ada', 'Ada', 'N', 'P', NULL, 'x', 'ada')";

    async fn journal(store: &Store) -> Vec<(i64, i64, String, String, String)> {
        let rows = "SELECT tx_id, committed_at_micros, table_name, op, row FROM change_log ORDER BY seq";
        let read = store.read(move |connection| {
            let mut statement = connection.prepare(rows)?;
            let entry = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
            statement.query_map([], entry)?.collect()
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn the_journal_has_each_row_of_a_transaction_with_its_one_commit_time() {
        let (_folder, store) = store();
        let first = store.write(|transaction| {
            transaction.execute(ARTICLE, [])?;
            transaction.execute("INSERT INTO article_topic VALUES ('a', 'physics')", [])
        });
        first.await.unwrap();
        let second = store.write(|transaction| {
            transaction.execute("UPDATE article SET headline = 'Other \"one\"' WHERE art_key = 'a'", [])?;
            transaction.execute("DELETE FROM article_topic WHERE art_key = 'a'", [])
        });
        second.await.unwrap();
        let journal = journal(&store).await;
        let heads: Vec<_> =
            journal.iter().map(|(tx, at, table, op, _)| (*tx, *at, table.as_str(), op.as_str())).collect();
        assert_eq!(
            heads,
            [
                (1, 5000, "article", "I"),
                (1, 5000, "article_topic", "I"),
                (2, 5001, "article", "U"),
                (2, 5001, "article_topic", "D")
            ]
        );
        let updated: serde_json::Value = serde_json::from_str(&journal[2].4).unwrap();
        assert_eq!((&updated["headline"], &updated["pub_date"]), (&"Other \"one\"".into(), &serde_json::Value::Null));
        assert_eq!(updated.as_object().unwrap().len(), 11);
        assert_eq!(journal[3].4, r#"{"art_key":"a","topic":"physics"}"#);
    }

    #[tokio::test]
    async fn what_fails_leaves_nothing_and_the_next_one_works() {
        let (_folder, store) = store();
        let failed = store.write(|transaction| {
            transaction.execute(ARTICLE, [])?;
            transaction.execute("INSERT INTO nowhere VALUES (1)", [])
        });
        assert!(failed.await.is_err());
        let panicked = store.write(|transaction| {
            transaction.execute(ARTICLE, [])?;
            assert!(transaction.is_autocommit(), "on purpose");
            Ok(())
        });
        assert!(matches!(panicked.await, Err(StoreError::Ended)));
        assert!(journal(&store).await.is_empty());
        store.write(|transaction| transaction.execute(ARTICLE, [])).await.unwrap();
        assert_eq!(journal(&store).await.len(), 1);
    }

    #[tokio::test]
    async fn the_journal_is_read_while_somebody_writes() {
        let (_folder, store) = store();
        let reader = store.clone();
        let written = store.write(move |transaction| {
            transaction.execute(ARTICLE, [])?;
            let other = connect(&reader.shared.path)?;
            other.query_row("SELECT count(*) FROM change_log", [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(written.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn newest_first_is_answered_from_the_index() {
        let (_folder, store) = store();
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM article WHERE state = 'P' ORDER BY {} DESC, art_key DESC",
            schema::BY_PUB_DATE
        );
        let plan = store.read(move |connection| connection.query_row(&sql, [], |row| row.get::<_, String>(3)));
        assert!(plan.await.unwrap().contains("USING INDEX article_newest"));
    }
}
