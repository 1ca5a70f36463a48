//! What the pipeline breaker stands on, in memory: record, Pipe, projection, alarm, trials.

use crate::turn::{Turnstile, lock};
use domain::breaker::BreakerState;
use domain::pipeline::{
    Alarm, Evidence, Projection, QueuedIntent, Record, Records, Switch, SwitchState, Transition, Trials,
};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError};
use domain::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

#[derive(Debug)]
struct State {
    record: Record,
    lease: Option<(String, Timestamp)>,
    pipe: SwitchState,
    arrives: Option<(SwitchState, u32)>,
    looks: u32,
    published: Option<Record>,
    ringing: bool,
    queue: VecDeque<QueuedIntent>,
    started: Vec<(String, String)>,
    verdicts: BTreeMap<String, Option<Evidence>>,
    otherwise: Option<Evidence>,
}

/// All of a pipeline in memory.
#[derive(Debug, Clone)]
pub struct MemoryPipeline {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
}

impl MemoryPipeline {
    /// A closed breaker over a running Pipe; trials are healthy.
    pub fn new(turns: Turnstile) -> Self {
        let state = State {
            record: Record::default(),
            lease: None,
            pipe: SwitchState::Running,
            arrives: None,
            looks: 2,
            published: None,
            ringing: false,
            queue: VecDeque::new(),
            started: Vec::new(),
            verdicts: BTreeMap::new(),
            otherwise: Some(Evidence::Healthy),
        };
        Self { state: Arc::new(Mutex::new(state)), turns }
    }

    /// The record; takes no turn.
    pub fn record(&self) -> Record {
        lock(&self.state).record.clone()
    }

    /// Replaces the record, as another hand would; takes no turn.
    pub fn set_record(&self, record: Record) {
        lock(&self.state).record = record;
    }

    /// What the Pipe does; takes no turn.
    pub fn pipe(&self) -> SwitchState {
        lock(&self.state).pipe
    }

    /// Sets what the Pipe does, as a person in the console would; takes no turn.
    pub fn set_pipe(&self, pipe: SwitchState) {
        let mut state = lock(&self.state);
        state.pipe = pipe;
        state.arrives = None;
    }

    /// What the projection says; takes no turn.
    pub fn projected(&self) -> Option<BreakerState> {
        lock(&self.state).published.as_ref().map(|r| r.state)
    }

    /// How often a Pipe that was asked is seen on its way before it arrives.
    pub fn set_looks(&self, looks: u32) {
        lock(&self.state).looks = looks;
    }

    fn ask(&self, target: SwitchState) {
        let mut state = lock(&self.state);
        state.arrives = Some((target, state.looks));
        state.pipe = SwitchState::InTransition;
    }

    /// Lets the alarm ring or not; takes no turn.
    pub fn set_ringing(&self, ringing: bool) {
        lock(&self.state).ringing = ringing;
    }

    /// Puts intents into the queue; takes no turn.
    pub fn queue(&self, count: usize) {
        let mut state = lock(&self.state);
        for n in 0..count {
            let id = format!("m{}-{n}", state.started.len());
            state.queue.push_back(QueuedIntent { receipt: id.clone(), body: "{}".to_owned(), id });
        }
    }

    /// How many intents wait; takes no turn.
    pub fn waiting(&self) -> usize {
        lock(&self.state).queue.len()
    }

    /// What trials say from now on; `None`: they run on and on.
    pub fn trials_say(&self, evidence: Option<Evidence>) {
        lock(&self.state).otherwise = evidence;
    }

    /// What the trial of one message says.
    pub fn trial_says(&self, message: &str, evidence: Option<Evidence>) {
        lock(&self.state).verdicts.insert(message.to_owned(), evidence);
    }

    /// Names and messages of the executions that trials started; takes no turn.
    pub fn started(&self) -> Vec<(String, String)> {
        lock(&self.state).started.clone()
    }
}

impl Records for MemoryPipeline {
    async fn read(&self) -> Result<Record, StoreError> {
        self.turns.pass("record.read").await;
        Ok(self.record())
    }

    async fn write(&self, from: &Record, to: &Transition) -> Result<Commit, StoreError> {
        self.turns.pass("record.write").await;
        let mut state = lock(&self.state);
        if state.record.generation != from.generation {
            return Ok(Commit::Conflict);
        }
        let before = state.record.clone();
        state.record = Record {
            state: to.to,
            generation: before.generation + 1,
            stop_mark: before.stop_mark && !to.clears_stop_mark(from.state),
            next_probe_at: to.next_probe_at,
            opens: to.opens,
            by: to.by.clone(),
            why: to.why.clone(),
            since: if to.turns(from) { Some(to.at) } else { before.since },
            ..before
        };
        Ok(Commit::Done)
    }

    async fn mark_stop(&self, generation: u64) -> Result<Commit, StoreError> {
        self.turns.pass("record.mark_stop").await;
        let mut state = lock(&self.state);
        if state.record.generation != generation {
            return Ok(Commit::Conflict);
        }
        state.record.stop_mark = true;
        state.record.applied = None;
        Ok(Commit::Done)
    }

    async fn mark_applied(&self, generation: u64, newly: bool, now: Timestamp) -> Result<Commit, StoreError> {
        self.turns.pass("record.mark_applied").await;
        let mut state = lock(&self.state);
        if state.record.generation != generation {
            return Ok(Commit::Conflict);
        }
        state.record.applied = Some(generation);
        if newly {
            state.record.stopped_at = Some(now);
        }
        Ok(Commit::Done)
    }

    async fn take_lease(&self, holder: &str, now: Timestamp, until: Timestamp) -> Result<Commit, StoreError> {
        self.turns.pass("record.take_lease").await;
        let mut state = lock(&self.state);
        if state.lease.as_ref().is_some_and(|(other, end)| other != holder && *end >= now) {
            return Ok(Commit::Conflict);
        }
        state.lease = Some((holder.to_owned(), until));
        Ok(Commit::Done)
    }

    async fn free_lease(&self, holder: &str) -> Result<(), StoreError> {
        self.turns.pass("record.free_lease").await;
        let mut state = lock(&self.state);
        if state.lease.as_ref().is_some_and(|(other, _)| other == holder) {
            state.lease = None;
        }
        Ok(())
    }
}

impl Switch for MemoryPipeline {
    async fn state(&self) -> Result<SwitchState, ServiceError> {
        self.turns.pass("pipe.state").await;
        let mut state = lock(&self.state);
        match state.arrives {
            Some((target, 0)) => {
                state.pipe = target;
                state.arrives = None;
            }
            Some((target, looks)) => state.arrives = Some((target, looks - 1)),
            None => {}
        }
        Ok(state.pipe)
    }

    async fn start(&self) -> Result<(), ServiceError> {
        self.turns.pass("pipe.start").await;
        self.ask(SwitchState::Running);
        Ok(())
    }

    async fn stop(&self) -> Result<(), ServiceError> {
        self.turns.pass("pipe.stop").await;
        self.ask(SwitchState::Stopped);
        Ok(())
    }
}

impl Projection for MemoryPipeline {
    async fn publish(&self, record: &Record) -> Result<(), ServiceError> {
        self.turns.pass("projection.publish").await;
        lock(&self.state).published = Some(record.clone());
        Ok(())
    }
}

impl Alarm for MemoryPipeline {
    async fn is_ringing(&self) -> Result<bool, ServiceError> {
        self.turns.pass("alarm.is_ringing").await;
        Ok(lock(&self.state).ringing)
    }
}

impl Trials for MemoryPipeline {
    async fn receive(&self, limit: u32) -> Result<Vec<QueuedIntent>, ServiceError> {
        self.turns.pass("trials.receive").await;
        Ok(lock(&self.state).queue.iter().take(limit as usize).cloned().collect())
    }

    async fn start(&self, intent: &QueuedIntent, name: &str) -> Result<String, ServiceError> {
        self.turns.pass("trials.start").await;
        lock(&self.state).started.push((name.to_owned(), intent.id.clone()));
        Ok(intent.id.clone())
    }

    async fn delete(&self, intent: &QueuedIntent) -> Result<(), ServiceError> {
        self.turns.pass("trials.delete").await;
        lock(&self.state).queue.retain(|waiting| waiting.id != intent.id);
        Ok(())
    }

    async fn evidence(&self, execution: &str) -> Result<Option<Evidence>, ServiceError> {
        self.turns.pass("trials.evidence").await;
        let state = lock(&self.state);
        Ok(state.verdicts.get(execution).copied().unwrap_or(state.otherwise))
    }
}
