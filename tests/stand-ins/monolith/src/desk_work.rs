//! What contributors have on their desks: no list of articles has drafts.

use crate::store::{Store, StoreError};

/// The most that one desk shows.
const SHOWN: u32 = 50;

/// The desks.
#[derive(Clone)]
pub struct DeskWork {
    store: Store,
}

impl DeskWork {
    /// In this database.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The articles on a contributor's desk.
    pub async fn of(&self, user_code: &str) -> Result<Vec<String>, StoreError> {
        let user_code = user_code.to_owned();
        let read = self.store.read(move |connection| {
            let sql = "SELECT art_key FROM desk_work WHERE user_code = ?1 ORDER BY art_key LIMIT ?2";
            connection.prepare_cached(sql)?.query_map((user_code, SHOWN), |row| row.get(0))?.collect()
        });
        read.await
    }

    /// Puts an article onto the desk, or takes it off.
    pub async fn keep(&self, user_code: &str, art_key: &str, on_desk: bool) -> Result<(), StoreError> {
        let row = (user_code.to_owned(), art_key.to_owned());
        let kept = self.store.write(move |transaction| {
            let sql = if on_desk {
                "INSERT INTO desk_work (user_code, art_key) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
            } else {
                "DELETE FROM desk_work WHERE user_code = ?1 AND art_key = ?2"
            };
            transaction.execute(sql, row)
        });
        kept.await.map(|_| ())
    }
}
