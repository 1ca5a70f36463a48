//! The internal article interface over the monolith's own database: what it always was.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::{FutureExt, future::BoxFuture};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest, Sha256};

use super::{Art, ArtError, ArtFilter, ArtHead, ArtInterface, ArtPage, ArtText, PUBLISHED, WITHDRAWN, rules};
use crate::{
    clock::{Clock, SharedClock},
    dates,
    store::{Store, schema::BY_PUB_DATE},
};

/// Articles in the monolith's database.
pub struct LocalArticles {
    store: Store,
    clock: SharedClock,
}

impl LocalArticles {
    /// Over this database.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Runs `decide` on an article as it is, in the transaction that writes what it decided.
    async fn change(
        &self,
        art_key: &str,
        edit_mark: &str,
        decide: impl FnOnce(&Transaction<'_>, Art) -> rusqlite::Result<Result<Art, ArtError>> + Send + 'static,
    ) -> Result<Art, ArtError> {
        rules::check_key(art_key)?;
        let (art_key, edit_mark) = (art_key.to_owned(), edit_mark.to_owned());
        let written = self.store.write(move |transaction| match load(transaction, &art_key)? {
            None => Ok(Err(ArtError::Unknown)),
            Some(art) if art.head.state == WITHDRAWN => Ok(Err(ArtError::Withdrawn)),
            Some(art) if art.edit_mark != edit_mark => Ok(Err(ArtError::Changed)),
            Some(art) => decide(transaction, art),
        });
        written.await?
    }

    async fn get(&self, art_key: &str) -> Result<Art, ArtError> {
        rules::check_key(art_key)?;
        let art_key = art_key.to_owned();
        self.store.read(move |connection| load(connection, &art_key)).await?.ok_or(ArtError::Unknown)
    }

    async fn list(&self, filter: &ArtFilter, from_mark: Option<&str>, count: u16) -> Result<ArtPage, ArtError> {
        rules::check_list(filter, count)?;
        let after = from_mark.map(Place::read).transpose()?;
        let filter = filter.clone();
        Ok(self.store.read(move |connection| page(connection, &filter, after.as_ref(), count)).await?)
    }

    async fn create(&self, art_key: &str, text: &ArtText, chg_by: &str) -> Result<Art, ArtError> {
        rules::check_key(art_key)?;
        rules::check_text(text)?;
        let wanted = new_art(art_key, text, &today(&*self.clock));
        let chg_by = chg_by.to_owned();
        let written = self.store.write(move |transaction| match load(transaction, &wanted.head.art_key)? {
            Some(there) if says_the_same(&there, &wanted) => Ok(Ok(there)),
            Some(_) => Ok(Err(ArtError::KeyTaken)),
            None => save(transaction, &wanted, &chg_by).map(Ok),
        });
        written.await?
    }
}

impl ArtInterface for LocalArticles {
    fn art_get<'a>(&'a self, art_key: &'a str) -> BoxFuture<'a, Result<Art, ArtError>> {
        self.get(art_key).boxed()
    }

    fn art_list<'a>(
        &'a self,
        filter: &'a ArtFilter,
        from_mark: Option<&'a str>,
        count: u16,
    ) -> BoxFuture<'a, Result<ArtPage, ArtError>> {
        self.list(filter, from_mark, count).boxed()
    }

    fn art_create<'a>(
        &'a self,
        art_key: &'a str,
        text: &'a ArtText,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>> {
        self.create(art_key, text, chg_by).boxed()
    }

    fn art_change<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        text: &'a ArtText,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>> {
        let today = today(&*self.clock);
        let (new, chg_by) = (text.clone(), chg_by.to_owned());
        async move {
            rules::check_text(text)?;
            let decide = move |transaction: &Transaction<'_>, art: Art| {
                if let Err(refused) = rules::check_change(art.head.state, new.state) {
                    return Ok(Err(refused));
                }
                save(transaction, &changed(art, &new, &today), &chg_by).map(Ok)
            };
            self.change(art_key, edit_mark, decide).await
        }
        .boxed()
    }

    fn art_withdraw<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<(), ArtError>> {
        let (chg_date, chg_by) = (today(&*self.clock), chg_by.to_owned());
        async move {
            let decide = move |transaction: &Transaction<'_>, mut art: Art| {
                art.head.state = WITHDRAWN;
                art.head.chg_date = chg_date;
                save(transaction, &art, &chg_by).map(Ok)
            };
            self.change(art_key, edit_mark, decide).await.map(|_| ())
        }
        .boxed()
    }
}

fn today(clock: &dyn Clock) -> String {
    dates::old(clock.now()).unwrap_or_default()
}

fn new_art(art_key: &str, text: &ArtText, today: &str) -> Art {
    let head = ArtHead {
        art_key: art_key.to_owned(),
        headline: text.headline.clone(),
        teaser: text.teaser.clone(),
        author_code: text.author_code.clone(),
        author_name: text.author_name.clone(),
        topics: rules::sorted(&text.topics),
        pay_flag: text.pay_flag,
        state: text.state,
        pub_date: text.pub_date.clone().or_else(|| (text.state == PUBLISHED).then(|| today.to_owned())),
        chg_date: today.to_owned(),
    };
    Art { head, body_text: text.body_text.clone(), edit_mark: String::new() }
}

fn changed(art: Art, text: &ArtText, today: &str) -> Art {
    let mut new = new_art(&art.head.art_key, text, today);
    new.head.author_code = art.head.author_code;
    new.head.pub_date = text.pub_date.clone().or(art.head.pub_date).or(new.head.pub_date);
    new
}

/// Whether two articles differ in nothing but in when they were written.
pub(crate) fn says_the_same(one: &Art, other: &Art) -> bool {
    let ArtHead { art_key, headline, teaser, author_code, author_name, topics, pay_flag, state, .. } = &one.head;
    let that = &other.head;
    one.body_text == other.body_text
        && (art_key, headline, teaser) == (&that.art_key, &that.headline, &that.teaser)
        && (author_code, author_name, topics) == (&that.author_code, &that.author_name, &that.topics)
        && (pay_flag, state) == (&that.pay_flag, &that.state)
}

const HEAD: &str = "art_key, headline, teaser, author_code, author_name, pay_flag, state, pub_date, chg_date";

fn head(row: &Row<'_>) -> rusqlite::Result<ArtHead> {
    Ok(ArtHead {
        art_key: row.get(0)?,
        headline: row.get(1)?,
        teaser: row.get(2)?,
        author_code: row.get(3)?,
        author_name: row.get(4)?,
        topics: Vec::new(),
        pay_flag: letter(row, 5)?,
        state: letter(row, 6)?,
        pub_date: row.get(7)?,
        chg_date: row.get(8)?,
    })
}

/// A column of one letter; `?` for what the column should never hold.
fn letter(row: &Row<'_>, column: usize) -> rusqlite::Result<char> {
    let text: String = row.get(column)?;
    Ok(text.chars().next().filter(|_| text.chars().count() == 1).unwrap_or('?'))
}

fn load(connection: &Connection, art_key: &str) -> rusqlite::Result<Option<Art>> {
    let sql = format!("SELECT {HEAD}, body_text FROM article WHERE art_key = ?1");
    let found =
        connection.prepare_cached(&sql)?.query_row([art_key], |row| Ok((head(row)?, row.get(9)?))).optional()?;
    let Some((mut head, body_text)) = found else { return Ok(None) };
    head.topics = topics(connection, art_key)?;
    Ok(Some(marked(head, body_text)))
}

fn topics(connection: &Connection, art_key: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT topic FROM article_topic WHERE art_key = ?1 ORDER BY topic")?;
    statement.query_map([art_key], |row| row.get(0))?.collect()
}

/// The mark is a digest of all that the article says: whoever saw the same may change it.
fn marked(head: ArtHead, body_text: String) -> Art {
    let mut digest = Sha256::new();
    for part in [format!("{head:?}").as_bytes(), body_text.as_bytes()] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    Art { head, body_text, edit_mark: URL_SAFE_NO_PAD.encode(digest.finalize()) }
}

/// Writes an article as it shall be; topics only where they differ, so that the journal holds changes alone.
pub(crate) fn save(transaction: &Transaction<'_>, art: &Art, chg_by: &str) -> rusqlite::Result<Art> {
    let ArtHead { art_key, headline, teaser, author_code, author_name, pay_flag, state, pub_date, chg_date, .. } =
        &art.head;
    transaction.prepare_cached(
        "INSERT INTO article (art_key, headline, teaser, body_text, author_code, author_name, pay_flag, state, pub_date,
           chg_date, chg_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (art_key) DO UPDATE SET headline = ?2, teaser = ?3, body_text = ?4, author_code = ?5,
           author_name = ?6, pay_flag = ?7, state = ?8, pub_date = ?9, chg_date = ?10, chg_by = ?11",
    )?
    .execute(params![
        art_key,
        headline,
        teaser,
        art.body_text,
        author_code,
        author_name,
        pay_flag.to_string(),
        state.to_string(),
        pub_date,
        chg_date,
        chg_by
    ])?;
    let (before, after) = (topics(transaction, art_key)?, rules::sorted(&art.head.topics));
    for gone in before.iter().filter(|topic| !after.contains(topic)) {
        transaction.execute("DELETE FROM article_topic WHERE art_key = ?1 AND topic = ?2", [art_key, gone])?;
    }
    for new in after.iter().filter(|topic| !before.contains(topic)) {
        transaction.execute("INSERT INTO article_topic (art_key, topic) VALUES (?1, ?2)", [art_key, new])?;
    }
    Ok(marked(ArtHead { topics: after, ..art.head.clone() }, art.body_text.clone()))
}

/// Where a page of a list ended.
struct Place {
    pub_sort: String,
    art_key: String,
}

impl Place {
    fn read(mark: &str) -> Result<Self, ArtError> {
        let text = URL_SAFE_NO_PAD.decode(mark).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let read =
            text.as_deref().and_then(|text| text.split_once('|')).filter(|(_, key)| rules::check_key(key).is_ok());
        let (pub_sort, art_key) = read.ok_or_else(|| ArtError::field("from_mark", "must be that of another page"))?;
        Ok(Self { pub_sort: pub_sort.to_owned(), art_key: art_key.to_owned() })
    }

    fn mark(pub_sort: &str, art_key: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{pub_sort}|{art_key}"))
    }
}

fn page(connection: &Connection, filter: &ArtFilter, after: Option<&Place>, count: u16) -> rusqlite::Result<ArtPage> {
    let mut sql = format!("SELECT {HEAD}, {BY_PUB_DATE} FROM article WHERE state = 'P' AND pub_date IS NOT NULL");
    let mut values: Vec<&dyn rusqlite::ToSql> = Vec::new();
    if let Some(author) = &filter.author_code {
        sql.push_str(" AND author_code = ?");
        values.push(author);
    }
    if let Some(topic) = &filter.topic {
        sql.push_str(" AND EXISTS (SELECT 1 FROM article_topic t WHERE t.topic = ? AND t.art_key = article.art_key)");
        values.push(topic);
    }
    if let Some(place) = after {
        // The first condition is in the second; it is there for the index.
        let after = format!(" AND {BY_PUB_DATE} <= ? AND ({BY_PUB_DATE}, art_key) < (?, ?)");
        sql.push_str(&after);
        values.extend([&place.pub_sort as &dyn rusqlite::ToSql, &place.pub_sort, &place.art_key]);
    }
    let one_more = u32::from(count) + 1;
    write!(sql, " ORDER BY {BY_PUB_DATE} DESC, art_key DESC LIMIT {one_more}").unwrap_or_default();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows: Vec<(ArtHead, String)> =
        statement.query_map(&*values, |row| Ok((head(row)?, row.get(9)?)))?.collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > usize::from(count);
    rows.truncate(usize::from(count));
    let next_mark = rows.last().filter(|_| more).map(|(last, pub_sort)| Place::mark(pub_sort, &last.art_key));
    let mut arts: Vec<ArtHead> = rows.into_iter().map(|(head, _)| head).collect();
    for art in &mut arts {
        art.topics = topics(connection, &art.art_key)?;
    }
    Ok(ArtPage { arts, next_mark })
}
