//! What the monolith's rows say, in our words. Columns are found by their names in the file's header, so that one that
//! the monolith gains changes nothing, and one that it loses is noticed at once.

use super::csv::{Field, Record};
use super::{Fault, Place};
use crate::articles::draft::{LONGEST_BYLINE, LONGEST_SUMMARY, LONGEST_TITLE, is_one_line};
use crate::articles::{ArticleId, ArticleStatus, AuthorId, SourcePosition, Tag};
use crate::intent::Invalid;
use crate::time::Timestamp;
use std::collections::BTreeSet;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// What DMS writes for no value (`CsvNullValue`); the same in quotes is a text.
const NULL: &str = "NULL";
/// `chg_by` of rows that the articles service itself has written into the monolith.
const FED_BACK: &str = "articles-service";

const OP: &str = "Op";
const COMMITTED: &str = "dms_ts";

const COMMITTED_AT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
const OLD_DATE: &[BorrowedFormatItem<'_>] = format_description!("[day].[month].[year] [hour]:[minute]:[second]");

/// A table of the monolith that is migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The articles.
    Article,
    /// What they are about.
    ArticleTopic,
}

impl Table {
    /// The table whose rows a file holds, by its key `…/{schema}/{table}/{name}.csv`.
    pub fn of(file: &str) -> Option<Self> {
        let mut parts = file.rsplit('/');
        parts.next()?.strip_suffix(".csv")?;
        match parts.next()? {
            "article" => Some(Self::Article),
            "article_topic" => Some(Self::ArticleTopic),
            _ => None,
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Article => &[
                "art_key",
                "headline",
                "teaser",
                "body_text",
                "author_code",
                "author_name",
                "pay_flag",
                "state",
                "pub_date",
                "chg_date",
                "chg_by",
            ],
            Self::ArticleTopic => &["art_key", "topic"],
        }
    }
}

/// The columns of one file, by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    table: Table,
    names: Vec<String>,
}

impl Columns {
    /// Reads a file's first record.
    ///
    /// # Errors
    /// [`Fault`], where a column that we need is missing or one is named twice. Without it no row has a meaning.
    pub fn read(table: Table, header: &Record) -> Result<Self, Fault> {
        let names: Vec<String> = header.fields.iter().map(|field| field.text.clone()).collect();
        Self::named(table, names).map_err(|why| Fault { place: Place { line: header.line, column: 1 }, why })
    }

    /// The columns with these names, in the order of the file.
    ///
    /// # Errors
    /// A sentence, as [`Columns::read`].
    pub fn named(table: Table, names: Vec<String>) -> Result<Self, String> {
        let needed = [OP, COMMITTED].into_iter().chain(table.columns().iter().copied());
        for needed in needed {
            match names.iter().filter(|name| *name == needed).count() {
                1 => {}
                0 => return Err(format!("the header must name the column {needed}")),
                _ => return Err(format!("the header names the column {needed} more than once")),
            }
        }
        Ok(Self { table, names })
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Columns that mean nothing to us.
    pub fn unknown(&self) -> BTreeSet<&str> {
        let known = |name: &str| name == OP || name == COMMITTED || self.table.columns().contains(&name);
        self.names.iter().map(String::as_str).filter(|name| !known(name)).collect()
    }
}

/// What a row must keep to besides its columns' own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// DMS cuts large texts off at this many bytes and says nothing. One that is about as long is taken for cut.
    pub lob_bytes: u64,
    /// No row was committed later than this, in microseconds since the epoch: it would win for ever.
    pub latest: i64,
}

/// One row of one of the two tables, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The article that it is about.
    pub id: ArticleId,
    /// Where it was found.
    pub at: SourcePosition,
    /// What became of it.
    pub change: Change,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The article is so now.
    Article(Box<ArticleRow>),
    /// The article's row was deleted.
    ArticleDeleted,
    /// The article is about this now, or not any more.
    Topic {
        /// What.
        topic: Tag,
        /// Whether it is.
        there: bool,
    },
}

/// A row of `article`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleRow {
    /// `headline`
    pub title: String,
    /// `teaser`
    pub summary: String,
    /// `body_text`, Markdown.
    pub body: String,
    /// `author_code`
    pub author: AuthorId,
    /// `author_name`
    pub byline: String,
    /// `pay_flag`
    pub premium: bool,
    /// `state`
    pub status: ArticleStatus,
    /// `pub_date`, to the second.
    pub published_at: Option<Timestamp>,
    /// `chg_date`, to the second.
    pub changed_at: Timestamp,
    /// Whether the articles service wrote it.
    pub fed_back: bool,
}

/// Reads a record of `file`.
///
/// # Errors
/// [`Fault`] with the place of the first field that is wrong, and the rule that it breaks.
pub fn read(file: &str, columns: &Columns, record: &Record, limits: &Limits) -> Result<Row, Fault> {
    if record.fields.len() != columns.names.len() {
        let why = format!("must have {} fields, as the header, and has {}", columns.names.len(), record.fields.len());
        return Err(Fault { place: Place { line: record.line, column: 1 }, why });
    }
    let fields = Fields { columns, record };
    let deleted = fields.read(OP, |op| match op {
        "I" | "U" => Ok(false),
        "D" => Ok(true),
        _ => Err("must be I, U or D"),
    })?;
    let committed_at = fields.read(COMMITTED, |text| match micros(text) {
        Some(moment) if moment <= limits.latest => Ok(moment),
        Some(_) => Err("lies in the future"),
        None => Err("must be a time, yyyy-MM-dd HH:mm:ss.SSSSSS"),
    })?;
    let id = fields.checked("art_key", |text| ArticleId::new(text))?;
    // Of a deleted row no more than its key is sure to be there.
    let change = match columns.table {
        Table::ArticleTopic => {
            Change::Topic { topic: fields.checked("topic", |text| Tag::new(text))?, there: !deleted }
        }
        Table::Article if deleted => Change::ArticleDeleted,
        Table::Article => Change::Article(Box::new(article(&fields, limits)?)),
    };
    Ok(Row { id, at: SourcePosition { committed_at, file: file.to_owned(), line: record.line }, change })
}

fn article(fields: &Fields<'_>, limits: &Limits) -> Result<ArticleRow, Fault> {
    let status = fields.read("state", |state| match state {
        "E" => Ok(ArticleStatus::Draft),
        "P" => Ok(ArticleStatus::Published),
        "Z" => Ok(ArticleStatus::Withdrawn),
        _ => Err("must be E, P or Z"),
    })?;
    let published_at = fields.read_or_null("pub_date", date)?;
    if status == ArticleStatus::Published && published_at.is_none() {
        return Err(fields.fault("pub_date", "a published article must have one"));
    }
    Ok(ArticleRow {
        title: fields.read("headline", |text| {
            is_one_line(text, LONGEST_TITLE).then(|| text.to_owned()).ok_or("must be one line of 1 to 200 characters")
        })?,
        summary: fields.read("teaser", |text| {
            (text.chars().count() <= LONGEST_SUMMARY).then(|| text.to_owned()).ok_or("must be at most 1,000 characters")
        })?,
        body: fields.read("body_text", |text| {
            // DMS cuts between characters, of which one has up to four bytes.
            let cut = text.len() as u64 + 4 > limits.lob_bytes;
            if cut {
                Err("is as long as DMS's limit for large texts: it may have been cut")
            } else {
                Ok(text.to_owned())
            }
        })?,
        author: fields.checked("author_code", |text| AuthorId::new(text))?,
        byline: fields.read("author_name", |text| {
            is_one_line(text, LONGEST_BYLINE).then(|| text.to_owned()).ok_or("must be one line of 1 to 100 characters")
        })?,
        premium: fields.read("pay_flag", |flag| match flag {
            "Y" => Ok(true),
            "N" => Ok(false),
            _ => Err("must be Y or N"),
        })?,
        status,
        published_at,
        changed_at: fields.read("chg_date", date)?,
        fed_back: fields.read_or_null("chg_by", |by| Ok(by == FED_BACK))?.unwrap_or(false),
    })
}

/// The fields of one record, by the names of their columns.
struct Fields<'a> {
    columns: &'a Columns,
    record: &'a Record,
}

impl Fields<'_> {
    /// `Columns` has each column that is asked for, and the record as many fields as there are columns.
    fn field(&self, column: &str) -> Option<&Field> {
        let index = self.columns.names.iter().position(|name| name == column)?;
        self.record.fields.get(index)
    }

    fn fault(&self, column: &str, why: &str) -> Fault {
        let place = self.field(column).map_or(Place { line: self.record.line, column: 1 }, |field| field.place);
        Fault { place, why: format!("{column}: {why}") }
    }

    fn read_or_null<T>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Fault> {
        let given = self.field(column).filter(|field| field.quoted || field.text != NULL);
        given.map(|field| read(&field.text)).transpose().map_err(|why| self.fault(column, why))
    }

    fn read<T>(&self, column: &str, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, Fault> {
        self.read_or_null(column, read)?.ok_or_else(|| self.fault(column, "must have a value"))
    }

    fn checked<T>(&self, column: &str, check: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<T, Fault> {
        self.read(column, |text| check(text).map_err(|invalid| invalid.rule))
    }
}

/// `yyyy-MM-dd HH:mm:ss.SSSSSS` in UTC, as microseconds since the epoch.
fn micros(text: &str) -> Option<i64> {
    let moment = PrimitiveDateTime::parse(text, COMMITTED_AT).ok()?.assume_utc();
    i64::try_from(moment.unix_timestamp_nanos() / 1000).ok()
}

/// `dd.mm.yyyy HH:MM:SS` in UTC.
fn date(text: &str) -> Result<Timestamp, &'static str> {
    let moment = PrimitiveDateTime::parse(text, OLD_DATE).map_err(|_| "must be a time, dd.mm.yyyy HH:MM:SS")?;
    Ok(Timestamp(moment.assume_utc().unix_timestamp() * 1000))
}

#[cfg(test)]
mod tests;
