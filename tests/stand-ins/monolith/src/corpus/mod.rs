//! Articles to try the site with: made up, plausible, and the same ones for the same seed.

mod chronicle;
pub mod fields;
pub mod judged;
pub mod maker;
pub mod people;

use rusqlite::{Transaction, params};

use crate::{
    clock::{Millis, SystemClock},
    config::CorpusConfig,
    dates,
    internal::PUBLISHED,
    store::{begin, open},
};
use maker::{Made, Maker};

/// So many articles are in memory at once, and in one transaction.
const BATCH: u64 = 2000;
/// `chg_by` of made-up articles.
const CHG_BY: &str = "corpus";

/// How many articles: 1,000 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u64);

impl Size {
    /// Checks the number.
    pub fn new(articles: u64) -> Result<Self, String> {
        if (1_000..=1_000_000).contains(&articles) {
            Ok(Self(articles))
        } else {
            Err(format!("articles must be 1,000 to 1,000,000, not {articles}"))
        }
    }
}

/// Why there is no corpus.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The database refused.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Somebody wrote there before.
    #[error("the database holds articles already; take another file")]
    NotEmpty,
}

/// Fills an empty database: the [judged](judged::ARTICLES) articles, and made-up ones up to the number that is wanted.
/// Says on standard error how far it is.
pub fn fill(config: &CorpusConfig) -> Result<(), CorpusError> {
    let mut connection = open(&config.db)?;
    if connection.query_row("SELECT EXISTS (SELECT 1 FROM article)", [], |row| row.get(0))? {
        return Err(CorpusError::NotEmpty);
    }
    let Size(wanted) = config.articles;
    let transaction = begin(&mut connection, &SystemClock)?;
    for article in &judged::ARTICLES {
        insert_judged(&transaction, article)?;
    }
    transaction.commit()?;
    let mut written = u64::try_from(judged::ARTICLES.len()).unwrap_or(wanted);
    let mut maker = Maker::new(config.seed, wanted);
    while written < wanted {
        let transaction = begin(&mut connection, &SystemClock)?;
        let until = wanted.min(written + BATCH);
        while written < until {
            insert(&transaction, &maker.article())?;
            written += 1;
        }
        transaction.commit()?;
        if written == wanted || (written / BATCH).is_multiple_of(10) {
            eprintln!("corpus: {written} of {wanted} articles");
        }
    }
    Ok(())
}

fn insert(transaction: &Transaction<'_>, article: &Made) -> rusqlite::Result<()> {
    let date = |moment: Millis| dates::old(moment).unwrap_or_default();
    // A draft has no date yet.
    let pub_date = (article.state != 'E').then(|| date(article.published));
    insert_row(
        transaction,
        &Row {
            art_key: &article.art_key,
            headline: &article.headline,
            teaser: &article.teaser,
            body_text: &article.body_text,
            author_code: &article.author.code,
            author_name: &article.author.name,
            topics: &article.topics,
            premium: article.premium,
            state: article.state,
            pub_date,
            chg_date: date(article.changed),
        },
    )?;
    let mut comment = transaction.prepare_cached(
        "INSERT INTO reader_comment (art_key, user_code, user_name, comm_text, comm_date) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (name, text, at) in &article.comments {
        comment.execute(params![article.art_key, CHG_BY, name, text, date(*at)])?;
    }
    Ok(())
}

fn insert_judged(transaction: &Transaction<'_>, article: &judged::Article) -> rusqlite::Result<()> {
    insert_row(
        transaction,
        &Row {
            art_key: article.id,
            headline: article.title,
            teaser: article.summary,
            body_text: article.markdown,
            author_code: article.author,
            author_name: article.byline,
            topics: article.tags,
            premium: false,
            state: PUBLISHED,
            pub_date: Some(article.published.to_owned()),
            chg_date: article.published.to_owned(),
        },
    )
}

struct Row<'a> {
    art_key: &'a str,
    headline: &'a str,
    teaser: &'a str,
    body_text: &'a str,
    author_code: &'a str,
    author_name: &'a str,
    topics: &'a [&'a str],
    premium: bool,
    state: char,
    pub_date: Option<String>,
    chg_date: String,
}

fn insert_row(transaction: &Transaction<'_>, row: &Row<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO article (art_key, headline, teaser, body_text, author_code, author_name, pay_flag, state,
               pub_date, chg_date, chg_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            row.art_key,
            row.headline,
            row.teaser,
            row.body_text,
            row.author_code,
            row.author_name,
            if row.premium { "Y" } else { "N" },
            row.state.to_string(),
            row.pub_date,
            row.chg_date,
            CHG_BY
        ])?;
    let mut insert = transaction.prepare_cached("INSERT INTO article_topic (art_key, topic) VALUES (?1, ?2)")?;
    for topic in row.topics {
        insert.execute([row.art_key, topic])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    fn contents(config: &CorpusConfig) -> String {
        let connection = Connection::open(&config.db).unwrap();
        let sql = "SELECT group_concat(line, '') FROM (
            SELECT art_key || headline || body_text || author_code || ifnull(pub_date, '-') || chg_date AS line
            FROM article ORDER BY art_key)";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_same_seed_fills_two_databases_alike() {
        let folder = TempDir::new().unwrap();
        let config =
            |name: &str, seed| CorpusConfig { db: folder.path().join(name), seed, articles: Size::new(1_000).unwrap() };
        let (one, same, other) = (config("one", 7), config("same", 7), config("other", 8));
        for config in [&one, &same, &other] {
            fill(config).unwrap();
        }
        assert_eq!(contents(&one), contents(&same));
        assert_ne!(contents(&one), contents(&other));
        assert!(matches!(fill(&one), Err(CorpusError::NotEmpty)));
        let connection = Connection::open(&one.db).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM article"), 1_000);
        assert_eq!(count("SELECT count(*) FROM change_log WHERE table_name = 'article' AND op = 'I'"), 1_000);
        assert!(count("SELECT count(DISTINCT topic) FROM article_topic") > 50);
        assert!(count("SELECT count(*) FROM reader_comment") > 100);
    }

    #[test]
    fn a_corpus_has_its_limits() {
        assert!(Size::new(999).is_err() && Size::new(1_000_001).is_err() && Size::new(1_000_000).is_ok());
    }
}
