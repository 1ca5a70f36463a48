//! A store in a folder, which the processes of one machine share.

use domain::search::snapshots::{Kept, Manifest, SnapshotStore};
use domain::services::ServiceError;
use domain::store::Commit;
use domain::time::Timestamp;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A store in a folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The store in this folder, which is made where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(folder.join("files"))?;
        Ok(Self(folder))
    }

    fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    fn read(&self) -> io::Result<Option<String>> {
        present(fs::read_to_string(self.0.join("manifest.json")))
    }

    fn replace(&self, based_on: Option<&str>, text: &str) -> io::Result<Commit> {
        // The lock is free again when the file is closed.
        let lock = File::create(self.0.join("lock"))?;
        lock.lock()?;
        if self.read()?.as_deref() != based_on {
            return Ok(Commit::Conflict);
        }
        write(&self.0.join("manifest.json"), text.as_bytes())?;
        Ok(Commit::Done)
    }

    fn list(folder: &Path, prefix: &str, kept: &mut Vec<Kept>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                Self::list(&entry.path(), &format!("{name}/"), kept)?;
            } else {
                let since = entry.metadata()?.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                kept.push(Kept { name, since: Timestamp(0).plus(since) });
            }
        }
        Ok(())
    }
}

fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Nobody ever sees half of a file.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_added_extension("draft");
    fs::write(&draft, content)?;
    fs::rename(draft, path)
}

fn failed(error: impl std::fmt::Display) -> ServiceError {
    ServiceError { service: "the index's folder", reason: error.to_string() }
}

impl SnapshotStore for Folder {
    async fn manifest(&self) -> Result<Option<Manifest>, ServiceError> {
        // A manifest says what it is: its text serves as its version.
        Ok(self.read().map_err(failed)?.map(|text| Manifest { tag: text.clone(), text }))
    }

    async fn replace(&self, based_on: Option<&str>, text: &str) -> Result<Commit, ServiceError> {
        Self::replace(self, based_on, text).map_err(failed)
    }

    async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        present(fs::read(self.files().join(name))).map_err(failed)
    }

    async fn keep(&self, name: &str, content: Vec<u8>) -> Result<(), ServiceError> {
        let path = self.files().join(name);
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).and_then(|()| write(&path, &content)).map_err(failed)
    }

    async fn files(&self) -> Result<Vec<Kept>, ServiceError> {
        let mut kept = Vec::new();
        Self::list(&Self::files(self), "", &mut kept).map_err(failed)?;
        Ok(kept)
    }

    async fn remove(&self, name: &str) -> Result<(), ServiceError> {
        present(fs::remove_file(self.files().join(name))).map(drop).map_err(failed)
    }
}
