//! What it costs to ask: accesses to the table per call, by what became of the call.

use crate::settings::{CALL, CALLERS, LATENCY, PROVIDER, RATE, gate, millis};
use crate::table::{Access, Purpose, Table};
use crate::world::{Task, TaskId, World, lock, poisson};
use admission::observer::{Event, Notice, Observer};
use admission::{Admission, AdmitError};
use domain::breaker::BreakerState;
use domain::gate::PermitId;
use domain::gate::admit::{Permit, Request, Step};
use domain::gate::change::Change;
use domain::gate::config::GateConfig;
use domain::gate::report::Outcome;
use domain::gate::store::Answer;
use domain::time::{Chance, Clock, full_jitter};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How callers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// The gate: `Admission`, as it is deployed.
    Gate,
    /// Reads the item, decides by the gate's own rules, and replaces the item if its version is still the same. After a
    /// conflict it starts again, with full jitter. Whoever is refused and may wait comes again.
    ReadModifyWrite,
    /// The gate's conditional write without its memory and without slots in the future: whoever is refused and may wait
    /// comes again. It has no breaker.
    PollAndRetry,
}

/// Who asks, when, and for how long each may wait.
pub struct Demand {
    /// How.
    pub way: Way,
    /// How long a call may wait for its slot.
    pub patience: Duration,
    /// When each call is asked for.
    pub arrivals: Vec<Duration>,
    /// Of all chance in the run.
    pub seed: u64,
}

/// Accesses per call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerCall {
    /// Writes, those included whose condition was false.
    pub writes: f64,
    /// Reads.
    pub reads: f64,
}

/// What a run has counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    /// Calls that were asked for.
    pub asked: u32,
    /// Calls that took place.
    pub granted: u32,
    /// Calls that were given up.
    pub refused: u32,
    /// Granted calls whose slot was in the future, or that came again.
    pub waited: u32,
    /// Asking again by calls that had been refused.
    pub polls: u32,
    /// Of a granted call, until it could begin.
    pub per_granted: PerCall,
    /// Of a call that was given up; `null` where none was.
    pub per_refused: Option<PerCall>,
    /// Of a call that took place and went well, its report included.
    pub per_healthy: PerCall,
    /// All writes of the run, also those of refused calls, by granted calls.
    pub all_writes_per_granted: f64,
    /// Writes after a call that went well, per such call.
    pub writes_per_success: f64,
    /// Reads by granted calls that did not wait.
    pub reads_without_waiting: u32,
    /// From the first request to the last beginning of a call, in seconds.
    pub seconds: f64,
}

/// `count` calls at a share of the rate, by 50 callers at random times.
pub fn steady(way: Way, share: f64, patience: Duration, count: usize, seed: u64) -> Demand {
    Demand { way, patience, arrivals: poisson(seed, share * RATE).take(count).collect(), seed }
}

/// `count` calls that are asked for in the same instant, of an unused gate.
pub fn herd(way: Way, count: usize, patience: Duration, seed: u64) -> Demand {
    Demand { way, patience, arrivals: vec![Duration::ZERO; count], seed }
}

/// How one call ended.
struct Ended {
    task: TaskId,
    granted: bool,
    waited: bool,
    polls: u32,
    began: Duration,
}

/// All that a call needs.
struct Fleet {
    world: World,
    table: Table,
    config: GateConfig,
    patience: Duration,
    processes: Vec<Admission<Table, World, Heard>>,
    heard: Heard,
    ended: Mutex<Vec<Ended>>,
}

/// What admission said, by task.
#[derive(Debug, Clone)]
struct Heard(World, Arc<Mutex<BTreeMap<TaskId, Asked>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    times: u32,
    waits: u32,
    forfeits: u32,
}

impl Observer for Heard {
    fn notice(&self, notice: &Notice<'_>) {
        let mut heard = lock(&self.1);
        let asked = heard.entry(self.0.running()).or_default();
        match notice.event {
            Event::Granted { wait, .. } => {
                asked.times += 1;
                asked.waits += u32::from(!wait.is_zero());
            }
            Event::Refused { .. } => asked.times += 1,
            Event::Forfeited => asked.forfeits += 1,
            Event::StoreFailed { .. } | Event::Turned { .. } => {}
        }
    }
}

impl Demand {
    /// Runs it until every call has ended.
    ///
    /// # Errors
    /// A gate that is configured wrongly.
    pub fn run(self) -> Result<Costs, Box<dyn Error>> {
        let Self { way, patience, arrivals, seed } = self;
        let reserves = if way == Way::Gate { patience } else { Duration::ZERO };
        let config = gate(|knobs| knobs.max_wait_ms = millis(reserves))?;
        let world = World::new(seed);
        let table = Table::new(&world, LATENCY);
        let heard = Heard(world.clone(), Arc::default());
        let process = || Admission::new(table.clone(), world.clone(), heard.clone(), [config.clone()]);
        let processes = (0..CALLERS).map(|_| process()).collect();
        let ended = Mutex::default();
        let fleet = Rc::new(Fleet { world, table, config, patience, processes, heard, ended });

        let mut callers = fastrand::Rng::with_seed(!seed);
        fleet.world.run(arrivals.into_iter().map(|at| {
            let (fleet, caller) = (Rc::clone(&fleet), callers.usize(..CALLERS));
            (at, Box::pin(async move { fleet.call(way, caller).await }) as Task)
        }));
        Ok(costs(&lock(&fleet.ended), &fleet.table.log()))
    }
}

impl Fleet {
    async fn call(&self, way: Way, caller: usize) {
        let task = self.world.running();
        let ended = match way {
            Way::Gate => self.by_the_gate(task, caller).await,
            Way::ReadModifyWrite => self.by_read_modify_write(task).await,
            Way::PollAndRetry => self.by_polling(task).await,
        };
        lock(&self.ended).push(ended);
    }

    async fn by_the_gate(&self, task: TaskId, caller: usize) -> Ended {
        let admission = &self.processes[caller];
        let permit = self.permit(admission).await.ok();
        let began = self.world.elapsed();
        if let Some(permit) = &permit {
            self.world.sleep(CALL).await;
            // A report of a success makes no access that could fail; if it ever did, the log has the access.
            admission.report(permit, Outcome::Success).await.ok();
        }
        let asked = lock(&self.heard.1).get(&task).copied().unwrap_or_default();
        let polls = asked.times.saturating_sub(1 + asked.forfeits);
        Ended { task, granted: permit.is_some(), waited: asked.waits > 0 || polls > 0, polls, began }
    }

    async fn permit(&self, admission: &Admission<Table, World, Heard>) -> Result<Permit, AdmitError> {
        let deadline = self.world.now().plus(self.patience);
        if self.patience.is_zero() {
            admission.admit(PROVIDER, 1, deadline).await
        } else {
            admission.pass(PROVIDER, 1, deadline).await
        }
    }

    async fn by_read_modify_write(&self, task: TaskId) -> Ended {
        let (request, patience) = (self.request(task), self.patience_ends());
        let (mut polls, mut conflicts) = (0, 0);
        loop {
            let (item, version) = self.table.read_version().await;
            let refusal = match self.config.decide(&request, &item, self.world.now()) {
                Step::Write(change) => {
                    if let Some(after) = change.apply(&item)
                        && self.table.replace(version, after).await
                    {
                        return self.granted(task, polls).await;
                    }
                    let (base, cap) = (2 * LATENCY, Duration::from_secs(1));
                    self.world.sleep(full_jitter(base, conflicts, cap, &self.world)).await;
                    conflicts += 1;
                    continue;
                }
                Step::Granted(_) => return self.granted(task, polls).await,
                Step::Refused(refusal) => refusal,
            };
            if !self.come_again(refusal.retry_after, patience).await {
                return self.given_up(task, polls);
            }
            polls += 1;
        }
    }

    async fn by_polling(&self, task: TaskId) -> Ended {
        let (request, patience) = (self.request(task), self.patience_ends());
        let append = || {
            let now = self.world.now();
            let take = self.config.bucket.append(now, 1, Duration::ZERO);
            Step::Write(Change::Reserve { state: BreakerState::Closed, take, now })
        };
        let (mut step, mut polls) = (append(), 0);
        loop {
            step = match step {
                Step::Write(change) => match self.table.write(&change).await {
                    Answer::Refused(found) => self.config.decide(&request, &found, self.world.now()),
                    Answer::Done(_) | Answer::Missing => return self.granted(task, polls).await,
                },
                Step::Granted(_) => return self.granted(task, polls).await,
                Step::Refused(refusal) => {
                    if !self.come_again(refusal.retry_after, patience).await {
                        return self.given_up(task, polls);
                    }
                    polls += 1;
                    append()
                }
            };
        }
    }

    fn request(&self, task: TaskId) -> Request {
        let deadline = self.world.now().plus(Duration::from_hours(1));
        Request { id: PermitId(task.to_string()), tokens: 1, deadline, whole_seconds: false }
    }

    fn patience_ends(&self) -> Duration {
        self.world.elapsed() + self.patience
    }

    /// Waits as long as it was told, and up to as long again, so that not all come at once. `false`: it would be too late.
    async fn come_again(&self, retry_after: Duration, patience: Duration) -> bool {
        let wait = retry_after.mul_f64(1.0 + self.world.draw());
        let in_time = self.world.elapsed() + wait <= patience;
        if in_time {
            self.world.sleep(wait).await;
        }
        in_time
    }

    async fn granted(&self, task: TaskId, polls: u32) -> Ended {
        let began = self.world.elapsed();
        self.world.sleep(CALL).await;
        Ended { task, granted: true, waited: polls > 0, polls, began }
    }

    fn given_up(&self, task: TaskId, polls: u32) -> Ended {
        Ended { task, granted: false, waited: polls > 0, polls, began: self.world.elapsed() }
    }
}

/// Accesses of some calls together.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    calls: u32,
    writes: u32,
    reads: u32,
    report_writes: u32,
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.writes += other.writes;
        self.reads += other.reads;
        self.report_writes += other.report_writes;
    }

    fn per_call(&self, writes: u32) -> PerCall {
        PerCall { writes: ratio(writes, self.calls), reads: ratio(self.reads, self.calls) }
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole)
}

fn costs(ended: &[Ended], log: &[Access]) -> Costs {
    let mut by_task: BTreeMap<TaskId, Spent> = BTreeMap::new();
    for access in log {
        let spent = by_task.entry(access.task).or_default();
        match access.purpose {
            Purpose::Read => spent.reads += 1,
            Purpose::Admission => spent.writes += 1,
            Purpose::Count | Purpose::Opening | Purpose::OtherReport => spent.report_writes += 1,
        }
    }
    let (mut granted, mut refused) = (Spent::default(), Spent::default());
    let (mut waited, mut polls, mut reads_without_waiting) = (0, 0, 0);
    let mut last = Duration::ZERO;
    for call in ended {
        let spent = Spent { calls: 1, ..by_task.get(&call.task).copied().unwrap_or_default() };
        polls += call.polls;
        if call.granted {
            granted.add(spent);
            waited += u32::from(call.waited);
            reads_without_waiting += if call.waited { 0 } else { spent.reads };
            last = last.max(call.began);
        } else {
            refused.add(spent);
        }
    }
    Costs {
        asked: granted.calls + refused.calls,
        granted: granted.calls,
        refused: refused.calls,
        waited,
        polls,
        per_granted: granted.per_call(granted.writes),
        per_refused: (refused.calls > 0).then(|| refused.per_call(refused.writes)),
        per_healthy: granted.per_call(granted.writes + granted.report_writes),
        all_writes_per_granted: ratio(granted.writes + granted.report_writes + refused.writes, granted.calls),
        writes_per_success: ratio(granted.report_writes, granted.calls),
        reads_without_waiting,
        seconds: last.as_secs_f64(),
    }
}
