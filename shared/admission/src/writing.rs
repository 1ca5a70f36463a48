//! Writes of one change: on one item, or on all shards of a gate together.

use crate::admission::{Admission, Guarded};
use crate::observer::{Event, Observer};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::change::{Change, Seen};
use domain::gate::store::{Answer, GateStoreError, Gates, Together};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

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

    /// Before a process's first admission: shards that another number of them left behind may say `closed` of a gate that
    /// is open.
    pub(crate) async fn align_once(&self, guarded: &Guarded) -> Result<(), GateStoreError> {
        if !guarded.aligned.load(Ordering::Relaxed) {
            self.align(guarded).await?;
            guarded.aligned.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes the items that are missing, and brings those into step that another number of shards left behind.
    pub(crate) async fn align(&self, guarded: &Guarded) -> Result<(), GateStoreError> {
        let dependency = &guarded.config.dependency;
        let mut found = Vec::new();
        for shard in 0..guarded.config.shards {
            found.push((shard, self.inner.store.read(dependency, shard).await?));
        }
        let model = model(&found, self.now());
        let mut changes = Vec::new();
        for (shard, gate) in found {
            if gate.as_ref().is_some_and(|gate| gate.generation == model.generation) {
                continue;
            }
            let over = gate.as_ref().map(Seen::of);
            // A hold and taken tokens outlive whatever else changes.
            let not_before = gate.as_ref().map_or(model.not_before, |gate| gate.not_before.max(model.not_before));
            let tat = gate.map_or(model.tat, |gate| gate.tat.max(model.tat));
            changes.push((shard, Change::Install { over, gate: Box::new(Gate { not_before, tat, ..model.clone() }) }));
        }
        match changes.as_slice() {
            [] => Ok(()),
            // Whoever was faster did the same.
            [(shard, change)] => self.inner.store.apply(dependency, *shard, change).await.map(|_| ()),
            _ => self.inner.store.apply_all(dependency, &changes, None).await.map(|_| ()),
        }
    }
}

/// What all shards shall be: as the newest is, with a count of its own, as each judges its own calls.
fn model(found: &[(u16, Option<Gate>)], now: Timestamp) -> Gate {
    let Some(newest) = found.iter().filter_map(|(_, gate)| gate.as_ref()).max_by_key(|gate| gate.generation) else {
        return Gate::new(now);
    };
    let copy = Gate {
        permits: BTreeSet::new(),
        successes: BTreeSet::new(),
        sequence: 0,
        failures: BTreeMap::new(),
        slow: BTreeMap::new(),
        ..newest.clone()
    };
    if copy.state == BreakerState::HalfOpen && matches!(found.first(), Some((0, None))) {
        // Nobody knows any more how many permits are out: a new generation begins, with its first trial.
        let why = "The item that listed the permits is gone.".to_owned();
        let (state, generation, until) = (BreakerState::Open, copy.generation + 1, now);
        return Gate { state, generation, until, since: now, why, ..copy };
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::gate::PermitId;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    /// Half-open, with traces of whatever happened on its shard.
    fn half_open(generation: u64) -> Gate {
        Gate {
            state: BreakerState::HalfOpen,
            generation,
            permits: [PermitId("a".to_owned())].into(),
            successes: [PermitId("b".to_owned())].into(),
            sequence: 7,
            failures: [(1, 2)].into(),
            slow: [(3, 4)].into(),
            until: NOW.plus(Duration::from_secs(9)),
            why: "Trials.".to_owned(),
            ..Gate::new(NOW.minus(Duration::from_hours(1)))
        }
    }

    #[test]
    fn a_shard_takes_over_the_state_of_the_newest_and_nothing_that_was_counted_there() {
        let newest = half_open(5);
        let model = model(&[(0, Some(half_open(4))), (1, Some(newest.clone())), (2, None)], NOW);
        assert_eq!((model.state, model.generation, model.until), (newest.state, 5, newest.until));
        assert_eq!((model.since, model.why.as_str()), (newest.since, "Trials."));
        assert!(model.permits.is_empty() && model.successes.is_empty());
        assert!(model.sequence == 0 && model.failures.is_empty() && model.slow.is_empty());
    }

    #[test]
    fn trials_begin_anew_where_the_shard_that_listed_them_is_gone() {
        let model = model(&[(0, None), (1, Some(half_open(5)))], NOW);
        assert_eq!((model.state, model.generation), (BreakerState::Open, 6));
        assert_eq!((model.until, model.since), (NOW, NOW), "the first trial may begin at once");
        assert_eq!(model.why, "The item that listed the permits is gone.");
    }

    #[test]
    fn a_shard_0_that_is_gone_changes_nothing_else() {
        let closed = Gate { generation: 5, ..Gate::new(NOW) };
        assert_eq!(model(&[(0, None), (1, Some(closed.clone()))], NOW), closed);
        assert_eq!(model(&[(0, None), (1, None)], NOW), Gate::new(NOW));
    }
}
