use super::*;
use crate::observer::Unobserved;
use domain::breaker::BreakerState;
use domain::gate::config::{Dependency, GateConfig};
use domain::gate::operate::Order;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Waker;
use testing::clock::VirtualClock;
use testing::gates::MemoryGates;
use testing::turn::{Trip, Turnstile};

const TIMEOUT: Duration = Duration::from_secs(2);
const BREAK: Duration = Duration::from_secs(10);

/// Time that passes while nobody has anything to do, and chance that never says the same twice.
#[derive(Clone, Default)]
struct Runtime {
    clock: VirtualClock,
    draws: Arc<AtomicU32>,
}

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Pause for Runtime {
    async fn pause(&self, span: Duration) {
        let end = self.clock.now().plus(span);
        poll_fn(|_| if self.clock.now() >= end { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Chance for Runtime {
    fn draw(&self) -> f64 {
        f64::from(self.draws.fetch_add(1, Ordering::Relaxed)) / f64::from(u32::MAX)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection broke")]
struct Broken;

/// What the provider does with the next call.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Answers a status after so long.
    Answer(u16, Duration),
    /// Pushes back for so long.
    PushBack(Duration),
    /// Breaks the connection.
    Break,
    /// Answers a status; then the store fails once.
    AnswerThenStoreFails(u16),
}

/// A provider whose answers a test sets; without one it answers 200 at once.
struct Provider {
    runtime: Runtime,
    turns: Turnstile,
    next: Arc<Mutex<VecDeque<Next>>>,
    called: Arc<AtomicUsize>,
    /// Calls that have begun and neither ended nor been dropped.
    running: Arc<AtomicUsize>,
    /// Whether this very instance was polled ready.
    ready: bool,
    /// Whether it refuses to become ready.
    broken: bool,
}

impl Clone for Provider {
    /// As ready as new: not.
    fn clone(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            turns: self.turns.clone(),
            next: Arc::clone(&self.next),
            called: Arc::clone(&self.called),
            running: Arc::clone(&self.running),
            ready: false,
            broken: self.broken,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service<&'static str> for Provider {
    type Response = Answer;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Broken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.broken {
            return Poll::Ready(Err(Broken));
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: &'static str) -> Self::Future {
        assert_eq!(request, "request");
        assert!(std::mem::take(&mut self.ready), "only the instance that was polled ready may be called");
        self.called.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.running));
        let next = self.next.lock().unwrap().pop_front().unwrap_or(Next::Answer(200, Duration::ZERO));
        let (runtime, turns) = (self.runtime.clone(), self.turns.clone());
        Box::pin(async move {
            let _running = running;
            let (status, retry_after) = match next {
                Next::Answer(status, after) => {
                    runtime.pause(after).await;
                    (status, None)
                }
                Next::PushBack(span) => (429, Some(span)),
                Next::Break => return Err(Broken),
                Next::AnswerThenStoreFails(status) => {
                    turns.trip(Trip::BeforeEffect);
                    (status, None)
                }
            };
            Ok(Answer { status, retry_after })
        })
    }
}

/// Not `Clone`, because not every policy is.
struct ByStatus;

impl Classify<Answer, Broken> for ByStatus {
    fn classify(&self, result: Result<&Answer, &Broken>) -> Outcome {
        result.map_or(Outcome::Failure, |answer| crate::classify::http_status(answer.status, answer.retry_after))
    }
}

type Layered = GateLayer<MemoryGates, Runtime, Unobserved, ByStatus>;

/// A gate, a provider behind it, and time.
struct World {
    runtime: Runtime,
    turns: Turnstile,
    gates: MemoryGates,
    admission: Admission<MemoryGates, Runtime, Unobserved>,
    provider: Provider,
}

impl World {
    /// Ten calls per second, burst five; opens after two failures.
    fn new(changes: &Value) -> Self {
        let mut knobs = json!({
            "ratePerSecond": 10, "burst": 5, "overlap": 0, "callTimeoutMs": 2000, "storeUnreachable": "refuse",
            "slidingWindowSize": 10, "minimumNumberOfCalls": 2, "minimumFailures": 2,
            "permittedCallsInHalfOpen": 1, "successesToClose": 1,
            "breakDurationMs": 10_000, "maxBreakDurationMs": 60_000,
        });
        for (name, value) in changes.as_object().unwrap() {
            knobs[name] = value.clone();
        }
        let dependency = Dependency::try_from("payment".to_owned()).unwrap();
        let config = GateConfig::new(dependency, &serde_json::from_value(knobs).unwrap()).unwrap();
        let (runtime, turns) = (Runtime::default(), Turnstile::default());
        let gates = MemoryGates::new(turns.clone());
        let provider = Provider {
            runtime: runtime.clone(),
            turns: turns.clone(),
            next: Arc::default(),
            called: Arc::default(),
            running: Arc::default(),
            ready: false,
            broken: false,
        };
        let admission = Admission::new(gates.clone(), runtime.clone(), Unobserved, [config]);
        Self { runtime, turns, gates, admission, provider }
    }

    fn layer(&self) -> Layered {
        GateLayer::new(self.admission.clone(), "payment", ByStatus).unwrap()
    }

    fn begin(&self, layer: &Layered) -> GatedFuture<Answer, Broken> {
        let mut service = layer.layer(self.provider.clone());
        assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        service.call("request")
    }

    /// Polls, and lets a millisecond pass whenever nobody is ready.
    fn drive<T>(&self, mut future: impl Future<Output = T> + Unpin) -> T {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
                return result;
            }
            self.runtime.clock.advance(Duration::from_millis(1));
        }
    }

    fn call_by(&self, layer: &Layered) -> Result<u16, GateError<Broken>> {
        self.drive(self.begin(layer)).map(|answer| answer.status)
    }

    fn call(&self) -> Result<u16, GateError<Broken>> {
        self.call_by(&self.layer())
    }

    fn next(&self, next: impl IntoIterator<Item = Next>) {
        self.provider.next.lock().unwrap().extend(next);
    }

    fn called(&self) -> usize {
        self.provider.called.load(Ordering::Relaxed)
    }

    fn running(&self) -> usize {
        self.provider.running.load(Ordering::Relaxed)
    }

    fn state(&self) -> BreakerState {
        self.gates.gate("payment", 0).unwrap().state
    }

    fn open(&self) {
        let order = Box::pin(self.admission.order("payment", Order::ForceClose, "a test", "so that the item exists"));
        self.drive(order).unwrap();
        self.next([Next::Break, Next::Break]);
        assert_eq!([self.call(), self.call()], [Err(GateError::Inner(Broken)), Err(GateError::Inner(Broken))]);
        assert_eq!(self.state(), BreakerState::Open);
    }

    /// Until after the break, jitter included.
    fn pass_the_break(&self) {
        self.runtime.clock.advance(BREAK.mul_f64(1.2));
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, GateError<Broken>>) -> (&'static str, Duration) {
    match result {
        Err(GateError::NotPermitted(refusal)) => (refusal.reason.as_str(), refusal.retry_after),
        other => panic!("not refused but {other:?}"),
    }
}

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn a_healthy_call_passes_and_costs_one_write() {
    let world = World::new(&json!({}));
    assert_eq!(world.call(), Ok(200));
    let before = world.turns.calls().len();
    assert_eq!(world.call(), Ok(200));
    assert_eq!(world.turns.calls()[before..], ["gates.apply"]);
}

#[test]
fn failures_open_the_circuit_and_while_open_no_call_is_made() {
    let world = World::new(&json!({}));
    world.next([Next::Answer(500, AT_ONCE), Next::Break]);
    assert_eq!(world.call(), Ok(500), "what the provider answered is handed on");
    assert_eq!(world.call(), Err(GateError::Inner(Broken)));
    assert_eq!(world.state(), BreakerState::Open);
    assert_eq!(reason(world.call()).0, "open");
    assert_eq!(
        reason(world.call_by(&world.layer().max_wait(Duration::from_hours(1)))).0,
        "open",
        "nobody waits for it"
    );
    assert_eq!(world.called(), 2);
}

#[test]
fn a_trial_that_succeeds_closes_the_circuit() {
    let world = World::new(&json!({}));
    world.open();
    world.pass_the_break();
    assert_eq!(world.call(), Ok(200));
    assert_eq!(world.state(), BreakerState::Closed);
}

#[test]
fn an_outcome_that_is_ignored_never_opens() {
    let world = World::new(&json!({}));
    world.next([Next::Answer(404, AT_ONCE); 5]);
    assert_eq!([(); 5].map(|()| world.call()), [const { Ok(404) }; 5]);
    assert_eq!(world.state(), BreakerState::Closed);
}

#[test]
fn a_call_over_its_time_out_is_dropped_and_counts_as_a_failure() {
    let world = World::new(&json!({}));
    world.next([Next::Answer(200, TIMEOUT * 2); 2]);
    assert_eq!(world.call(), Err(GateError::TimedOut(TIMEOUT)));
    assert_eq!(world.running(), 0);
    assert_eq!(world.call(), Err(GateError::TimedOut(TIMEOUT)));
    assert_eq!(world.state(), BreakerState::Open);
}

#[test]
fn a_call_is_given_up_exactly_when_its_time_is_over_and_before_its_report() {
    let world = World::new(&json!({}));
    assert_eq!(world.call(), Ok(200), "from now on there is an item");
    world.next([Next::Answer(200, TIMEOUT * 2)]);
    let mut call = world.begin(&world.layer());
    let context = &mut Context::from_waker(Waker::noop());
    while world.running() == 0 {
        assert!(call.as_mut().poll(context).is_pending());
    }
    world.runtime.clock.advance(TIMEOUT.checked_sub(Duration::from_millis(1)).unwrap());
    assert!(call.as_mut().poll(context).is_pending());
    assert_eq!(world.running(), 1);
    let written = world.turns.calls().len();
    world.runtime.clock.advance(Duration::from_millis(1));
    assert!(call.as_mut().poll(context).is_pending(), "the report is on its way");
    assert_eq!((world.running(), world.turns.calls().len()), (0, written));
    assert_eq!(world.drive(call), Err(GateError::TimedOut(TIMEOUT)));
    assert_eq!(world.gates.gate("payment", 0).unwrap().failures.values().sum::<u64>(), 1);
}

#[test]
fn an_answer_at_the_last_moment_counts() {
    let world = World::new(&json!({}));
    world.next([Next::Answer(201, TIMEOUT)]);
    assert_eq!(world.call(), Ok(201));
}

#[test]
fn slow_successes_open_the_circuit_and_faster_ones_do_not() {
    let knobs = json!({"slowCallDurationMs": 500, "slowCallRateThreshold": 50});
    let world = World::new(&knobs);
    world.next([Next::Answer(200, Duration::from_millis(500)); 2]);
    assert_eq!([world.call(), world.call()], [Ok(200), Ok(200)]);
    assert_eq!(world.state(), BreakerState::Open);

    let world = World::new(&knobs);
    world.next([Next::Answer(200, Duration::from_millis(499)); 2]);
    assert_eq!([world.call(), world.call()], [Ok(200), Ok(200)]);
    assert_eq!(world.state(), BreakerState::Closed);
}

#[test]
fn a_slow_failure_is_a_failure_and_a_slow_mistake_of_ours_is_still_ours() {
    let world = World::new(&json!({"slowCallDurationMs": 500}));
    world.next([Next::Answer(500, TIMEOUT / 2), Next::Answer(404, TIMEOUT / 2)]);
    assert_eq!([world.call(), world.call()], [Ok(500), Ok(404)]);
    let gate = world.gates.gate("payment", 0).unwrap();
    assert_eq!((gate.failures.values().sum::<u64>(), gate.slow.len()), (1, 0));
}

#[test]
fn a_push_back_holds_everybody_back_for_as_long_as_it_says() {
    let world = World::new(&json!({}));
    world.next([Next::PushBack(Duration::from_secs(30))]);
    assert_eq!(world.call(), Ok(429));
    let (refused_by, retry_after) = reason(world.call());
    assert_eq!(refused_by, "hold");
    assert!(retry_after > Duration::from_secs(29), "{retry_after:?}");
    assert_eq!(world.called(), 1);
    world.runtime.clock.advance(retry_after + Duration::from_millis(1));
    assert_eq!(world.call(), Ok(200));
}

#[test]
fn a_caller_with_patience_waits_for_the_end_of_a_push_back() {
    let world = World::new(&json!({}));
    world.next([Next::PushBack(Duration::from_secs(3))]);
    assert_eq!(world.call(), Ok(429));
    let pushed_back = world.runtime.now();
    assert_eq!(world.call_by(&world.layer().max_wait(Duration::from_secs(10))), Ok(200));
    assert!(world.runtime.now() >= pushed_back.plus(Duration::from_secs(3)));
}

#[test]
fn without_patience_a_full_bucket_refuses_and_with_patience_the_call_waits_for_its_slot() {
    let world = World::new(&json!({"maxWaitMs": 60_000, "ratePerSecond": 0.5}));
    for _ in 0..5 {
        assert_eq!(world.call(), Ok(200));
    }
    let begun = world.runtime.now();
    assert_eq!(reason(world.call()).0, "rate");
    assert_eq!(world.called(), 5);
    assert_eq!(world.call_by(&world.layer().max_wait(Duration::from_secs(5))), Ok(200));
    let waited = world.runtime.now().0 - begun.0;
    assert!((1_900..2_100).contains(&waited), "a slot comes every two seconds, it waited {waited} ms");
}

#[test]
fn a_circuit_that_opens_while_a_call_waits_stops_it() {
    let world = World::new(&json!({"maxWaitMs": 60_000, "ratePerSecond": 0.5}));
    for _ in 0..5 {
        assert_eq!(world.call(), Ok(200));
    }
    let mut waiting = world.begin(&world.layer().max_wait(Duration::from_secs(5)));
    let context = &mut Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(waiting.as_mut().poll(context).is_pending());
    }
    let order = Box::pin(world.admission.order("payment", Order::ForceOpen, "a test", "because"));
    world.drive(order).unwrap();
    assert_eq!(reason(world.drive(waiting)).0, "open");
    assert_eq!(world.called(), 5);
}

#[test]
fn a_call_whose_patience_ends_while_it_waits_is_refused_for_now_and_not_taken_for_a_mistake() {
    let world = World::new(&json!({"maxWaitMs": 60_000, "ratePerSecond": 0.5}));
    for _ in 0..5 {
        assert_eq!(world.call(), Ok(200));
    }
    let mut waiting = world.begin(&world.layer().max_wait(Duration::from_secs(3)));
    let context = &mut Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(waiting.as_mut().poll(context).is_pending());
    }
    // The process was stopped for a while: too late for the slot, and for another.
    world.runtime.clock.advance(Duration::from_secs(30));
    assert_eq!(reason(world.drive(waiting)), ("rate", Duration::from_secs(2)));
    assert_eq!(world.called(), 5);
}

#[test]
fn each_call_takes_as_many_tokens_as_the_layer_says() {
    let world = World::new(&json!({"ratePerSecond": 1}));
    let layer = world.layer().tokens(3);
    assert_eq!(world.call_by(&layer), Ok(200));
    assert_eq!(reason(world.call_by(&layer)).0, "rate");
    let too_many = world.call_by(&world.layer().tokens(6));
    assert!(
        matches!(too_many, Err(GateError::Invalid(InvalidRequest::TooManyTokens { tokens: 6, .. }))),
        "{too_many:?}"
    );
    assert_eq!(world.called(), 1);
}

#[test]
fn a_report_that_fails_does_not_lose_the_answer() {
    let world = World::new(&json!({}));
    world.next([Next::AnswerThenStoreFails(500)]);
    assert_eq!(world.call(), Ok(500));
    assert_eq!(world.gates.gate("payment", 0).unwrap().failures.len(), 0, "the report was lost");
}

#[test]
fn while_the_store_is_unreachable_the_policy_decides() {
    let refusing = World::new(&json!({}));
    refusing.turns.trip(Trip::BeforeEffect);
    assert_eq!(reason(refusing.call()).0, "store");
    assert_eq!(refusing.called(), 0);

    let allowing = World::new(&json!({"storeUnreachable": "allow"}));
    allowing.turns.trip(Trip::BeforeEffect);
    assert_eq!(allowing.call(), Ok(200));
}

#[test]
fn a_trial_that_is_dropped_gives_its_permit_back_with_its_lease() {
    let world = World::new(&json!({"permitLeaseMs": 5000}));
    world.open();
    world.pass_the_break();
    world.next([Next::Answer(200, TIMEOUT)]);
    let mut trial = world.begin(&world.layer());
    while world.running() == 0 {
        assert!(trial.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(trial);
    assert_eq!(world.running(), 0);
    assert_eq!(reason(world.call()).0, "permits", "the only permit is out");
    world.runtime.clock.advance(Duration::from_secs(5));
    assert_eq!(world.call(), Ok(200));
    assert_eq!(world.state(), BreakerState::Closed);
}

#[test]
fn the_instance_that_was_polled_ready_makes_the_call_and_its_successor_must_be_polled_anew() {
    let world = World::new(&json!({}));
    let mut service = world.layer().layer(world.provider.clone());
    let context = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(context).is_ready());
    let call = service.call("request");
    assert!(!service.inner.ready, "what is left behind is not ready");
    assert_eq!(world.drive(call).map(|answer| answer.status), Ok(200), "the provider itself checks who was ready");
}

#[test]
fn a_service_that_is_not_ready_is_not_asked_about() {
    let world = World::new(&json!({}));
    let mut service = world.layer().layer(Provider { broken: true, ..world.provider.clone() });
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert_eq!(ready, Poll::Ready(Err(GateError::Inner(Broken))));
    assert!(world.turns.calls().is_empty(), "no permit is taken for a call that cannot be made");
}

#[test]
fn an_unknown_dependency_is_refused_when_the_layer_is_made() {
    let world = World::new(&json!({}));
    let unknown = GateLayer::new(world.admission.clone(), "newsletter", ByStatus).err();
    assert_eq!(unknown, Some(UnknownDependency("newsletter".to_owned())));
}

#[test]
fn an_error_says_what_became_of_the_call() {
    let refusal = CallNotPermitted { reason: domain::gate::admit::Reason::Open, retry_after: TIMEOUT };
    assert_eq!(GateError::<Broken>::from(AdmitError::from(refusal.clone())), GateError::NotPermitted(refusal));
    let unknown = UnknownDependency("newsletter".to_owned());
    assert_eq!(GateError::<Broken>::from(AdmitError::from(unknown.clone())), GateError::Unknown(unknown));
    assert_eq!(GateError::<Broken>::TimedOut(TIMEOUT).to_string(), "no answer within 2000 ms");
    assert_eq!(GateError::Inner(Broken).to_string(), "the connection broke");
}
