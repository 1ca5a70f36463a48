//! Changes the index in the store.

use super::copy::{Copy, Synced};
use super::failed;
use super::manifest::{Generation, Generations};
use domain::search::snapshots::SnapshotStore;
use domain::search::{Draft, IndexChange, Indexing, Outcome, ReindexError, Reindexing};
use domain::services::ServiceError;
use domain::store::Commit;
use domain::time::{Chance, Clock, Pause, full_jitter};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a write is begun again because another was faster.
const ATTEMPTS: u32 = 12;
const BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// A file that no manifest names goes after this time: by then no write that could name it is still under way.
const SWEPT_AFTER: Duration = Duration::from_hours(1);

/// What keeps the index up to date.
pub struct Writer<S, C> {
    store: S,
    /// Time, chance and waiting.
    system: C,
    folder: PathBuf,
    /// The copies of generations, by their numbers.
    copies: Mutex<BTreeMap<u64, Copy>>,
}

/// One attempt to write.
struct Turn {
    based_on: Option<String>,
    before: Generations,
}

impl<S, C> Writer<S, C>
where
    S: SnapshotStore + Sync,
    C: Clock + Chance + Pause + Sync,
{
    /// A writer with a folder of its own.
    pub fn new(store: S, system: C, folder: impl Into<PathBuf>) -> Self {
        Self { store, system, folder: folder.into(), copies: Mutex::default() }
    }

    /// Begins an attempt; after the first one only when some time has passed.
    async fn begin_turn(&self, attempt: u32) -> Result<Turn, ServiceError> {
        if attempt > ATTEMPTS {
            return Err(failed("other writers were faster each time"));
        }
        if attempt > 0 {
            self.system.pause(full_jitter(BACKOFF, attempt, LONGEST_BACKOFF, &self.system)).await;
        }
        let manifest = self.store.manifest().await?;
        let before = Generations::of(manifest.as_ref())?;
        Ok(Turn { based_on: manifest.map(|manifest| manifest.tag), before })
    }

    /// Ends an attempt: the generations become `after`, unless another writer was faster.
    async fn end_turn(&self, turn: &Turn, after: &Generations) -> Result<Commit, ServiceError> {
        if *after == turn.before {
            return Ok(Commit::Done);
        }
        let text = serde_json::to_string(after).map_err(failed)?;
        self.store.replace(turn.based_on.as_deref(), &text).await
    }

    /// Applies changes to one generation; `None` if it is not as it was read any more.
    async fn apply_to(
        &self,
        copies: &mut BTreeMap<u64, Copy>,
        generation: &mut Generation,
        changes: &[IndexChange],
    ) -> Result<Option<Vec<Outcome>>, ServiceError> {
        let copy = match copies.entry(generation.number) {
            std::collections::btree_map::Entry::Occupied(copy) => copy.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Copy::new(self.place(generation.number)).map_err(failed)?)
            }
        };
        if copy.sync(&self.store, generation).await? == Synced::Outdated {
            return Ok(None);
        }
        // From here to `send` the disk is ahead of the store; whoever comes between begins with what the store has.
        copy.loosen();
        let outcomes = copy.shelf().map_or(Ok(Vec::new()), |shelf| shelf.apply(changes)).map_err(failed)?;
        if outcomes.contains(&Outcome::Applied) {
            let attempt = format!("{:x}-{:x}", self.system.now().0, self.system.draw().to_bits());
            *generation = copy.send(&self.store, generation.number, &attempt).await?;
        } else {
            copy.is_unchanged(generation);
        }
        Ok(Some(outcomes))
    }

    /// Applies changes to every generation; `None` if one is not as it was read any more.
    async fn apply_to_all(
        &self,
        copies: &mut BTreeMap<u64, Copy>,
        generations: &mut Generations,
        changes: &[IndexChange],
    ) -> Result<Option<Vec<Outcome>>, ServiceError> {
        let mut outcomes = vec![Outcome::Stale; changes.len()];
        for generation in generations.live.iter_mut().chain(&mut generations.draft) {
            let Some(others) = self.apply_to(copies, generation, changes).await? else { return Ok(None) };
            outcomes = outcomes.into_iter().zip(others).map(|(one, other)| one.and(other)).collect();
        }
        Ok(Some(outcomes))
    }

    fn place(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn new_generation(
        &self,
        copies: &mut BTreeMap<u64, Copy>,
        generations: &mut Generations,
    ) -> Result<Generation, ServiceError> {
        generations.last += 1;
        let (copy, generation) = Copy::create(self.place(generations.last), generations.last)?;
        copies.insert(generations.last, copy);
        Ok(generation)
    }

    /// Removes what no manifest names any more, from the store and from our disk.
    async fn sweep(&self, copies: &mut BTreeMap<u64, Copy>) -> Result<(), ServiceError> {
        let generations = Generations::of(self.store.manifest().await?.as_ref())?;
        let named: BTreeSet<&String> = generations.all().flat_map(|generation| generation.files.values()).collect();
        let old = self.system.now().minus(SWEPT_AFTER);
        for file in self.store.files().await? {
            if file.since < old && !named.contains(&file.name) {
                self.store.remove(&file.name).await?;
            }
        }
        let numbers: BTreeSet<u64> = generations.all().map(|generation| generation.number).collect();
        for (_, copy) in copies.extract_if(.., |number, _| !numbers.contains(number)) {
            std::fs::remove_dir_all(copy.folder()).map_err(failed)?;
        }
        Ok(())
    }
}

/// Whether a segment went away, and its files with it.
fn merged(before: &Generation, after: &Generation) -> bool {
    before.files.keys().any(|name| name.rsplit('.').next() == Some("store") && !after.files.contains_key(name))
}

impl<S, C> Indexing for Writer<S, C>
where
    S: SnapshotStore + Send + Sync,
    C: Clock + Chance + Pause + Send + Sync,
{
    async fn apply(&self, changes: &[IndexChange]) -> Result<Vec<Outcome>, ServiceError> {
        let mut copies = self.copies.lock().await;
        let mut attempt = 0;
        loop {
            let turn = self.begin_turn(attempt).await?;
            let mut after = turn.before.clone();
            if after.live.is_none() {
                after.live = Some(self.new_generation(&mut copies, &mut after)?);
            }
            if let Some(outcomes) = self.apply_to_all(&mut copies, &mut after, changes).await?
                && self.end_turn(&turn, &after).await? == Commit::Done
            {
                if turn.before.live.iter().zip(&after.live).any(|(before, after)| merged(before, after)) {
                    self.sweep(&mut copies).await?;
                }
                return Ok(outcomes);
            }
            attempt += 1;
        }
    }
}

impl<S, C> Reindexing for Writer<S, C>
where
    S: SnapshotStore + Send + Sync,
    C: Clock + Chance + Pause + Send + Sync,
{
    async fn begin(&self) -> Result<Draft, ServiceError> {
        let mut copies = self.copies.lock().await;
        let mut attempt = 0;
        loop {
            let turn = self.begin_turn(attempt).await?;
            let mut after = turn.before.clone();
            let draft = self.new_generation(&mut copies, &mut after)?;
            let name = draft.name();
            after.draft = Some(draft);
            if self.end_turn(&turn, &after).await? == Commit::Done {
                return Ok(name);
            }
            attempt += 1;
        }
    }

    async fn fill(&self, draft: &Draft, changes: &[IndexChange]) -> Result<Vec<Outcome>, ReindexError> {
        let mut copies = self.copies.lock().await;
        let mut attempt = 0;
        loop {
            let turn = self.begin_turn(attempt).await?;
            let mut after = turn.before.clone();
            let Some(generation) = after.draft.as_mut().filter(|generation| generation.name() == *draft) else {
                return Err(ReindexError::Gone(draft.clone()));
            };
            if let Some(outcomes) = self.apply_to(&mut copies, generation, changes).await?
                && self.end_turn(&turn, &after).await? == Commit::Done
            {
                return Ok(outcomes);
            }
            attempt += 1;
        }
    }

    async fn swap(&self, draft: &Draft) -> Result<(), ReindexError> {
        let mut attempt = 0;
        loop {
            let turn = self.begin_turn(attempt).await?;
            let mut after = turn.before.clone();
            if after.live.as_ref().is_none_or(|live| live.name() != *draft) {
                let filled = after.draft.take_if(|generation| generation.name() == *draft);
                after.live = Some(filled.ok_or_else(|| ReindexError::Gone(draft.clone()))?);
            }
            if self.end_turn(&turn, &after).await? == Commit::Done {
                return Ok(());
            }
            attempt += 1;
        }
    }

    async fn drop_former(&self) -> Result<(), ServiceError> {
        let mut copies = self.copies.lock().await;
        self.sweep(&mut copies).await
    }
}
