//! Articles that the articles service feeds back, so that this database has them when a route comes back to it.

use rusqlite::OptionalExtension;

use super::{Art, local};
use crate::store::{Store, StoreError, schema::FED_BACK};

/// Writes `art`, the service's `version` of it, if that is newer than what was fed before. Whether it was.
pub async fn feed(store: &Store, art: Art, version: u64) -> Result<bool, StoreError> {
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    let fed = store.write(move |transaction| {
        let art_key = &art.head.art_key;
        let known: Option<i64> = transaction
            .query_row("SELECT version FROM article_fed WHERE art_key = ?1", [art_key], |row| row.get(0))
            .optional()?;
        if known.is_some_and(|known| known >= version) {
            return Ok(false);
        }
        local::save(transaction, &art, FED_BACK)?;
        transaction.execute(
            "INSERT INTO article_fed (art_key, version) VALUES (?1, ?2) ON CONFLICT (art_key) DO UPDATE SET version = ?2",
            (art_key, version),
        )?;
        Ok(true)
    });
    fed.await
}
