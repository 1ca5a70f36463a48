//! What readers say below an article.

use crate::{
    clock::SharedClock,
    dates,
    internal::{ArtError, ArtInterface, PUBLISHED},
    store::{Store, StoreError},
    users::User,
};

/// The longest comment, in characters.
pub const LONGEST: usize = 2000;
/// So many, the newest, are shown.
const SHOWN: u32 = 200;

/// What a reader said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The reader's name.
    pub user_name: String,
    /// Plain text.
    pub comm_text: String,
    /// When: `dd.mm.yyyy HH:MM:SS`.
    pub comm_date: String,
}

/// The comments on all articles.
#[derive(Clone)]
pub struct Comments {
    store: Store,
    clock: SharedClock,
}

impl Comments {
    /// In this database.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Those on one article, in the order in which they were said.
    pub async fn on(&self, art_key: &str) -> Result<Vec<Comment>, StoreError> {
        let art_key = art_key.to_owned();
        let read = self.store.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT user_name, comm_text, comm_date FROM (SELECT * FROM reader_comment WHERE art_key = ?1
                 ORDER BY comm_no DESC LIMIT {SHOWN}) ORDER BY comm_no"
            ))?;
            let comments = statement.query_map([art_key], |row| {
                Ok(Comment { user_name: row.get(0)?, comm_text: row.get(1)?, comm_date: row.get(2)? })
            });
            comments?.collect()
        });
        read.await
    }

    /// Says something about a published article.
    pub async fn say(
        &self,
        articles: &dyn ArtInterface,
        art_key: &str,
        user: &User,
        text: &str,
    ) -> Result<(), ArtError> {
        let text = text.trim();
        if !(1..=LONGEST).contains(&text.chars().count()) {
            return Err(ArtError::field("comment", "must have 1 to 2,000 characters"));
        }
        match articles.art_get(art_key).await?.head.state {
            PUBLISHED => {}
            crate::internal::WITHDRAWN => return Err(ArtError::Withdrawn),
            _ => return Err(ArtError::Unknown),
        }
        let comm_date = dates::old(self.clock.now()).unwrap_or_default();
        let row = (art_key.to_owned(), user.user_code.clone(), user.full_name.clone(), text.to_owned(), comm_date);
        let said = self.store.write(move |transaction| {
            let sql = "INSERT INTO reader_comment (art_key, user_code, user_name, comm_text, comm_date)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(sql, row)
        });
        said.await?;
        Ok(())
    }

    /// The keys of what readers talked about most lately, with how many of the latest 500 comments were on it.
    pub async fn most_discussed(&self, count: u32) -> Result<Vec<(String, u32)>, StoreError> {
        let read = self.store.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT art_key, count(*) FROM (SELECT art_key, comm_no FROM reader_comment ORDER BY comm_no DESC LIMIT 500)
                 GROUP BY art_key ORDER BY 2 DESC, max(comm_no) DESC LIMIT ?1",
            )?;
            statement.query_map([count], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        });
        read.await
    }
}
