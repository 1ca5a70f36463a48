//! Writes of one change: on one item, or on all shards of a gate together.

use crate::admission::{Admission, Guarded};
use crate::observer::{Event, Observer};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::change::Change;
use domain::gate::store::{Answer, GateStoreError, Gates, Together};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::collections::BTreeSet;

/// A transaction over all shards is refused when somebody writes in between; after so many times, somebody else's next
/// report does it.
const TOGETHER_ATTEMPTS: usize = 8;

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Admission<S, R, O> {
    /// Performs a change: on its shard, and where it changes the state, or holds everybody back, on all shards.
    pub(crate) async fn write(&self, guarded: &Guarded, shard: u16, change: &Change) -> Result<Answer, GateStoreError> {
        let config = &guarded.config;
        let everywhere = config.shards > 1 && (change.turns_to().is_some() || matches!(change, Change::Hold { .. }));
        let answer = match (everywhere, change) {
            (false, _) => self.inner.store.apply(&config.dependency, shard, change).await?,
            (true, Change::Hold { until, .. }) => self.hold_everywhere(guarded, shard, change, *until).await?,
            (true, _) => self.turn_everywhere(guarded, shard, change).await?,
        };
        guarded.see(shard, change, &answer, self.now());
        if let (Some(to), Answer::Done(after)) = (change.turns_to(), &answer) {
            self.turned(guarded, to, after);
        }
        Ok(answer)
    }

    /// One sentence for each change of state, by whoever wrote it.
    pub(crate) fn turned(&self, guarded: &Guarded, to: BreakerState, after: &Gate) {
        tracing::warn!(
            gate.dependency = %guarded.config.dependency,
            gate.state = to.as_str(),
            gate.generation = after.generation,
            gate.by = after.by,
            gate.why = after.why,
            "the circuit of a third party changed its state"
        );
        self.notice(guarded, Event::Turned { to });
    }

    async fn turn_everywhere(&self, guarded: &Guarded, shard: u16, change: &Change) -> Result<Answer, GateStoreError> {
        let dependency = &guarded.config.dependency;
        for _ in 0..TOGETHER_ATTEMPTS {
            let others = (0..guarded.config.shards).filter(|other| *other != shard);
            let mut changes = vec![(shard, change.clone())];
            changes.extend(others.filter_map(|other| Some((other, change.follow()?))));
            if self.inner.store.apply_all(dependency, &changes, None).await? == Together::Done {
                return self.found(guarded, shard, true).await;
            }
            match self.found(guarded, shard, false).await? {
                // Its own condition holds, so it is the others that are out of step.
                Answer::Refused(found) if change.apply(&found).is_some() => self.align(guarded).await?,
                answer => return Ok(answer),
            }
        }
        self.found(guarded, shard, false).await
    }

    async fn found(&self, guarded: &Guarded, shard: u16, done: bool) -> Result<Answer, GateStoreError> {
        Ok(match self.inner.store.read(&guarded.config.dependency, shard).await? {
            Some(gate) if done => Answer::Done(gate),
            Some(gate) => Answer::Refused(gate),
            None => Answer::Missing,
        })
    }

    async fn hold_everywhere(
        &self,
        guarded: &Guarded,
        shard: u16,
        change: &Change,
        until: Timestamp,
    ) -> Result<Answer, GateStoreError> {
        let dependency = &guarded.config.dependency;
        let mut changes: Vec<(u16, Change)> = (0..guarded.config.shards).map(|s| (s, change.clone())).collect();
        for _ in 0..TOGETHER_ATTEMPTS {
            if changes.is_empty() {
                return self.found(guarded, shard, false).await;
            }
            if self.inner.store.apply_all(dependency, &changes, None).await? == Together::Done {
                return self.found(guarded, shard, true).await;
            }
            changes.clear();
            for other in 0..guarded.config.shards {
                let Some(gate) = self.inner.store.read(dependency, other).await? else { continue };
                if let (true, Change::Hold { tat, .. }) = (gate.not_before < until, change) {
                    changes.push((other, Change::Hold { until, tat: *tat, moves_tat: gate.tat < *tat }));
                }
            }
        }
        self.found(guarded, shard, false).await
    }

    /// Makes the items that are missing, and brings those into step that another number of shards left behind.
    pub(crate) async fn align(&self, guarded: &Guarded) -> Result<(), GateStoreError> {
        let (dependency, now) = (&guarded.config.dependency, self.now());
        let mut found = Vec::new();
        for shard in 0..guarded.config.shards {
            found.push((shard, self.inner.store.read(dependency, shard).await?));
        }
        let newest = found.iter().filter_map(|(_, gate)| gate.as_ref()).max_by_key(|gate| gate.generation);
        let model = newest.cloned().unwrap_or_else(|| Gate::new(now));
        let mut changes = Vec::new();
        for (shard, gate) in found {
            let over = gate.as_ref().map(|gate| gate.generation);
            if over != Some(model.generation) {
                let copy = Gate { permits: BTreeSet::new(), successes: BTreeSet::new(), ..model.clone() };
                let gate = Box::new(Gate { tat: gate.map_or(copy.tat, |g| g.tat.max(copy.tat)), ..copy });
                changes.push((shard, Change::Install { over, gate }));
            }
        }
        match changes.as_slice() {
            [] => Ok(()),
            // Whoever was faster did the same.
            [(shard, change)] => self.inner.store.apply(dependency, *shard, change).await.map(|_| ()),
            _ => self.inner.store.apply_all(dependency, &changes, None).await.map(|_| ()),
        }
    }
}
