//! `half-open-probe`: a tick of the pipeline breaker. It makes Pipe and projection follow the record, repairs what
//! others left undone, and while the breaker is open tries a few intents.
//!
//! Only the holder of the record's lease touches Pipe and projection. Two hands on the Pipe would race, whatever they
//! re-read afterwards; everybody else only writes the record.

use domain::breaker::BreakerState;
use domain::pipeline::{
    Alarm, Evidence, Projection, QueuedIntent, Record, Records, Switch, SwitchState, Transition, Trials,
};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError};
use domain::time::{Chance, Clock, Pause, Timestamp, backoff};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the function is invoked with; an empty object is a tick.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// An operator's word.
    #[serde(default)]
    pub command: Option<Command>,
    /// Only show the record.
    #[serde(default)]
    pub show: bool,
}

/// An operator's word: it stands until a person says otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// What shall be.
    pub state: CommandState,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What a person may force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Intents wait.
    ForcedOpen,
    /// Intents flow, until the alarm rings.
    Closed,
    /// Intents flow, whatever the alarm says.
    Disabled,
}

impl From<CommandState> for BreakerState {
    fn from(state: CommandState) -> Self {
        match state {
            CommandState::ForcedOpen => Self::ForcedOpen,
            CommandState::Closed => Self::Closed,
            CommandState::Disabled => Self::Disabled,
        }
    }
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The record's state.
    pub state: BreakerState,
    /// Its generation.
    pub generation: u64,
    /// Whether Pipe and projection follow it.
    pub applied: bool,
    /// Since when intents wait, or flow; RFC 3339.
    pub since: Option<String>,
    /// No trial before this; RFC 3339.
    pub next_probe_at: Option<String>,
    /// Probes that failed in a row.
    pub failed_probes: u32,
    /// Who changed it last and why.
    pub reason: String,
}

impl From<&Record> for Answer {
    fn from(record: &Record) -> Self {
        Self {
            state: record.state,
            generation: record.generation,
            applied: record.is_applied(),
            since: record.since.and_then(Timestamp::rfc3339),
            next_probe_at: record.next_probe_at.and_then(Timestamp::rfc3339),
            failed_probes: record.opens,
            reason: format!("{}: {}", record.by, record.why),
        }
    }
}

/// Whether an empty queue closes the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEmptyQueue {
    /// No evidence: stay open.
    StayOpen,
    /// Nothing waits: close and see.
    Close,
}

/// When the probe acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knobs {
    /// Intents per trial (K); below the alarm's threshold, so that a failed trial rings nothing.
    pub trial_intents: u32,
    /// How long a trial may take.
    pub trial_time: Duration,
    /// How long a stopped Pipe may still deliver.
    pub settle_time: Duration,
    /// The interval after a first failed probe; it doubles.
    pub probe_base: Duration,
    /// The longest interval.
    pub probe_max: Duration,
    /// How long a tick may hold the record; longer than the function's time-out.
    pub lease: Duration,
    /// What an empty queue means.
    pub on_empty_queue: OnEmptyQueue,
}

/// Why a tick ended early. The next tick goes on from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// A command without a usable name or reason; nothing was written.
    #[error("{field} must be 1 to {LONGEST_WORDS} characters")]
    Words {
        /// `by` or `why`.
        field: &'static str,
    },
    /// The record's table gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a tick watches a Pipe on its way before it leaves the rest to the next tick.
const TRANSITION_PATIENCE: Duration = Duration::from_secs(30);
/// How often one tick asks the Pipe to start or stop; a Pipe that does not listen is left to the next tick.
const MAX_ASKED: u32 = 6;
/// The longest name and reason that are kept; both travel into a parameter of at most 4 KB.
const LONGEST_WORDS: usize = 500;
/// Where somebody stopped the Pipe behind the breaker's back.
const OUTSIDE: &str = "outside";

/// The service behind the Lambda `half-open-probe`.
pub struct Probe<R, S, P, A, T, C, H, Z> {
    /// The record.
    pub records: R,
    /// The Pipe.
    pub switch: S,
    /// What the banner reads.
    pub projection: P,
    /// The alarm.
    pub alarm: A,
    /// Queue and state machine.
    pub trials: T,
    /// The time.
    pub clock: C,
    /// Chance, for jitter.
    pub chance: H,
    /// How it waits.
    pub pause: Z,
    /// When it acts.
    pub knobs: Knobs,
}

/// Whether the tick goes on with a fresh look at record and Pipe.
enum Turn {
    Again,
    /// The Pipe was asked to start or stop; it may take a moment to say so.
    Asked,
    Done,
}

impl<R, S, P, A, T, C, H, Z> Probe<R, S, P, A, T, C, H, Z>
where
    R: Records,
    S: Switch,
    P: Projection,
    A: Alarm,
    T: Trials,
    C: Clock,
    H: Chance,
    Z: Pause,
{
    /// Answers one invocation. `holder` names it in the lease.
    ///
    /// # Errors
    /// [`TickError`] when a store or service gave no answer.
    pub async fn handle(&self, request: Request, holder: &str) -> Result<Answer, TickError> {
        if let Some(command) = &request.command {
            for (field, words) in [("by", &command.by), ("why", &command.why)] {
                if words.trim().is_empty() || words.chars().count() > LONGEST_WORDS {
                    return Err(TickError::Words { field });
                }
            }
            self.obey(command).await?;
        }
        if !request.show {
            self.tick(holder).await?;
        }
        Ok(Answer::from(&self.records.read().await?))
    }

    async fn obey(&self, command: &Command) -> Result<(), TickError> {
        loop {
            let record = self.records.read().await?;
            let to = self.transition(command.state.into(), &command.by, command.why.clone());
            if self.records.write(&record, &to).await? == Commit::Done {
                return Ok(());
            }
        }
    }

    fn transition(&self, to: BreakerState, by: &str, why: String) -> Transition {
        tracing::warn!(state = to.as_str(), by, why, "the pipeline breaker changes its state");
        Transition { to, by: by.to_owned(), why, next_probe_at: None, opens: 0, at: self.clock.now() }
    }

    /// One tick. Busy: whoever holds the lease does the work, or the next tick.
    ///
    /// # Errors
    /// [`TickError`]; the lease is freed all the same.
    pub async fn tick(&self, holder: &str) -> Result<(), TickError> {
        let now = self.clock.now();
        if self.records.take_lease(holder, now, now.plus(self.knobs.lease)).await? == Commit::Conflict {
            tracing::info!("another tick is at work");
            return Ok(());
        }
        let result = self.turns().await;
        // What went wrong first is what the log shall say.
        let freed = self.records.free_lease(holder).await;
        result?;
        Ok(freed?)
    }

    async fn turns(&self) -> Result<(), TickError> {
        let mut patience = self.clock.now().plus(TRANSITION_PATIENCE);
        let mut asked = 0;
        loop {
            match self.turn(patience).await? {
                Turn::Again => {}
                Turn::Asked if asked == MAX_ASKED => return Ok(()),
                Turn::Asked => {
                    asked += 1;
                    self.pause.pause(LOOK_AGAIN).await;
                    patience = self.clock.now().plus(TRANSITION_PATIENCE);
                }
                Turn::Done => return Ok(()),
            }
        }
    }

    async fn turn(&self, patience: Timestamp) -> Result<Turn, TickError> {
        let record = self.records.read().await?;
        let pipe = self.switch.state().await?;
        // Somebody else stopped the Pipe: it stays stopped until a person says so. A Pipe on its way, by an update or by
        // a start of ours that an alarm overtook, is waited for first.
        let ours = record.stop_mark;
        if record.state == BreakerState::Open && pipe == SwitchState::Stopped && !ours {
            return self.force_open(&record).await;
        }
        match pipe {
            SwitchState::InTransition if self.clock.now() < patience => {
                self.pause.pause(LOOK_AGAIN).await;
                return Ok(Turn::Again);
            }
            SwitchState::InTransition => return Ok(Turn::Done),
            SwitchState::Stopped if record.state.lets_flow() && record.is_applied() => {
                return self.force_open(&record).await;
            }
            SwitchState::Stopped if record.state.lets_flow() => {
                self.switch.start().await?;
                return Ok(Turn::Asked);
            }
            SwitchState::Running if !record.state.lets_flow() => {
                if self.records.mark_stop(record.generation).await? == Commit::Conflict {
                    return Ok(Turn::Again);
                }
                self.switch.stop().await?;
                return Ok(Turn::Asked);
            }
            SwitchState::Running | SwitchState::Stopped => {}
        }
        self.projection.publish(&record).await?;
        let newly = !record.is_applied();
        if self.records.mark_applied(record.generation, newly, self.clock.now()).await? == Commit::Conflict {
            return Ok(Turn::Again);
        }
        match record.state {
            BreakerState::Closed => self.heed_the_level(&record).await,
            BreakerState::ForcedOpen | BreakerState::Disabled => Ok(Turn::Done),
            // A half-open record here is what a crashed tick left behind.
            BreakerState::Open | BreakerState::HalfOpen if newly => Ok(Turn::Again),
            BreakerState::Open | BreakerState::HalfOpen => self.try_some(record).await,
        }
    }

    async fn force_open(&self, record: &Record) -> Result<Turn, TickError> {
        let why = "the Pipe was stopped outside the breaker".to_owned();
        let to = self.transition(BreakerState::ForcedOpen, OUTSIDE, why);
        // After a conflict the next turn judges the newer record.
        self.write(record, &to).await
    }

    async fn write(&self, record: &Record, to: &Transition) -> Result<Turn, TickError> {
        if self.records.write(record, to).await? == Commit::Conflict {
            tracing::info!("somebody changed the record first");
        }
        Ok(Turn::Again)
    }

    /// A lost alarm event heals here.
    async fn heed_the_level(&self, record: &Record) -> Result<Turn, TickError> {
        if !self.alarm.is_ringing().await? {
            return Ok(Turn::Done);
        }
        let to = self.transition(BreakerState::Open, "alarm", "the alarm is in ALARM".to_owned());
        self.write(record, &to).await
    }

    async fn try_some(&self, record: Record) -> Result<Turn, TickError> {
        let now = self.clock.now();
        let settled = record.stopped_at.is_some_and(|at| at.plus(self.knobs.settle_time) <= now);
        if !settled || record.next_probe_at.is_some_and(|at| now < at) {
            return Ok(Turn::Done);
        }
        let half_open = Transition {
            opens: record.opens,
            ..self.transition(BreakerState::HalfOpen, "probe", "trying a few intents".to_owned())
        };
        if self.records.write(&record, &half_open).await? == Commit::Conflict {
            return Ok(Turn::Again);
        }
        // What I write next is conditioned on my own half-open generation.
        let mine = Record { state: BreakerState::HalfOpen, generation: record.generation + 1, ..record };
        let intents = self.trials.receive(self.knobs.trial_intents).await?;
        let verdict = if intents.is_empty() && self.knobs.on_empty_queue == OnEmptyQueue::Close {
            Evidence::Healthy
        } else {
            self.judge(&mine, &intents).await?
        };
        let to = if verdict == Evidence::Healthy && !self.alarm.is_ringing().await? {
            self.transition(BreakerState::Closed, "probe", format!("{} intents tried, healthy", intents.len()))
        } else {
            let longest = backoff(self.knobs.probe_base, mine.opens, self.knobs.probe_max);
            // Equal jitter: probes of many pipelines spread, and the interval still grows.
            let wait = longest.mul_f64(f64::midpoint(1.0, self.chance.draw()));
            let why = format!("{} intents tried, {}", intents.len(), describe(verdict));
            Transition {
                next_probe_at: Some(self.clock.now().plus(wait)),
                opens: mine.opens.saturating_add(1),
                ..self.transition(BreakerState::Open, "probe", why)
            }
        };
        self.write(&mine, &to).await
    }

    /// Hands the intents over as the Pipe would, and waits for what becomes of these very executions.
    async fn judge(&self, mine: &Record, intents: &[QueuedIntent]) -> Result<Evidence, TickError> {
        let mut running = Vec::with_capacity(intents.len());
        for intent in intents {
            let name = format!("probe-{}-{}", mine.generation, intent.id);
            running.push(self.trials.start(intent, &name).await?);
            // A crash before this line brings the message back; the claim makes the second execution harmless.
            self.trials.delete(intent).await?;
        }
        let deadline = self.clock.now().plus(self.knobs.trial_time);
        let mut verdict = Evidence::None;
        while let Some(execution) = running.last() {
            match self.trials.evidence(execution).await? {
                Some(Evidence::Failed) => return Ok(Evidence::Failed),
                Some(Evidence::Healthy) => verdict = Evidence::Healthy,
                Some(Evidence::None) => {}
                None if self.clock.now() >= deadline => return Ok(Evidence::Failed),
                None => {
                    self.pause.pause(LOOK_AGAIN).await;
                    continue;
                }
            }
            running.pop();
        }
        Ok(verdict)
    }
}

fn describe(verdict: Evidence) -> &'static str {
    match verdict {
        Evidence::Healthy => "healthy, but the alarm is in ALARM",
        Evidence::None => "no evidence",
        Evidence::Failed => "failed",
    }
}
