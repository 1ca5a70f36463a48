//! The saga's whole world on one thread: the real state machine, the real task handlers, recovery and operators over
//! fakes. A test moves every part by hand, one effect at a time, and kills what it wants where it wants.

use crate::gate::Gate;
use content_access::ContentAccess;
use domain::cases::Action;
use domain::charges::ChargeState;
use domain::decisions::Entitlement;
use domain::intent::{CustomerId, IntentId, IntentKey, Tier};
use domain::ledger::{Execution as Arn, Intent, Status, Style, Terms};
use domain::money::{Currency, Money};
use domain::payment_provider::PaymentState;
use domain::services::{Executions, Ran, ServiceError};
use domain::time::Clock;
use lambda::task::{self, TaskError as HandlerError};
use lambda::telemetry::Metrics;
use payments::Payments;
use resilience::ops::Desk;
use serde::Serialize;
use serde_json::{Value, json};
use simulation::{Execution, Machine, Next, TaskCall, TaskError, lambda_answer, lambda_call, lambda_error};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use subscriptions::recovery::{IntentRecovery, Limits, StatusDetail};
use subscriptions::register::Register;
use subscriptions::tasks::Tasks;
use testing::clock::{Always, VirtualClock};
use testing::content::MemoryEntitlements;
use testing::ledger::MemoryLedger;
use testing::payments::MemoryCharges;
use testing::provider::MemoryProvider;
use testing::queue::{MemoryDeadLetters, MemoryQueue};
use testing::turn::{Task, Turnstile, one_turn, run};

pub const HOUR: Duration = Duration::from_hours(1);
pub const MAX_ATTEMPTS: u32 = 3;

type TaskService = Tasks<MemoryLedger, MemoryCharges, MemoryEntitlements, VirtualClock>;
type RecoveryService = IntentRecovery<
    MemoryLedger,
    MemoryEntitlements,
    MemoryQueue,
    LiveExecutions,
    MemoryDeadLetters,
    VirtualClock,
    Always,
>;
pub type Call = Task<Result<Value, TaskError>>;

/// What the fraud provider does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fraud {
    Passes,
    Rejects,
    IsDown,
    TalksGarbage,
    RefusesOurKey,
    /// It refuses what we send.
    Refuses,
    /// It answers with this status, and no verdict.
    Says(u16),
    /// It wants fewer calls.
    PushesBack,
    /// It passes everybody, after so long.
    IsSlow(Duration),
}

/// Which executions are at work.
#[derive(Clone, Default)]
pub struct LiveExecutions(Arc<Mutex<BTreeSet<String>>>);

impl Executions for LiveExecutions {
    async fn ran(&self, execution: &Arn) -> Result<Ran, ServiceError> {
        let live = self.0.lock().unwrap().contains(&execution.0);
        Ok(if live { Ran::StillRuns } else { Ran::Over })
    }
}

struct Live {
    asl: Execution,
    call: Option<Call>,
    input: String,
    /// Whether the gate has just permitted one call.
    permitted: bool,
}

impl Live {
    fn answer(&mut self, now: i64, answer: Result<Value, TaskError>) {
        let asks = ["ReserveFraudCall", "RecheckFraudCall"].contains(&self.asl.state());
        self.permitted |= asks && answer.as_ref().is_ok_and(|answer| answer["Payload"]["decision"] == "call");
        self.asl.answer(now, answer).unwrap();
    }
}

/// What became of a turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    Went,
    Succeeded(Value),
    Failed(String),
}

pub struct World {
    pub clock: VirtualClock,
    pub ledger: MemoryLedger,
    pub charges: MemoryCharges,
    pub content: MemoryEntitlements,
    pub provider: MemoryProvider,
    pub queue: MemoryQueue,
    pub turns: Turnstile,
    pub fraud: Fraud,
    pub gate: Gate,
    pub events: VecDeque<StatusDetail>,
    pub recovery: Arc<RecoveryService>,
    pub register: Arc<Register<MemoryLedger, MemoryDeadLetters, VirtualClock>>,
    machine: Machine,
    tasks: Arc<TaskService>,
    payments: Arc<Payments<MemoryCharges, MemoryProvider>>,
    content_access: Arc<ContentAccess<MemoryEntitlements, VirtualClock>>,
    desk: Desk<MemoryLedger, MemoryLedger, MemoryCharges, MemoryQueue, VirtualClock>,
    live: BTreeMap<String, Live>,
    live_names: LiveExecutions,
    ghosts: Vec<Call>,
    started: u32,
    last: BTreeMap<IntentId, Status>,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world whose state machine has an error, to see that it is found.
    pub fn with(error: impl FnOnce(&mut Value)) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/statemachines/subscribe.asl.json");
        let text = std::fs::read_to_string(path).unwrap();
        let substitutions = [
            ("SubscriptionsTask", "subscriptions-task"),
            ("PaymentsTask", "payments-task"),
            ("ContentAccessTask", "content-access-task"),
            ("ReserveCall", "reserve-call"),
            ("ReportCall", "report-call"),
            ("FraudBaseUrl", "http://fraud"),
            ("FraudConnection", "connection"),
            ("DeadLetterQueueUrl", "dlq"),
        ];
        let mut definition = serde_json::from_str(&text).unwrap();
        error(&mut definition);
        let machine = Machine::load(&definition.to_string(), &substitutions).unwrap();
        let turns = Turnstile::default();
        let clock = VirtualClock::default();
        let ledger = MemoryLedger::new(turns.clone());
        let charges = MemoryCharges::new(turns.clone());
        let content = MemoryEntitlements::new(turns.clone());
        let provider = MemoryProvider::new(turns.clone());
        let queue = MemoryQueue::new(turns.clone());
        let dead_letters = MemoryDeadLetters::default();
        let live_names = LiveExecutions::default();
        let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
        let terms = Terms { price, max_intent_age: 72 * HOUR, style: Style::Hybrid };
        let tasks = Tasks {
            ledger: ledger.clone(),
            charges: charges.clone(),
            decisions: content.clone(),
            clock: clock.clone(),
            terms: terms.clone(),
            attempt_timeout: HOUR,
        };
        let recovery = IntentRecovery {
            ledger: ledger.clone(),
            decisions: content.clone(),
            queue: queue.clone(),
            executions: live_names.clone(),
            dead_letters: dead_letters.clone(),
            clock: clock.clone(),
            chance: Always(0.5),
            limits: Limits {
                max_attempts: MAX_ATTEMPTS,
                stale_after: HOUR,
                resend_after: 6 * HOUR,
                attempt_timeout: HOUR,
                max_delay: Duration::from_mins(15),
            },
            metrics: Metrics { namespace: "test".to_owned(), stage: "test".to_owned() },
        };
        let desk = Desk {
            ledger: ledger.clone(),
            cases: ledger.clone(),
            charges: charges.clone(),
            queue: queue.clone(),
            clock: clock.clone(),
            max_intent_age: terms.max_intent_age,
        };
        let register =
            Register { ledger: ledger.clone(), dead_letters: dead_letters.clone(), clock: clock.clone(), terms };
        let content_access = ContentAccess { entitlements: content.clone(), clock: clock.clone(), term: 720 * HOUR };
        Self {
            payments: Arc::new(Payments { charges: charges.clone(), provider: provider.clone() }),
            content_access: Arc::new(content_access),
            tasks: Arc::new(tasks),
            recovery: Arc::new(recovery),
            register: Arc::new(register),
            desk,
            gate: Gate::new(&turns, &clock),
            clock,
            ledger,
            charges,
            content,
            provider,
            queue,
            turns,
            fraud: Fraud::Passes,
            events: VecDeque::new(),
            machine,
            live: BTreeMap::new(),
            live_names,
            ghosts: Vec::new(),
            started: 0,
            last: BTreeMap::new(),
        }
    }

    /// A customer's request with a key of their own; returns the message and the intent's id.
    pub fn message(&self, customer: &str, key: u8) -> (String, IntentId) {
        let key = format!("00000000-0000-4000-8000-0000000000{key:02x}");
        let id = IntentId::of(&CustomerId::new(customer).unwrap(), &IntentKey::new(&key).unwrap());
        let body = json!({"tier": "premium", "paymentMethod": "pm_cardVisa4242"});
        let now = self.clock.now().0;
        (json!({"customer": customer, "key": key, "body": body, "acceptedAt": now}).to_string(), id)
    }

    /// Puts a request where the topic puts it, and records it.
    pub fn submit(&mut self, customer: &str, key: u8) -> IntentId {
        let (message, id) = self.message(customer, key);
        run(self.register.handle(&message)).unwrap();
        self.queue.push(message);
        id
    }

    /// The Pipe hands the first message to a new execution.
    pub fn hand_over(&mut self) -> Option<String> {
        let message = self.queue.pop()?;
        Some(self.start(&message))
    }

    /// Starts an execution with a message.
    pub fn start(&mut self, message: &str) -> String {
        self.started += 1;
        let arn = format!("arn:aws:states:eu-central-1:000000000000:execution:subscribe:{}", self.started);
        let input = json!([{"messageId": "m", "body": message}]);
        let chance = fastrand::Rng::with_seed(u64::from(self.started));
        let asl = Execution::new(&self.machine, &arn, input.clone(), self.clock.now().0, chance);
        self.live.insert(arn.clone(), Live { asl, call: None, input: input.to_string(), permitted: false });
        self.live_names.0.lock().unwrap().insert(arn.clone());
        arn
    }

    /// The executions that are at work.
    pub fn live(&self) -> Vec<String> {
        self.live.keys().cloned().collect()
    }

    /// The state that an execution is in.
    pub fn state(&self, arn: &str) -> Option<String> {
        self.live.get(arn).map(|live| live.asl.state().to_owned())
    }

    /// Whether an execution waits for an answer of a function.
    pub fn calls(&self, arn: &str) -> bool {
        self.live.get(arn).is_some_and(|live| live.call.is_some())
    }

    /// How many ghosts there are.
    pub fn ghosts(&self) -> usize {
        self.ghosts.len()
    }

    /// One effect of an execution.
    pub fn turn(&mut self, arn: &str) -> Turn {
        let now = self.clock.now().0;
        let mut live = self.live.remove(arn).unwrap();
        let turn = if let Some(mut call) = live.call.take() {
            match one_turn(&mut call) {
                // A call takes time.
                Some(answer) => live.answer(self.clock.now().0, answer),
                None => live.call = Some(call),
            }
            Turn::Went
        } else {
            match live.asl.next(now) {
                Next::Task(task) => {
                    if task.state == "FraudCheck" {
                        assert!(std::mem::take(&mut live.permitted), "{arn} calls the fraud provider without a permit");
                    }
                    let mut call = self.call(&task);
                    // The first poll only brings the handler to its first effect.
                    match one_turn(&mut call) {
                        Some(answer) => live.answer(now, answer),
                        None => live.call = Some(call),
                    }
                    Turn::Went
                }
                Next::Wait(span) => {
                    self.clock.advance(span);
                    Turn::Went
                }
                Next::Succeeded { output } => Turn::Succeeded(output),
                Next::Failed(error) => {
                    for waits in ["permits no call: rate", "permits no call: hold"] {
                        assert!(!error.cause.contains(waits), "{arn} failed where it should have waited: {error}");
                    }
                    self.hear(arn, &live.input, "FAILED", &error);
                    Turn::Failed(error.error)
                }
            }
        };
        if turn == Turn::Went {
            self.live.insert(arn.to_owned(), live);
        } else {
            self.live_names.0.lock().unwrap().remove(arn);
        }
        self.check();
        turn
    }

    /// Runs an execution to its end, alone.
    pub fn finish(&mut self, arn: &str) -> Turn {
        loop {
            match self.turn(arn) {
                Turn::Went => {}
                end => return end,
            }
        }
    }

    /// Runs an execution until the effect of this name has happened `times` times; whether it got there.
    pub fn run_past(&mut self, arn: &str, effect: &str, times: usize) -> bool {
        let before = self.count(effect);
        while self.live.contains_key(arn) {
            if self.count(effect) - before >= times {
                return true;
            }
            self.turn(arn);
        }
        false
    }

    /// Runs an execution until it is about to enter this state.
    pub fn run_until_state(&mut self, arn: &str, state: &str) -> bool {
        while let Some(now) = self.state(arn) {
            if now == state {
                return true;
            }
            self.turn(arn);
        }
        false
    }

    /// How often an effect of this name has happened.
    pub fn count(&self, effect: &str) -> usize {
        self.turns.calls().iter().filter(|call| **call == effect).count()
    }

    /// An execution dies. `heard`: its event arrives; `ghost`: the function that it called lives on.
    pub fn die(&mut self, arn: &str, status: &str, heard: bool, ghost: bool) {
        let Some(live) = self.live.remove(arn) else { return };
        self.live_names.0.lock().unwrap().remove(arn);
        if heard {
            self.hear(arn, &live.input, status, &TaskError::new("States.Timeout", ""));
        }
        if let (true, Some(call)) = (ghost, live.call) {
            self.ghosts.push(call);
        }
    }

    /// The answer of the task at hand is lost: the state machine retries it. `ghost`: the first call lives on.
    pub fn lose_reply(&mut self, arn: &str, ghost: bool) {
        let now = self.clock.now().0;
        let live = self.live.get_mut(arn).unwrap();
        let call = live.call.take().unwrap();
        live.asl.answer(now, Err(TaskError::new("States.Timeout", ""))).unwrap();
        if ghost {
            self.ghosts.push(call);
        }
    }

    /// The next task is called and nobody is there: it times out without any effect.
    pub fn lose_call(&mut self, arn: &str) {
        while !self.calls(arn) {
            self.turn(arn);
        }
        self.lose_reply(arn, false);
    }

    /// The task at hand comes to its end and its answer is lost: the state machine retries it.
    pub fn drop_answer(&mut self, arn: &str) {
        while !self.calls(arn) {
            self.turn(arn);
        }
        let mut call = self.live.get_mut(arn).unwrap().call.take().unwrap();
        while one_turn(&mut call).is_none() {}
        self.check();
        let now = self.clock.now().0;
        let live = self.live.get_mut(arn).unwrap();
        live.asl.answer(now, Err(TaskError::new("States.Timeout", ""))).unwrap();
    }

    /// One effect of a ghost.
    pub fn ghost_turn(&mut self, place: usize) {
        if one_turn(&mut self.ghosts[place]).is_some() {
            drop(self.ghosts.remove(place));
        }
        self.check();
    }

    /// Every ghost comes to its end.
    pub fn lay_ghosts(&mut self) {
        while !self.ghosts.is_empty() {
            self.ghost_turn(0);
        }
    }

    fn hear(&mut self, arn: &str, input: &str, status: &str, error: &TaskError) {
        self.events.push_back(StatusDetail {
            execution_arn: arn.to_owned(),
            status: status.to_owned(),
            input: Some(input.to_owned()),
            error: Some(error.error.clone()),
            cause: Some(error.cause.clone()),
        });
    }

    /// Recovery hears the first event.
    pub fn recover(&mut self) {
        if let Some(event) = self.events.pop_front() {
            if run(self.recovery.execution_ended(&event)).is_err() {
                // SQS delivers again what was not acknowledged.
                self.events.push_back(event);
            }
            self.check();
        }
    }

    /// The sweep runs.
    pub fn sweep(&mut self) -> u32 {
        // A sweep that fails is followed by the next one.
        let touched = run(self.recovery.sweep()).unwrap_or_default();
        self.check();
        touched
    }

    /// Premium from elsewhere, so that unblocking fails for good.
    pub fn hold_entitlement(&self, customer: &str) {
        let (_, other) = self.message("somebody-else", 0xff);
        let now = self.clock.now();
        self.content.give(Entitlement {
            customer: CustomerId::new(customer).unwrap(),
            tier: Tier::Premium,
            intent_id: other,
            since: now,
            until: now.plus(10_000 * HOUR),
        });
    }

    /// An operator decides about the open case of an intent.
    pub fn decide(&mut self, id: &IntentId, action: Action) -> Result<(), String> {
        let case = self.row(id).case_id.unwrap_or_default();
        let decided = run(self.desk.decide(&case, action, "a test", "arn:aws:iam::000000000000:user/op"));
        self.check();
        decided.map(drop).map_err(|problem| format!("{problem:?}"))
    }

    /// The row of an intent.
    pub fn row(&self, id: &IntentId) -> Intent {
        self.ledger.rows().into_iter().find(|row| row.intent_id == *id).unwrap()
    }

    /// The status of an intent.
    pub fn status(&self, id: &IntentId) -> Status {
        self.row(id).status
    }

    /// Faults stop; everything goes on until every intent has an end. Panics where that takes too long.
    pub fn calm_down(&mut self) {
        self.provider.set_down(false);
        self.fraud = Fraud::Passes;
        for _ in 0..60 {
            self.lay_ghosts();
            for arn in self.live() {
                self.finish(&arn);
            }
            while !self.events.is_empty() {
                self.recover();
            }
            // What comes back at once waits for the next round, as a gate that is open needs its time.
            for _ in 0..self.queue.len() {
                let Some(arn) = self.hand_over() else { break };
                self.finish(&arn);
                while !self.events.is_empty() {
                    self.recover();
                }
            }
            if self.ledger.rows().iter().all(|row| row.status.is_terminal() || row.status == Status::Parked) {
                return;
            }
            self.clock.advance(2 * HOUR);
            self.provider.forget_keys();
            self.sweep();
        }
        panic!("no end in bounded time: {:#?}", self.ledger.rows());
    }

    fn call(&self, call: &TaskCall) -> Call {
        if call.resource.ends_with("http:invoke") {
            let (turns, clock, fraud) = (self.turns.clone(), self.clock.clone(), self.fraud);
            return Box::pin(async move {
                turns.pass("fraud.check").await;
                let pass = json!({"StatusCode": 206, "ResponseBody": {"verdict": "pass", "score": 1}});
                match fraud {
                    Fraud::Passes => Ok(pass),
                    Fraud::IsSlow(span) => {
                        clock.advance(span);
                        Ok(pass)
                    }
                    Fraud::Says(status) => Err(TaskError::new(format!("States.Http.StatusCode.{status}"), "")),
                    Fraud::PushesBack => Err(TaskError::new("States.Http.StatusCode.429", "")),
                    Fraud::Refuses => Err(TaskError::new("States.Http.StatusCode.422", "")),
                    Fraud::Rejects => {
                        Ok(json!({"StatusCode": 200, "ResponseBody": {"verdict": "reject", "score": 99}}))
                    }
                    Fraud::RefusesOurKey => Err(TaskError::new("States.Http.StatusCode.401", "")),
                    Fraud::TalksGarbage => Ok(json!({"StatusCode": 200, "ResponseBody": "<html>"})),
                    Fraud::IsDown => Err(TaskError::new("States.Http.StatusCode.503", "")),
                }
            });
        }
        if call.resource.ends_with("sqs:sendMessage") {
            return Box::pin(async { Ok(json!({"MessageId": "m"})) });
        }
        let (function, payload) = lambda_call(&call.arguments).unwrap();
        let payload = payload.clone();
        match function {
            "reserve-call" => self.gate.reserve(payload),
            "report-call" => self.gate.report(payload),
            "subscriptions-task" => {
                let service = self.tasks.clone();
                Box::pin(async move { answer(task::answer(|request| service.handle(request), payload).await) })
            }
            "payments-task" => {
                let service = self.payments.clone();
                Box::pin(async move { answer(task::answer(|request| service.handle(request), payload).await) })
            }
            "content-access-task" => {
                let service = self.content_access.clone();
                Box::pin(async move { answer(task::answer(|request| service.handle(request), payload).await) })
            }
            other => panic!("no such function: {other}"),
        }
    }

    /// The promises, after every single effect.
    fn check(&mut self) {
        let charges = self.charges.rows();
        let decisions = self.content.decisions();
        let locks = self.ledger.locks();
        let cases = self.ledger.all_cases();
        let mut bills: BTreeMap<CustomerId, usize> = BTreeMap::new();
        for row in self.ledger.rows() {
            let id = &row.intent_id;
            let payments = self.provider.payments(id.as_str());
            let captured = payments.iter().filter(|(_, state)| *state == PaymentState::Captured).count();
            *bills.entry(row.customer.clone()).or_default() += captured;
            let granted: Vec<_> = decisions.iter().filter(|(c, d)| c.intent == *id && d.is_granted()).collect();
            let holds_lock = locks.iter().any(|(_, lock)| lock.intent_id == *id);
            assert!(captured <= 1, "{id}: two captured charges");
            for (charge, _) in &granted {
                let paid = charges.iter().find(|c| c.charge == *charge).unwrap();
                let state = payments.iter().find(|(p, _)| Some(p) == paid.payment_id.as_ref()).unwrap().1;
                assert_eq!(state, PaymentState::Captured, "{id}: premium without payment");
                assert_eq!(paid.state, ChargeState::Captured, "{id}: a refund began after the grant");
            }
            for charge in charges.iter().filter(|c| c.charge.intent == *id) {
                let state = payments.iter().find(|(p, _)| Some(p) == charge.payment_id.as_ref()).map(|(_, s)| *s);
                let chargeable =
                    matches!(state, Some(PaymentState::Unconfirmed | PaymentState::Declined | PaymentState::Captured));
                assert!(!chargeable || holds_lock, "{id}: chargeable without the lock, {}", row.status.as_str());
            }
            match row.status {
                Status::Declined | Status::Refunded => {
                    assert_eq!(captured, 0, "{id}: ended without premium, and charged");
                    assert!(granted.is_empty(), "{id}: ended without premium, and entitled");
                    assert!(!holds_lock, "{id}: ended, and holds the lock");
                }
                Status::Active => assert!(captured == 1 && granted.len() == 1, "{id}: active without both"),
                Status::Parked => {
                    assert!(granted.is_empty(), "{id}: parked after the pivot");
                    let open = cases.iter().any(|c| Some(&c.id) == row.case_id.as_ref() && c.is_open());
                    assert!(open, "{id}: parked without a case");
                }
                Status::Accepted | Status::Processing | Status::Compensating | Status::Retrying => {}
            }
            let before = self.last.insert(id.clone(), row.status);
            assert!(!before.is_some_and(|s| s.is_terminal() && s != row.status), "{id}: left a terminal status");
        }
        assert!(self.count("fraud.check") <= self.gate.granted(), "more calls than permits");
        for (customer, count) in bills {
            assert!(count <= 1, "{customer} is charged twice for one tier");
        }
    }
}

/// What Step Functions makes of a handler's answer.
pub fn answer<T: Serialize>(result: Result<T, HandlerError>) -> Result<Value, TaskError> {
    match result {
        Ok(payload) => Ok(lambda_answer(serde_json::to_value(payload).unwrap())),
        Err(error) => Err(lambda_error(error.name(), &error.to_string())),
    }
}
