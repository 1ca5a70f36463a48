//! The search that hurts: every question reads the text of every article, for each of its words, twice. What matches comes
//! by date; a word with a letter wrong finds nothing; what was published since the last [`rebuild`] is not there.

pub mod rebuild;

use rusqlite::{Connection, ToSql};

use crate::{clock::Millis, dates};

/// How far into the hits one may page.
pub const DEEPEST: u32 = 10_000;
/// The longest question, in characters.
pub const QUESTION_MAX: usize = 200;
/// The most words of a question.
pub const WORDS_MAX: usize = 16;
const SUGGESTIONS: u32 = 10;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// All of its words must occur, as parts of words too; without words everything matches.
    pub text: String,
    /// All of these topics.
    pub topics: Vec<String>,
    /// Of this author.
    pub author_code: Option<String>,
    /// Published at this moment or later.
    pub from: Option<Millis>,
    /// Published before this moment.
    pub to: Option<Millis>,
    /// The oldest first, not the newest.
    pub oldest_first: bool,
    /// So many hits are left out.
    pub offset: u32,
    /// At most so many hits.
    pub limit: u16,
}

/// One article that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its name.
    pub art_key: String,
    /// Its headline.
    pub headline: String,
    /// Its teaser.
    pub teaser: String,
    /// Whose it is.
    pub author_code: String,
    /// The author's name.
    pub author_name: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// `Y` or `N`.
    pub pay_flag: String,
    /// When it was published.
    pub pub_date: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many match.
    pub total: u64,
    /// Some of them.
    pub hits: Vec<Hit>,
}

/// Answers a question.
pub fn find(connection: &Connection, question: &Question) -> rusqlite::Result<Found> {
    let mut conditions = String::from("1 = 1");
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    for word in question.text.to_lowercase().split_whitespace() {
        conditions.push_str(r" AND haystack LIKE ? ESCAPE '\'");
        values.push(Box::new(anywhere(word)));
    }
    for topic in &question.topics {
        conditions.push_str(r" AND topics LIKE ? ESCAPE '\'");
        values.push(Box::new(anywhere(&format!(",{topic},"))));
    }
    if let Some(author) = &question.author_code {
        conditions.push_str(" AND author_code = ?");
        values.push(Box::new(author.clone()));
    }
    for (bound, condition) in [(question.from, " AND pub_sort >= ?"), (question.to, " AND pub_sort < ?")] {
        if let Some(sortable) = bound.and_then(next_second) {
            conditions.push_str(condition);
            values.push(Box::new(sortable));
        }
    }
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    let count = format!("SELECT count(*) FROM search_text WHERE {conditions}");
    let total: i64 = connection.prepare_cached(&count)?.query_row(&*values, |row| row.get(0))?;
    let order = if question.oldest_first { "ASC" } else { "DESC" };
    let (limit, offset) = (question.limit, question.offset);
    let mut statement = connection.prepare(&format!(
        "SELECT art_key, headline, teaser, author_code, author_name, topics, pay_flag, pub_date FROM search_text
         WHERE {conditions} ORDER BY pub_sort {order}, art_key {order} LIMIT {limit} OFFSET {offset}"
    ))?;
    let hits = statement.query_map(&*values, |row| {
        let topics: String = row.get(5)?;
        Ok(Hit {
            art_key: row.get(0)?,
            headline: row.get(1)?,
            teaser: row.get(2)?,
            author_code: row.get(3)?,
            author_name: row.get(4)?,
            topics: topics.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect(),
            pay_flag: row.get(6)?,
            pub_date: row.get(7)?,
        })
    })?;
    Ok(Found { total: total.unsigned_abs(), hits: hits.collect::<rusqlite::Result<_>>()? })
}

/// The newest headlines that hold the text, with their keys.
pub fn suggest(connection: &Connection, text: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(&format!(
        r"SELECT art_key, headline FROM search_text WHERE headline LIKE ?1 ESCAPE '\'
          ORDER BY pub_sort DESC, art_key DESC LIMIT {SUGGESTIONS}"
    ))?;
    statement.query_map([anywhere(text.trim())], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// A LIKE pattern for the text itself, wherever it stands.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// A date as `pub_sort` writes it: `yyyymmddHH:MM:SS`.
fn sortable(old: &str) -> String {
    let part = |from: usize, to: usize| old.get(from..to).unwrap_or_default();
    format!("{}{}{}{}", part(6, 10), part(3, 5), part(0, 2), part(11, 19))
}

/// The first whole second that is not before the moment: dates here have no parts of seconds.
fn next_second(moment: Millis) -> Option<String> {
    dates::old(moment.saturating_add(999)).as_deref().map(sortable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_a_letter_like_others() {
        assert_eq!(anywhere(r"50%_\"), r"%50\%\_\\%");
    }

    #[test]
    fn dates_sort_as_text() {
        assert_eq!(sortable("23.11.2026 10:21:36"), "2026112310:21:36");
        assert_eq!(next_second(1_795_429_296_000).as_deref(), Some("2026112310:21:36"));
        assert_eq!(next_second(1_795_429_296_001).as_deref(), Some("2026112310:21:37"));
        assert_eq!(next_second(i64::MAX), None);
    }
}
