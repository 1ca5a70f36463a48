//! Where the import keeps what it knows, and where DMS's files are.

use super::merge::Merged;
use crate::articles::{Article, ArticleId};
use crate::services::ServiceError;
use crate::store::{Commit, StoreError, Versioned};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// The table of merged rows and of files' progress.
pub trait Imports {
    /// What is known of an article's rows, consistently read.
    fn merged(&self, id: &ArticleId) -> impl Future<Output = Result<Option<Versioned<Merged>>, StoreError>> + Send;

    /// Writes what is known now, if nobody did since `based_on` was read, and with it, in one transaction, the article
    /// that follows from it.
    fn commit(
        &self,
        id: &ArticleId,
        merged: &Merged,
        based_on: Option<u64>,
        article: Option<ArticleWrite<'_>>,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;

    /// How far a file was read.
    fn progress(&self, file: &str) -> impl Future<Output = Result<Option<Versioned<Progress>>, StoreError>> + Send;

    /// Notes how far, if nobody did since `based_on` was read.
    fn note(
        &self,
        file: &str,
        progress: &Progress,
        based_on: Option<u64>,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// A write of an article, as [`Articles::write`](crate::articles::store::Articles::write) does it.
#[derive(Debug, Clone, Copy)]
pub struct ArticleWrite<'a> {
    /// What must be there still.
    pub before: Option<&'a Article>,
    /// What shall be there.
    pub after: &'a Article,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The ETag of what was read. What is uploaded again with another content is read from its beginning.
    pub etag: String,
    /// Up to here, in bytes: where a record begins.
    pub offset: u64,
    /// On this line.
    pub line: u64,
    /// The header's columns; empty before the header was read.
    pub columns: Vec<String>,
    /// Whether nothing more is to be done.
    pub done: bool,
    /// What became of the rows so far.
    pub tally: Tally,
    /// When this was noted.
    pub updated_at: Timestamp,
}

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// News.
    pub applied: u64,
    /// Known already, or something newer is.
    pub stale: u64,
    /// Written by the articles service itself.
    pub echoes: u64,
    /// Cannot be read; each is in the dead-letter queue.
    pub poison: u64,
    /// Applied, and not shown: the new service wrote the article last, and the monolith did not know.
    pub conflicts: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.applied += more.applied;
        self.stale += more.stale;
        self.echoes += more.echoes;
        self.poison += more.poison;
        self.conflicts += more.conflicts;
    }
}

impl Tally {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.applied + self.stale + self.echoes + self.poison
    }
}

/// The bucket that DMS writes to.
pub trait SourceFiles {
    /// The file as it is now; none where there is no such file.
    fn version(&self, file: &str) -> impl Future<Output = Result<Option<FileVersion>, StoreError>> + Send;

    /// `length` bytes from `offset` on, fewer only where the file ends; of this version and no other, and an error where
    /// it is not there any more.
    fn part(
        &self,
        file: &str,
        version: &FileVersion,
        offset: u64,
        length: u64,
    ) -> impl Future<Output = Result<Vec<u8>, StoreError>> + Send;
}

/// What a file is, as long as nobody uploads it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// Another one, another content.
    pub etag: String,
    /// In bytes.
    pub size: u64,
}

/// The queue of files to import.
pub trait ImportQueue {
    /// Asks for the rest of a file.
    fn go_on(&self, file: &str) -> impl Future<Output = Result<(), ServiceError>> + Send;
}
