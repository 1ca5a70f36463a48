//! Where the embedded engine keeps its index when its functions have no disk in common: files that never change, and one
//! manifest that says which of them make up the index.

use crate::services::ServiceError;
use crate::store::Commit;
use crate::time::Timestamp;

/// The manifest as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What it says.
    pub text: String,
    /// Its version, as the store names it.
    pub tag: String,
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// A store of files with one manifest.
pub trait SnapshotStore {
    /// The manifest; none before the first one was written.
    fn manifest(&self) -> impl Future<Output = Result<Option<Manifest>, ServiceError>> + Send;

    /// Writes the manifest if it still has this version (`None`: if there is none).
    fn replace(&self, based_on: Option<&str>, text: &str) -> impl Future<Output = Result<Commit, ServiceError>> + Send;

    /// A file; none that was removed.
    fn file(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, ServiceError>> + Send;

    /// Writes a file, under a name that nobody else uses.
    fn keep(&self, name: &str, content: Vec<u8>) -> impl Future<Output = Result<(), ServiceError>> + Send;

    /// All files.
    fn files(&self) -> impl Future<Output = Result<Vec<Kept>, ServiceError>> + Send;

    /// Removes a file that no manifest names any more.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), ServiceError>> + Send;
}
