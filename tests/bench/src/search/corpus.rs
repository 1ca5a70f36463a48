//! The corpus: the monolith's, as its database has it, and as an index is told of it.

use domain::articles::{ArticleId, AuthorId, Tag};
use domain::intent::Invalid;
use domain::search::Document;
use domain::search::matching::is_filler;
use domain::time::Timestamp;
use monolith::clock::{SharedClock, SystemClock};
use monolith::config::CorpusConfig;
use monolith::corpus::{self, Size};
use monolith::dates;
use monolith::internal::local::LocalArticles;
use monolith::search::rebuild::Rebuild;
use monolith::store::{self, Store};
use rusqlite::Connection;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// The words of a question, in turn.
const LENGTHS: [usize; 3] = [1, 2, 3];

/// The monolith with articles, and its search's table.
pub struct Corpus {
    /// The database.
    pub connection: Connection,
    /// What readers may find.
    pub documents: Vec<Document>,
    /// How long the texts of all of them are that the monolith searches, in characters.
    pub characters: usize,
}

impl Corpus {
    /// Makes a database with so many articles, and lets the batch job make the search's table.
    ///
    /// # Errors
    /// Whatever the monolith says.
    pub async fn new(database: &Path, articles: u64, seed: u64) -> Result<Self, Box<dyn Error>> {
        corpus::fill(&CorpusConfig { db: database.to_owned(), seed, articles: Size::new(articles)? })?;
        let clock: SharedClock = Arc::new(SystemClock);
        let store = Store::open(database, Arc::clone(&clock))?;
        Rebuild::new(store.clone(), Arc::clone(&clock)).run(&LocalArticles::new(store, clock)).await?;
        let connection = store::open(database)?;
        let documents = documents(&connection)?;
        let characters: i64 =
            connection
                .query_row("SELECT sum(length(body_text)) FROM article WHERE state = 'P'", [], |row| row.get(0))?;
        Ok(Self { connection, documents, characters: usize::try_from(characters)? })
    }

    /// Questions: words that follow one another in titles. None begins or ends with a filler, as nobody's does.
    pub fn questions(&self, count: usize, seed: u64) -> Vec<String> {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut questions = Vec::new();
        for length in LENGTHS.into_iter().cycle() {
            if questions.len() == count || self.documents.is_empty() {
                break;
            }
            let title = &self.documents[chance.usize(..self.documents.len())].title;
            let words: Vec<&str> =
                title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let from = chance.usize(..=words.len().saturating_sub(length));
            let asked = &words[from..words.len().min(from + length)];
            if !asked.first().is_none_or(|word| is_filler(word)) && !asked.last().is_none_or(|word| is_filler(word)) {
                questions.push(asked.join(" "));
            }
        }
        questions
    }
}

fn documents(connection: &Connection) -> Result<Vec<Document>, Box<dyn Error>> {
    let mut statement = connection.prepare(
        "SELECT art_key, headline, teaser, body_text, author_code, author_name, pay_flag, pub_date,
           (SELECT group_concat(topic) FROM article_topic WHERE article_topic.art_key = article.art_key)
         FROM article WHERE state = 'P' ORDER BY art_key",
    )?;
    let mut rows = statement.query([])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        let topics: Option<String> = row.get(8)?;
        let premium = row.get::<_, String>(6)? == "Y";
        documents.push(Document {
            id: ArticleId::new(row.get::<_, String>(0)?)?,
            version: 1,
            title: row.get(1)?,
            summary: row.get(2)?,
            // Its Markdown, which is text with a few signs in it.
            body: if premium { String::new() } else { row.get(3)? },
            author: AuthorId::new(row.get::<_, String>(4)?)?,
            byline: row.get(5)?,
            tags: topics.iter().flat_map(|topics| topics.split(',')).map(Tag::new).collect::<Result<_, Invalid>>()?,
            premium,
            published_at: Timestamp(dates::read_old(&row.get::<_, String>(7)?).ok_or("a date that is none")?),
        });
    }
    Ok(documents)
}
