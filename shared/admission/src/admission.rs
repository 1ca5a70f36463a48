//! The protocol's loops: decide, write, and decide again by what the write found.

use crate::observer::{Event, Notice, Observer};
use domain::breaker::BreakerState;
use domain::gate::admit::{CallNotPermitted, InvalidRequest, Permit, PermitKind, Reason, Request, Step};
use domain::gate::change::Change;
use domain::gate::config::{Dependency, GateConfig, StorePolicy};
use domain::gate::memory::Memory;
use domain::gate::report::{Found, Outcome};
use domain::gate::store::{Answer, GateStoreError, Gates};
use domain::gate::{Gate, PermitId};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A write is refused because somebody else wrote; so often in a row it does not happen unless many ask at once.
const ATTEMPTS: usize = 16;

/// Asks gates, on behalf of one process. Clones share what they remember.
///
/// `S` keeps the gates, `R` has time, chance and waiting, `O` counts.
pub struct Admission<S, R, O> {
    pub(crate) inner: Arc<Inner<S, R, O>>,
}

pub(crate) struct Inner<S, R, O> {
    pub(crate) store: S,
    pub(crate) runtime: R,
    observer: O,
    gates: BTreeMap<String, Guarded>,
}

pub(crate) struct Guarded {
    pub(crate) config: GateConfig,
    /// One for each shard.
    memories: Vec<Mutex<Memory>>,
    /// Whether this process has seen that all shards are in step.
    pub(crate) aligned: AtomicBool,
}

impl<S, R, O> Clone for Admission<S, R, O> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Nobody configured a gate of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no gate {0:?} in the configuration")]
pub struct UnknownDependency(pub String);

/// Why there is no permit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The gate says no, for now.
    #[error(transparent)]
    NotPermitted(#[from] CallNotPermitted),
    /// No gate could ever say yes.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// There is no such gate.
    #[error(transparent)]
    Unknown(#[from] UnknownDependency),
}

/// What a caller that waited for its slot may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a forfeited slot is no permission"]
pub enum Recheck {
    /// Call, now.
    Call,
    /// Do not: it is too late or too early, or the gate changed, or the provider asked for a pause. Ask again.
    Forfeited,
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Admission<S, R, O> {
    /// Admission to these gates.
    pub fn new(store: S, runtime: R, observer: O, gates: impl IntoIterator<Item = GateConfig>) -> Self {
        let guarded = |config: GateConfig| {
            let memories = (0..config.shards).map(|_| Mutex::default()).collect();
            // One shard is always in step with itself.
            let aligned = AtomicBool::new(config.shards == 1);
            (config.dependency.to_string(), Guarded { config, memories, aligned })
        };
        let gates = gates.into_iter().map(guarded).collect();
        Self { inner: Arc::new(Inner { store, runtime, observer, gates }) }
    }

    /// Whose gates there are, by name.
    pub fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.inner.gates.values().map(|guarded| &guarded.config.dependency)
    }

    /// The gate's configuration.
    ///
    /// # Errors
    /// [`UnknownDependency`].
    pub fn config(&self, dependency: &str) -> Result<&GateConfig, UnknownDependency> {
        self.guarded(dependency).map(|guarded| &guarded.config)
    }

    /// Asks for a call of `tokens` tokens that may begin until `deadline`. The permit's `call_at` may lie in the future:
    /// wait until then, and [`recheck`](Self::recheck).
    ///
    /// # Errors
    /// [`AdmitError`]; `NotPermitted` says why and when to ask again.
    pub async fn admit(&self, dependency: &str, tokens: u32, deadline: Timestamp) -> Result<Permit, AdmitError> {
        self.admit_at(dependency, tokens, deadline, false).await
    }

    /// As [`admit`](Self::admit), for callers that can only wait for whole seconds, such as Step Functions.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn admit_at_whole_second(
        &self,
        dependency: &str,
        tokens: u32,
        deadline: Timestamp,
    ) -> Result<Permit, AdmitError> {
        self.admit_at(dependency, tokens, deadline, true).await
    }

    async fn admit_at(
        &self,
        dependency: &str,
        tokens: u32,
        deadline: Timestamp,
        whole_seconds: bool,
    ) -> Result<Permit, AdmitError> {
        let guarded = self.guarded(dependency)?;
        let request = Request { id: self.name(), tokens, deadline, whole_seconds };
        guarded.config.check_request(&request, self.now())?;
        let result = match self.ask(guarded, &request).await {
            Ok(result) => result,
            Err(error) => self.by_policy(guarded, &request, &error),
        };
        match &result {
            Ok(permit) => {
                let wait = self.now().until(permit.call_at);
                let state = match permit.kind {
                    PermitKind::Counted { .. } => Some(BreakerState::Closed),
                    PermitKind::Trial { .. } => Some(BreakerState::HalfOpen),
                    PermitKind::Uncounted => Some(BreakerState::Disabled),
                    PermitKind::Unasked => None,
                };
                self.notice(guarded, Event::Granted { wait, state });
            }
            Err(refusal) => self.notice(guarded, Event::Refused { reason: refusal.reason }),
        }
        Ok(result?)
    }

    async fn ask(
        &self,
        guarded: &Guarded,
        request: &Request,
    ) -> Result<Result<Permit, CallNotPermitted>, GateStoreError> {
        let config = &guarded.config;
        self.align_once(guarded).await?;
        let mut shard = self.draw_shard(config);
        let mut step = config.first_step(request, &guarded.memory(shard), self.now());
        let mut reason = Reason::Rate;
        for _ in 0..ATTEMPTS {
            let change = match step {
                Step::Granted(permit) => return Ok(Ok(permit)),
                Step::Refused(refusal) => return Ok(Err(refusal)),
                Step::Write(change) => change,
            };
            if change.is_trial() && shard != 0 {
                shard = 0;
                step = config.first_step(request, &guarded.memory(shard), self.now());
                continue;
            }
            reason = if change.is_trial() { Reason::Permits } else { Reason::Rate };
            step = match self.write(guarded, shard, &change).await? {
                Answer::Done(after) => match config.permit(request, shard, &change, &after) {
                    Some(permit) => return Ok(Ok(permit)),
                    None => config.decide(request, &after, self.now()),
                },
                Answer::Refused(found) => {
                    let next = config.decide_again(request, &change, &found, self.now());
                    if let (Step::Granted(_), Some(to)) = (&next, change.turns_to()) {
                        // The change of state was ours, though its answer was lost.
                        self.turned(guarded, to, &found);
                    }
                    next
                }
                Answer::Missing => {
                    self.align(guarded).await?;
                    config.first_step(request, &guarded.memory(shard), self.now())
                }
            };
        }
        let retry_after = Duration::from_micros(config.bucket.interval.unsigned_abs());
        Ok(Err(CallNotPermitted { reason, retry_after }))
    }

    fn by_policy(
        &self,
        guarded: &Guarded,
        request: &Request,
        error: &GateStoreError,
    ) -> Result<Permit, CallNotPermitted> {
        self.policy(guarded, error).map(|()| guarded.config.unasked(request, self.now()))
    }

    /// Whether to go on without the gate. A busy store is there, and what it would say is not ours to guess.
    fn policy(&self, guarded: &Guarded, error: &GateStoreError) -> Result<(), CallNotPermitted> {
        let policy = match error {
            GateStoreError::Busy(_) => StorePolicy::Refuse,
            _ => guarded.config.store_unreachable,
        };
        tracing::error!(gate.dependency = %guarded.config.dependency, error = %error, ?policy, "a gate could not be asked");
        self.notice(guarded, Event::StoreFailed { policy });
        match policy {
            StorePolicy::Allow => Ok(()),
            StorePolicy::Refuse => {
                Err(CallNotPermitted { reason: Reason::Store, retry_after: guarded.config.push_back })
            }
        }
    }

    /// For a caller that has waited for its slot: may it call now? One consistent read.
    ///
    /// # Errors
    /// [`AdmitError`]: no such gate, or the store gives no answer and the policy is to refuse.
    pub async fn recheck(&self, permit: &Permit) -> Result<Recheck, AdmitError> {
        let guarded = self.guarded(permit.dependency.as_str())?;
        if permit.kind == PermitKind::Unasked {
            return Ok(Recheck::Call);
        }
        let found = match self.inner.store.read(&guarded.config.dependency, permit.shard).await {
            Ok(found) => found,
            Err(error) => {
                self.policy(guarded, &error)?;
                // The clock needs no store.
                let good = guarded.config.in_time(permit, self.now());
                return Ok(if good { Recheck::Call } else { self.forfeited(guarded) });
            }
        };
        let now = self.now();
        let good = found.as_ref().is_some_and(|gate| guarded.config.still_good(permit, gate, now));
        if let Some(gate) = found {
            guarded.memory(permit.shard).see(gate, now);
        }
        Ok(if good { Recheck::Call } else { self.forfeited(guarded) })
    }

    fn forfeited(&self, guarded: &Guarded) -> Recheck {
        self.notice(guarded, Event::Forfeited);
        Recheck::Forfeited
    }

    /// Reports how the call ended. A success in a closed gate costs nothing; whoever forgets to report lets a trial's
    /// permit run out with its lease.
    ///
    /// # Errors
    /// [`ReportError`]; the call has happened all the same, so there is nothing to undo.
    pub async fn report(&self, permit: &Permit, outcome: Outcome) -> Result<(), ReportError> {
        let guarded = self.guarded(permit.dependency.as_str())?;
        let config = &guarded.config;
        let mut next = config.report(permit, outcome, self.now(), self.inner.runtime.draw());
        for _ in 0..ATTEMPTS {
            let Some(change) = next else { return Ok(()) };
            let found = match self.write(guarded, permit.shard, &change).await {
                Ok(Answer::Done(after)) => Found::Done(after),
                Ok(Answer::Refused(found)) => Found::Refused(found),
                // Somebody deleted it: there is nothing that the outcome could be about.
                Ok(Answer::Missing) => return Ok(()),
                Err(error) => {
                    self.notice(guarded, Event::StoreFailed { policy: config.store_unreachable });
                    return Err(error.into());
                }
            };
            next = config.report_next(permit, &change, &found, self.now(), self.inner.runtime.draw());
        }
        if next.is_none() {
            return Ok(());
        }
        Err(GateStoreError::Busy(format!("a report was overtaken {ATTEMPTS} times in a row")).into())
    }

    /// Admits, waits, and rechecks, again and again until `deadline`: what it returns may call at once.
    ///
    /// # Errors
    /// As [`admit`](Self::admit). An open circuit is refused at once; a full bucket or a hold only when waiting for it
    /// would go beyond the deadline.
    pub async fn pass(&self, dependency: &str, tokens: u32, deadline: Timestamp) -> Result<Permit, AdmitError> {
        let mut waited_for: Option<CallNotPermitted> = None;
        let longest = self.config(dependency)?.max_wait;
        loop {
            // Slots are given in order: whoever could have waited until its deadline and got none will get none later.
            let last = self.now().plus(longest) >= deadline;
            match self.admit(dependency, tokens, deadline).await {
                Ok(permit) if permit.call_at <= self.now() => return Ok(permit),
                Ok(permit) => {
                    self.wait_until(permit.call_at).await;
                    if self.recheck(&permit).await? == Recheck::Call {
                        return Ok(permit);
                    }
                    let interval = self.config(dependency)?.bucket.interval.unsigned_abs();
                    let retry_after = Duration::from_micros(interval);
                    waited_for = Some(CallNotPermitted { reason: Reason::Rate, retry_after });
                }
                Err(AdmitError::NotPermitted(refusal)) if refusal.reason.passes_by_itself() => {
                    // A little later than told, so that those who wait do not all come at once.
                    let jitter = refusal.retry_after.mul_f64(self.inner.runtime.draw() / 4.0);
                    let again = self.now().plus(refusal.retry_after + jitter + Duration::from_millis(1));
                    if (last && refusal.reason == Reason::Rate) || again > deadline {
                        return Err(refusal.into());
                    }
                    self.wait_until(again).await;
                    waited_for = Some(refusal);
                }
                // It passed while waiting: the request was sound.
                Err(error @ AdmitError::Invalid(InvalidRequest::DeadlinePassed)) => {
                    return Err(waited_for.map_or(error, AdmitError::NotPermitted));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn wait_until(&self, moment: Timestamp) {
        self.inner.runtime.pause(self.now().until(moment)).await;
    }

    pub(crate) fn guarded(&self, dependency: &str) -> Result<&Guarded, UnknownDependency> {
        self.inner.gates.get(dependency).ok_or_else(|| UnknownDependency(dependency.to_owned()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.runtime.now()
    }

    pub(crate) fn notice(&self, guarded: &Guarded, event: Event) {
        let notice = Notice { dependency: &guarded.config.dependency, at: self.now(), event };
        self.inner.observer.notice(&notice);
    }

    /// A name that no other admission of the same generation has.
    fn name(&self) -> PermitId {
        PermitId(format!("{:x}-{:x}", self.now().0, self.inner.runtime.draw().to_bits()))
    }

    fn draw_shard(&self, config: &GateConfig) -> u16 {
        let drawn = self.inner.runtime.draw() * f64::from(config.shards);
        (0..config.shards).rev().find(|shard| f64::from(*shard) <= drawn).unwrap_or(0)
    }
}

impl Guarded {
    /// What this process remembers of a shard.
    pub(crate) fn memory(&self, shard: u16) -> MutexGuard<'_, Memory> {
        // A permit from elsewhere may name a shard that this configuration does not have.
        let index = usize::from(shard) % self.memories.len();
        self.memories[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn see(&self, shard: u16, change: &Change, answer: &Answer, now: Timestamp) {
        let (Answer::Done(gate) | Answer::Refused(gate)) = answer else { return };
        let mut memory = self.memory(shard);
        if let Change::Reserve { take, .. } = change {
            memory.learn(take, matches!(answer, Answer::Done(_)), gate.tat);
        }
        memory.see(Gate::clone(gate), now);
    }
}

/// Why an outcome was not reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// There is no such gate.
    #[error(transparent)]
    Unknown(#[from] UnknownDependency),
    /// The store gave no usable answer; whether the report was counted is unknown.
    #[error(transparent)]
    Store(#[from] GateStoreError),
}
