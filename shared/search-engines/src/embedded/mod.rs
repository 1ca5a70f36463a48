//! The engine that is a library: tantivy, its index on disk beside the process that asks it. For one machine and small
//! sites; what it needs of a store is the port [`SnapshotStore`](domain::search::snapshots::SnapshotStore).
//!
//! The store has files that never change, and one manifest that says which of them are the index. A writer takes what
//! the manifest names, applies a batch on its own disk, adds the new files to the store and replaces the manifest, unless
//! another writer was faster: then it begins again with what that one wrote. Readers look at the manifest every few
//! seconds and fetch what they do not have. So there may be many readers and many writers, but one write at a time, and
//! each process needs disk for the whole index.

mod analysis;
mod copy;
mod folder;
mod manifest;
mod page;
mod question;
mod reader;
mod schema;
mod shelf;
mod writer;

pub use folder::Folder;
pub use reader::Reader;
pub use writer::Writer;

use domain::services::ServiceError;

fn failed(error: impl std::fmt::Display) -> ServiceError {
    ServiceError { service: "the embedded index", reason: error.to_string() }
}
