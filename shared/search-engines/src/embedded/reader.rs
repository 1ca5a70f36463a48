//! Answers questions from a copy of the index, which follows the store.

use super::copy::{Copy, Synced};
use super::failed;
use super::manifest::{Generation, Generations};
use domain::search::snapshots::SnapshotStore;
use domain::search::{Found, Query, SearchIndex, Suggestion, Text};
use domain::services::ServiceError;
use domain::time::{Clock, Timestamp};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a manifest that changed under our eyes is read again.
const ATTEMPTS: usize = 5;

/// What readers ask.
pub struct Reader<S, C> {
    store: S,
    clock: C,
    folder: PathBuf,
    fresh: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the manifest was last read.
    looked: Option<Timestamp>,
    /// The copy that answers, and its number.
    copy: Option<(u64, Copy)>,
}

impl<S: SnapshotStore, C: Clock> Reader<S, C> {
    /// A reader of what is in the store, with a folder of its own. What it knows is at most `fresh` old.
    pub fn new(store: S, clock: C, folder: impl Into<PathBuf>, fresh: Duration) -> Self {
        Self { store, clock, folder: folder.into(), fresh, state: Mutex::default() }
    }

    async fn refresh(&self, state: &mut State) -> Result<(), ServiceError> {
        let now = self.clock.now();
        if state.looked.is_some_and(|looked| looked.plus(self.fresh) > now) {
            return Ok(());
        }
        match self.follow(state).await {
            // What was right a moment ago is a better answer than none.
            Err(error) if state.copy.as_ref().is_some_and(|(_, copy)| copy.shelf().is_some()) => {
                tracing::warn!(error = %error, "the index could not be refreshed and answers as it was");
            }
            followed => followed?,
        }
        state.looked = Some(now);
        Ok(())
    }

    async fn follow(&self, state: &mut State) -> Result<(), ServiceError> {
        for _ in 0..ATTEMPTS {
            let manifest = self.store.manifest().await?;
            let Some(live) = Generations::of(manifest.as_ref())?.live else { return Ok(()) };
            if self.copy(state, &live).await? == Synced::Done {
                return Ok(());
            }
        }
        Err(failed("the manifest changes faster than it can be followed"))
    }

    async fn copy(&self, state: &mut State, live: &Generation) -> Result<Synced, ServiceError> {
        if let Some((_, copy)) = state.copy.as_mut().filter(|(number, _)| *number == live.number) {
            return copy.sync(&self.store, live).await;
        }
        let mut copy = Copy::new(self.folder.join(live.number.to_string())).map_err(failed)?;
        let synced = copy.sync(&self.store, live).await?;
        if synced == Synced::Done
            && let Some((_, former)) = state.copy.replace((live.number, copy))
        {
            std::fs::remove_dir_all(former.folder()).map_err(failed)?;
        }
        Ok(synced)
    }
}

impl<S, C> SearchIndex for Reader<S, C>
where
    S: SnapshotStore + Send + Sync,
    C: Clock + Send + Sync,
{
    async fn search(&self, query: &Query) -> Result<Found, ServiceError> {
        let mut state = self.state.lock().await;
        self.refresh(&mut state).await?;
        let held = state.copy.as_ref().and_then(|(_, copy)| copy.shelf());
        held.map_or(Ok(Found::default()), |shelf| shelf.search(query).map_err(failed))
    }

    async fn suggest(&self, beginning: &Text) -> Result<Vec<Suggestion>, ServiceError> {
        let mut state = self.state.lock().await;
        self.refresh(&mut state).await?;
        let held = state.copy.as_ref().and_then(|(_, copy)| copy.shelf());
        held.map_or(Ok(Vec::new()), |shelf| shelf.suggest(beginning).map_err(failed))
    }
}
