//! A generation of the index on this process's disk.

use super::failed;
use super::manifest::Generation;
use super::shelf::Shelf;
use domain::search::snapshots::SnapshotStore;
use domain::services::ServiceError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const META: &str = "meta.json";

/// A copy of one generation.
pub struct Copy {
    folder: PathBuf,
    /// What the copy is of; nothing while it is neither one nor the other.
    generation: Option<Generation>,
    /// The files that were fetched or sent, and under which name each is kept in the store.
    has: BTreeMap<String, String>,
    /// The index, once there is one.
    shelf: Option<Shelf>,
}

/// How a copy was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// It is what the manifest says.
    Done,
    /// A file is gone: the manifest has changed since it was read.
    Outdated,
}

impl Copy {
    /// An empty place for a copy; what an earlier process left there is removed.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&folder)?,
        }
        Ok(Self { folder, generation: None, has: BTreeMap::new(), shelf: None })
    }

    /// A generation that nobody has yet.
    pub fn create(folder: PathBuf, number: u64) -> Result<(Self, Generation), ServiceError> {
        let mut copy = Self::new(folder).map_err(failed)?;
        copy.shelf = Some(Shelf::open(&copy.folder).map_err(failed)?);
        let generation = Generation { number, meta: copy.meta().map_err(failed)?, files: BTreeMap::new() };
        copy.generation = Some(generation.clone());
        Ok((copy, generation))
    }

    /// Which generation it is or was a copy of.
    pub fn is_of(&self, generation: &Generation) -> bool {
        self.generation.as_ref() == Some(generation)
    }

    /// The index; none before the copy was made.
    pub fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    /// Says that the index on disk is about to be changed: what is there is no copy any more, until [`Copy::send`] or
    /// [`Copy::is_unchanged`].
    pub fn loosen(&mut self) {
        self.generation = None;
    }

    /// Says that it still is a copy of `generation`.
    pub fn is_unchanged(&mut self, generation: &Generation) {
        self.generation = Some(generation.clone());
    }

    /// Makes it a copy of `generation`.
    pub async fn sync(&mut self, store: &impl SnapshotStore, generation: &Generation) -> Result<Synced, ServiceError> {
        if self.is_of(generation) {
            return Ok(Synced::Done);
        }
        self.generation = None;
        // A change that was not sent may have made the engine remove files that the store still names.
        self.has.retain(|name, _| self.folder.join(name).exists());
        for (name, kept) in &generation.files {
            if self.has.get(name) == Some(kept) {
                continue;
            }
            let Some(content) = store.file(kept).await? else { return Ok(Synced::Outdated) };
            self.write(name, &content).map_err(failed)?;
            self.has.insert(name.clone(), kept.clone());
        }
        self.write(META, generation.meta.as_bytes()).map_err(failed)?;
        // Opened anew, as two writers may have made different files of one name, and an open index keeps what it has seen.
        self.shelf = Some(Shelf::open(&self.folder).map_err(failed)?);
        // Who still reads a file that goes now has it open.
        self.has.retain(|name, _| generation.files.contains_key(name));
        self.remove_others().map_err(failed)?;
        self.generation = Some(generation.clone());
        Ok(Synced::Done)
    }

    /// Sends what is new on disk to the store, each file under a name that begins with `attempt`; the answer is the
    /// generation as it is now.
    pub async fn send(
        &mut self,
        store: &impl SnapshotStore,
        number: u64,
        attempt: &str,
    ) -> Result<Generation, ServiceError> {
        let names = self.shelf.as_ref().map_or(Ok(BTreeSet::new()), Shelf::files).map_err(failed)?;
        let mut files = BTreeMap::new();
        for name in names {
            let kept = match self.has.get(&name) {
                Some(kept) => kept.clone(),
                None => match fs::read(self.folder.join(&name)) {
                    Ok(content) => {
                        let kept = format!("{number}/{attempt}/{name}");
                        store.keep(&kept, content).await?;
                        kept
                    }
                    // The list has what a segment may have, which not every segment has.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(error)),
                },
            };
            files.insert(name, kept);
        }
        self.has.clone_from(&files);
        let generation = Generation { number, meta: self.meta().map_err(failed)?, files };
        self.generation = Some(generation.clone());
        Ok(generation)
    }

    fn meta(&self) -> io::Result<String> {
        fs::read_to_string(self.folder.join(META))
    }

    /// Nobody ever sees half of a file.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = self.folder.join(format!(".{name}.draft"));
        fs::write(&draft, content)?;
        fs::rename(draft, self.folder.join(name))
    }

    fn remove_others(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            // Those that begin with a dot are the engine's own.
            if !name.starts_with('.') && name != META && !self.has.contains_key(name) {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
