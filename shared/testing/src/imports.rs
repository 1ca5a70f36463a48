//! What the import needs, in memory: its table beside the one of articles, DMS's bucket, the queue of files.

use crate::articles::MemoryArticles;
use crate::turn::{Turnstile, lock};
use domain::articles::ArticleId;
use domain::migration::merge::Merged;
use domain::migration::store::{ArticleWrite, FileVersion, ImportQueue, Imports, Progress, SourceFiles};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError, Versioned};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    merged: BTreeMap<ArticleId, Versioned<Merged>>,
    progress: BTreeMap<String, Versioned<Progress>>,
}

/// The import's table in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryImports {
    state: Arc<Mutex<State>>,
    articles: MemoryArticles,
    turns: Turnstile,
}

impl MemoryImports {
    /// A table whose calls pass this turnstile, and which writes its articles into that one.
    pub fn new(turns: Turnstile, articles: MemoryArticles) -> Self {
        Self { articles, turns, ..Self::default() }
    }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "article imports", reason: format!("{call} was tripped") }
}

fn next<T>(value: T, based_on: Option<u64>) -> Versioned<T> {
    Versioned { value, revision: based_on.unwrap_or(0) + 1 }
}

impl Imports for MemoryImports {
    async fn merged(&self, id: &ArticleId) -> Result<Option<Versioned<Merged>>, StoreError> {
        let read = || lock(&self.state).merged.get(id).cloned();
        self.turns.try_pass("imports.merged", no_answer, read).await
    }

    async fn commit(
        &self,
        id: &ArticleId,
        merged: &Merged,
        based_on: Option<u64>,
        article: Option<ArticleWrite<'_>>,
    ) -> Result<Commit, StoreError> {
        let write = || {
            let mut state = lock(&self.state);
            if state.merged.get(id).map(|stored| stored.revision) != based_on {
                return Commit::Conflict;
            }
            if let Some(ArticleWrite { before, after }) = article
                && self.articles.write_now(before, after) == Commit::Conflict
            {
                return Commit::Conflict;
            }
            state.merged.insert(id.clone(), next(merged.clone(), based_on));
            Commit::Done
        };
        self.turns.try_pass("imports.commit", no_answer, write).await
    }

    async fn progress(&self, file: &str) -> Result<Option<Versioned<Progress>>, StoreError> {
        let read = || lock(&self.state).progress.get(file).cloned();
        self.turns.try_pass("imports.progress", no_answer, read).await
    }

    async fn note(&self, file: &str, progress: &Progress, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let write = || {
            let mut state = lock(&self.state);
            if state.progress.get(file).map(|stored| stored.revision) != based_on {
                return Commit::Conflict;
            }
            state.progress.insert(file.to_owned(), next(progress.clone(), based_on));
            Commit::Done
        };
        self.turns.try_pass("imports.note", no_answer, write).await
    }
}

/// DMS's bucket in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    turns: Turnstile,
}

impl MemoryFiles {
    /// A bucket whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Uploads a file; takes no turn.
    pub fn upload(&self, file: &str, bytes: impl Into<Vec<u8>>) {
        lock(&self.files).insert(file.to_owned(), bytes.into());
    }

    /// Deletes a file; takes no turn.
    pub fn delete(&self, file: &str) {
        lock(&self.files).remove(file);
    }
}

fn no_file(call: &'static str) -> StoreError {
    StoreError { table: "source files", reason: format!("{call} was tripped") }
}

/// As S3's, it says what is in the file.
fn version_of(bytes: &[u8]) -> FileVersion {
    let hash = bytes.iter().fold(0u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1));
    FileVersion { etag: format!("{hash:016x}"), size: bytes.len() as u64 }
}

impl SourceFiles for MemoryFiles {
    async fn version(&self, file: &str) -> Result<Option<FileVersion>, StoreError> {
        let read = || lock(&self.files).get(file).map(|bytes| version_of(bytes));
        self.turns.try_pass("files.version", no_file, read).await
    }

    async fn part(&self, file: &str, version: &FileVersion, offset: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let read = || {
            let files = lock(&self.files);
            let bytes = files.get(file).filter(|bytes| version_of(bytes) == *version);
            let bytes = bytes.ok_or_else(|| no_file("a version that is not there any more"))?;
            let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes[place(offset)..place(offset.saturating_add(length))].to_vec())
        };
        self.turns.try_pass("files.part", no_file, read).await?
    }
}

/// The queue of files in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryImportQueue(Arc<Mutex<VecDeque<String>>>);

impl MemoryImportQueue {
    /// Takes the first message; takes no turn.
    pub fn pop(&self) -> Option<String> {
        lock(&self.0).pop_front()
    }
}

impl ImportQueue for MemoryImportQueue {
    async fn go_on(&self, file: &str) -> Result<(), ServiceError> {
        lock(&self.0).push_back(format!(r#"{{"file": "{file}"}}"#));
        Ok(())
    }
}
