//! Articles that the articles service feeds back, so that this database has them when a route comes back to it.

use rusqlite::OptionalExtension;

use super::{Art, local};
use crate::store::{Store, StoreError, schema::FED_BACK};

/// What became of an article that was fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// It was written.
    Applied,
    /// What was fed before is as new, or newer.
    Stale,
    /// Somebody changed it here, and the service has not heard of that yet. It must hear of it first.
    Unheard,
}

/// Writes `art`, the service's `version` of it, if that is newer than what was fed before, and over no edit but the one that
/// the service knows, by its `chg_date`.
pub async fn feed(store: &Store, art: Art, version: u64, known_change: Option<String>) -> Result<Fed, StoreError> {
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    let fed = store.write(move |transaction| {
        let art_key = &art.head.art_key;
        let known: Option<i64> = transaction
            .query_row("SELECT version FROM article_fed WHERE art_key = ?1", [art_key], |row| row.get(0))
            .optional()?;
        if known.is_some_and(|known| known >= version) {
            return Ok(Fed::Stale);
        }
        let there: Option<(String, String)> = transaction
            .query_row("SELECT chg_by, chg_date FROM article WHERE art_key = ?1", [art_key], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if there.is_some_and(|(chg_by, chg_date)| chg_by != FED_BACK && Some(chg_date) != known_change) {
            return Ok(Fed::Unheard);
        }
        local::save(transaction, &art, FED_BACK)?;
        transaction.execute(
            "INSERT INTO article_fed (art_key, version) VALUES (?1, ?2) ON CONFLICT (art_key) DO UPDATE SET version = ?2",
            (art_key, version),
        )?;
        Ok(Fed::Applied)
    });
    fed.await
}
