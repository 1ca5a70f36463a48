//! The batch job that makes the search's table what the articles are.

use std::{collections::HashSet, time::Duration};

use futures::lock::Mutex;
use rusqlite::{OptionalExtension, params};

use super::sortable;
use crate::{
    clock::{Millis, SharedClock},
    dates,
    internal::{Art, ArtError, ArtFilter, ArtHead, ArtInterface, PAGE_MAX, PUBLISHED},
    store::{Store, StoreError},
};

/// A change within so much time of a build may bear the date of one that the build saw: it is read again.
const DATES_TIE: Duration = Duration::from_mins(1);

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many articles can be found now.
    pub articles: usize,
    /// How many of them were written, as they were new or changed.
    pub written: usize,
    /// How many went, as they were withdrawn.
    pub removed: usize,
}

/// The job. One runs at a time.
pub struct Rebuild {
    store: Store,
    clock: SharedClock,
    running: Mutex<()>,
}

impl Rebuild {
    /// For this database.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock, running: Mutex::new(()) }
    }

    /// Reads all published articles and writes what differs; in small transactions, so that nobody waits for it.
    pub async fn run(&self, articles: &dyn ArtInterface) -> Result<Rebuilt, ArtError> {
        let _alone = self.running.lock().await;
        let built_at = self.clock.now();
        let mut seen = HashSet::new();
        let (mut written, mut from_mark) = (0, None);
        loop {
            let page = articles.art_list(&ArtFilter::default(), from_mark.as_deref(), PAGE_MAX).await?;
            let heads = page.arts.clone();
            let stale = self.store.read(move |connection| {
                let mut known = connection.prepare("SELECT chg_date, built_at FROM search_text WHERE art_key = ?1")?;
                let mut stale = Vec::new();
                for head in heads {
                    let row = known.query_row([&head.art_key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                    if row.is_none_or(|(chg_date, built_at): (String, Millis)| is_stale(&head, &chg_date, built_at)) {
                        stale.push(head.art_key);
                    }
                }
                Ok(stale)
            });
            let mut changed = Vec::new();
            for art_key in stale.await? {
                match articles.art_get(&art_key).await {
                    Ok(art) if art.head.state == PUBLISHED => changed.push(art),
                    // It was withdrawn since the list was read.
                    Ok(_) | Err(ArtError::Unknown | ArtError::Withdrawn) => {}
                    Err(error) => return Err(error),
                }
            }
            written += changed.len();
            self.write(changed, built_at).await?;
            seen.extend(page.arts.into_iter().map(|head| head.art_key));
            from_mark = page.next_mark;
            if from_mark.is_none() {
                break;
            }
        }
        let articles = seen.len();
        let removed = self.remove_all_but(seen).await?;
        Ok(Rebuilt { articles, written, removed })
    }

    async fn write(&self, arts: Vec<Art>, built_at: Millis) -> Result<(), StoreError> {
        if arts.is_empty() {
            return Ok(());
        }
        let write = self.store.write(move |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO search_text (art_key, headline, teaser, author_code, author_name, topics, pay_flag,
                   pub_date, pub_sort, chg_date, built_at, haystack)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for Art { head, body_text, .. } in arts {
                let pub_date = head.pub_date.unwrap_or_default();
                // The body of a premium article is no reader's to search.
                let searchable = if head.pay_flag == 'N' { body_text.as_str() } else { "" };
                let haystack =
                    [&head.headline, &head.teaser, &head.author_name, &head.topics.join(" "), searchable].join("\n");
                insert.execute(params![
                    head.art_key,
                    head.headline,
                    head.teaser,
                    head.author_code,
                    head.author_name,
                    format!(",{},", head.topics.join(",")),
                    head.pay_flag.to_string(),
                    pub_date,
                    sortable(&pub_date),
                    head.chg_date,
                    built_at,
                    haystack.to_lowercase()
                ])?;
            }
            Ok(())
        });
        write.await
    }

    async fn remove_all_but(&self, seen: HashSet<String>) -> Result<usize, StoreError> {
        let known = self.store.read(|connection| {
            let mut statement = connection.prepare("SELECT art_key FROM search_text")?;
            let known = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
            Ok(known)
        });
        let gone: Vec<String> = known.await?.into_iter().filter(|art_key| !seen.contains(art_key)).collect();
        if gone.is_empty() {
            return Ok(0);
        }
        let remove = self.store.write(move |transaction| {
            let mut delete = transaction.prepare("DELETE FROM search_text WHERE art_key = ?1")?;
            gone.iter().map(|art_key| delete.execute([art_key])).sum()
        });
        remove.await
    }
}

fn is_stale(head: &ArtHead, chg_date: &str, built_at: Millis) -> bool {
    let tie = Millis::try_from(DATES_TIE.as_millis()).unwrap_or(Millis::MAX);
    let settled = dates::read_old(chg_date).is_some_and(|changed| changed.saturating_add(tie) < built_at);
    head.chg_date != chg_date || !settled
}
