//! The choreography's whole world on one thread. A delivery is one event for one service, or one intent's message; a
//! test moves each by hand, one effect at a time, and kills what it wants where it wants.

use content_access::choreography::Choreography as ContentAccess;
use customer_relations::events::CustomerRelations;
use domain::cases::Action;
use domain::charges::ChargeState;
use domain::choreography::fraud::VerdictRow;
use domain::choreography::payment_proxy::{ProviderCharge, ProviderState};
use domain::decisions::Entitlement;
use domain::events::{Event, Service};
use domain::intent::{CustomerId, IntentId, IntentKey, Tier};
use domain::ledger::{Execution, Intent, Status, Style, Terms};
use domain::money::{Currency, Money};
use domain::payment_provider::PaymentState;
use domain::services::{Executions, Ran, ServiceError};
use domain::time::Clock;
use lambda::events::HearError;
use lambda::telemetry::Metrics;
use payments::choreography::Choreography as Payments;
use resilience::ops::Desk;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use subscriptions::choreography::Choreography as Subscriptions;
use subscriptions::recovery::{IntentRecovery, Limits};
use subscriptions::register::Register;
use testing::bus::MemoryBus;
use testing::clock::{Always, VirtualClock};
use testing::content::MemoryEntitlements;
use testing::fraud::MemoryFraud;
use testing::ledger::MemoryLedger;
use testing::payments::{MemoryCharges, MemoryRows};
use testing::provider::MemoryProvider;
use testing::queue::{MemoryConductor, MemoryDeadLetters, MemoryQueue};
use testing::relations::{MemoryLoyalty, MemoryNewsletter, MemoryRelations};
use testing::turn::{Task, Turnstile, one_turn, run};
use third_party::fraud_proxy::FraudProxy;
use third_party::loyalty_proxy::LoyaltyProxy;
use third_party::payment_proxy::PaymentProxy;

pub const HOUR: Duration = Duration::from_hours(1);
/// After so many failures a queue gives a message to its dead-letter queue.
const RECEIVES: u32 = 4;

type SubscriptionsService = Subscriptions<MemoryLedger, MemoryLedger, VirtualClock, MemoryConductor, MemoryDeadLetters>;
type RelationsService = CustomerRelations<MemoryRelations, MemoryNewsletter, MemoryNewsletter, VirtualClock>;
type RecoveryService = IntentRecovery<
    MemoryLedger,
    MemoryEntitlements,
    MemoryQueue,
    NoExecutions,
    MemoryDeadLetters,
    VirtualClock,
    Always,
>;

/// In a choreography there is none.
#[derive(Clone)]
pub struct NoExecutions;

impl Executions for NoExecutions {
    async fn ran(&self, _execution: &Execution) -> Result<Ran, ServiceError> {
        Ok(Ran::Over)
    }
}

/// What is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// From a queue behind the bus.
    Event(Service, Box<Event>),
    /// From the Pipe.
    Intent(String),
}

impl Letter {
    /// Whether it is about what comes with premium, which nothing but itself tells.
    pub fn is_relations(&self) -> bool {
        let names = [
            "SubscriptionActivated",
            "CustomerStatusUpdated",
            "LoyaltyEnrolled",
            "LoyaltyEnrolmentFailed",
            "NewsletterFailed",
            "CustomerRelationsCompleted",
            "CustomerRelationsPartial",
        ];
        names.contains(&self.name())
    }

    /// The event's name, or `intent`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Event(_, event) => event.happened.name(),
            Self::Intent(_) => "intent",
        }
    }
}

struct Delivery {
    letter: Letter,
    task: Option<Task<Result<(), HearError>>>,
    receives: u32,
}

pub struct World {
    pub clock: VirtualClock,
    pub turns: Turnstile,
    pub ledger: MemoryLedger,
    pub charges: MemoryCharges,
    pub verdicts: MemoryRows<VerdictRow>,
    pub provider_charges: MemoryRows<ProviderCharge>,
    pub content: MemoryEntitlements,
    pub provider: MemoryProvider,
    pub fraud: MemoryFraud,
    pub loyalty: MemoryLoyalty,
    pub newsletter: MemoryNewsletter,
    pub queue: MemoryQueue,
    pub conductor: MemoryConductor,
    /// What the queues gave up, until somebody redrives it.
    pub dead: Vec<Letter>,
    /// Every event that was told, in its order.
    pub told: Vec<Event>,
    bus: MemoryBus,
    deliveries: Vec<Delivery>,
    ghosts: Vec<Task<Result<(), HearError>>>,
    subscriptions: Arc<SubscriptionsService>,
    payments: Arc<Payments<MemoryCharges, VirtualClock>>,
    content_access: Arc<ContentAccess<MemoryEntitlements, VirtualClock>>,
    fraud_proxy: Arc<FraudProxy<MemoryRows<VerdictRow>, MemoryFraud, VirtualClock>>,
    payment_proxy: Arc<PaymentProxy<MemoryRows<ProviderCharge>, MemoryProvider, VirtualClock>>,
    customer_relations: Arc<RelationsService>,
    loyalty_proxy: Arc<LoyaltyProxy<MemoryRelations, MemoryLoyalty, VirtualClock>>,
    register: Register<MemoryLedger, MemoryDeadLetters, VirtualClock>,
    recovery: RecoveryService,
    desk: Desk<MemoryLedger, MemoryLedger, MemoryCharges, MemoryQueue, VirtualClock>,
    last: BTreeMap<IntentId, Status>,
}

/// The terms of a subscription, and how long the world waits.
fn rules() -> (Terms, Limits) {
    let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
    let terms = Terms { price, max_intent_age: 72 * HOUR, style: Style::Choreography };
    let limits = Limits {
        max_attempts: 3,
        stale_after: HOUR,
        resend_after: 6 * HOUR,
        attempt_timeout: HOUR,
        max_delay: Duration::from_mins(15),
    };
    (terms, limits)
}

impl World {
    pub fn new() -> Self {
        let (turns, clock, bus) = (Turnstile::default(), VirtualClock::default(), MemoryBus::default());
        let ledger = MemoryLedger::new(turns.clone()).on(bus.clone());
        let charges = MemoryCharges::new(turns.clone()).on(bus.clone());
        let verdicts = MemoryRows::new(turns.clone()).on(bus.clone());
        let provider_charges = MemoryRows::new(turns.clone()).on(bus.clone());
        let content = MemoryEntitlements::new(turns.clone()).on(bus.clone());
        let provider = MemoryProvider::new(turns.clone());
        let fraud = MemoryFraud::new(turns.clone());
        let relations = MemoryRelations::new(turns.clone(), bus.clone());
        let loyalty = MemoryLoyalty::new(turns.clone());
        let newsletter = MemoryNewsletter::new(turns.clone());
        let queue = MemoryQueue::new(turns.clone());
        let dead_letters = MemoryDeadLetters::default();
        let conductor = MemoryConductor::default();
        let (terms, limits) = rules();
        Self {
            subscriptions: Arc::new(Subscriptions {
                ledger: ledger.clone(),
                cases: ledger.clone(),
                clock: clock.clone(),
                terms: terms.clone(),
                attempt_timeout: HOUR,
                conductor: conductor.clone(),
                dead_letters: dead_letters.clone(),
            }),
            payments: Arc::new(Payments { charges: charges.clone(), clock: clock.clone() }),
            content_access: Arc::new(ContentAccess {
                entitlements: content.clone(),
                clock: clock.clone(),
                term: 720 * HOUR,
            }),
            fraud_proxy: Arc::new(FraudProxy {
                verdicts: verdicts.clone(),
                provider: fraud.clone(),
                clock: clock.clone(),
            }),
            payment_proxy: Arc::new(PaymentProxy {
                charges: provider_charges.clone(),
                provider: provider.clone(),
                clock: clock.clone(),
            }),
            customer_relations: Arc::new(CustomerRelations {
                rows: relations.clone(),
                addresses: newsletter.clone(),
                newsletter: newsletter.clone(),
                clock: clock.clone(),
            }),
            loyalty_proxy: Arc::new(LoyaltyProxy {
                records: relations.clone(),
                programme: loyalty.clone(),
                clock: clock.clone(),
            }),
            desk: Desk {
                cases: ledger.clone(),
                ledger: ledger.clone(),
                charges: charges.clone(),
                queue: queue.clone(),
                clock: clock.clone(),
                max_intent_age: terms.max_intent_age,
            },
            register: Register {
                ledger: ledger.clone(),
                dead_letters: dead_letters.clone(),
                clock: clock.clone(),
                terms,
            },
            recovery: IntentRecovery {
                ledger: ledger.clone(),
                decisions: content.clone(),
                queue: queue.clone(),
                executions: NoExecutions,
                dead_letters,
                clock: clock.clone(),
                chance: Always(0.5),
                limits,
                metrics: Metrics { namespace: "test".to_owned(), stage: "test".to_owned() },
            },
            clock,
            turns,
            ledger,
            charges,
            verdicts,
            provider_charges,
            content,
            provider,
            fraud,
            loyalty,
            newsletter,
            queue,
            conductor,
            dead: Vec::new(),
            told: Vec::new(),
            bus,
            deliveries: Vec::new(),
            ghosts: Vec::new(),
            last: BTreeMap::new(),
        }
    }

    /// A customer's request with a key of their own; returns the message and the intent's id.
    pub fn message(&self, customer: &str, key: u8) -> (String, IntentId) {
        let newsletter = key.is_multiple_of(2);
        let key = format!("00000000-0000-4000-8000-0000000000{key:02x}");
        let id = IntentId::of(&CustomerId::new(customer).unwrap(), &IntentKey::new(&key).unwrap());
        let body = json!({"tier": "premium", "paymentMethod": "pm_cardVisa4242", "newsletter": newsletter});
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

    /// The same with an intent that began in this style.
    pub fn submit_in(&mut self, style: Style, customer: &str, key: u8) -> IntentId {
        let own = std::mem::replace(&mut self.register.terms.style, style);
        let id = self.submit(customer, key);
        self.register.terms.style = own;
        id
    }

    /// The Pipe hands the first message over.
    pub fn hand_over(&mut self) -> bool {
        let Some(message) = self.queue.pop() else { return false };
        self.deliver(Letter::Intent(message));
        true
    }

    /// A letter is on its way.
    pub fn deliver(&mut self, letter: Letter) {
        self.deliveries.push(Delivery { letter, task: None, receives: 0 });
    }

    /// An event is on its way to everybody who hears it.
    pub fn tell(&mut self, event: &Event) {
        for service in event.happened.heard_by() {
            self.deliver(Letter::Event(*service, Box::new(event.clone())));
        }
    }

    /// How many letters are on their way.
    pub fn under_way(&self) -> usize {
        self.deliveries.len()
    }

    /// The names of the letters that are on their way.
    pub fn names(&self) -> Vec<&'static str> {
        self.deliveries.iter().map(|delivery| delivery.letter.name()).collect()
    }

    /// How many ghosts there are.
    pub fn ghosts(&self) -> usize {
        self.ghosts.len()
    }

    fn begin(&self, letter: &Letter) -> Task<Result<(), HearError>> {
        let (service, event) = match letter {
            Letter::Intent(text) => {
                let (subscriptions, text) = (self.subscriptions.clone(), text.clone());
                return Box::pin(async move { subscriptions.handle(&text).await });
            }
            Letter::Event(service, event) => (*service, event.clone()),
        };
        match service {
            Service::Subscriptions => {
                let service = self.subscriptions.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::Payments => {
                let service = self.payments.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::ContentAccess => {
                let service = self.content_access.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::FraudProxy => {
                let service = self.fraud_proxy.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::PaymentProxy => {
                let service = self.payment_proxy.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::CustomerRelations => {
                let service = self.customer_relations.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::LoyaltyProxy => {
                let service = self.loyalty_proxy.clone();
                Box::pin(async move { service.hear(&event).await })
            }
            Service::Newsletter => panic!("it hears no events"),
        }
    }

    /// One effect of a delivery.
    pub fn turn(&mut self, place: usize) {
        let mut delivery = self.deliveries.swap_remove(place);
        let mut task = delivery.task.take().unwrap_or_else(|| self.begin(&delivery.letter));
        match one_turn(&mut task) {
            None => {
                delivery.task = Some(task);
                self.deliveries.push(delivery);
            }
            Some(Ok(())) => {}
            Some(Err(_)) => {
                delivery.receives += 1;
                if delivery.receives < RECEIVES || matches!(delivery.letter, Letter::Intent(_)) {
                    self.deliveries.push(delivery);
                } else {
                    self.dead.push(delivery.letter);
                }
            }
        }
        self.settle_down();
    }

    /// Turns one letter's delivery until this effect has happened once more.
    pub fn turn_until(&mut self, letter: &Letter, effect: &str) {
        let before = self.count(effect);
        while self.count(effect) == before {
            let place = self.deliveries.iter().position(|delivery| delivery.letter == *letter);
            self.turn(place.unwrap_or_else(|| panic!("{} ended before {effect}", letter.name())));
        }
    }

    /// What was told is on its way, and the promises hold.
    fn settle_down(&mut self) {
        for event in self.bus.take() {
            self.tell(&event);
            self.told.push(event);
        }
        self.check();
    }

    /// A consumer dies at this effect, and its message comes again. `lives`: only the message becomes visible too early,
    /// and both go on.
    pub fn die(&mut self, place: usize, lives: bool) {
        if let (Some(task), true) = (self.deliveries[place].task.take(), lives) {
            self.ghosts.push(task);
        }
    }

    /// A letter comes twice.
    pub fn double(&mut self, place: usize) {
        let letter = self.deliveries[place].letter.clone();
        self.deliver(letter);
    }

    /// A letter is lost.
    pub fn lose(&mut self, place: usize) -> Letter {
        self.deliveries.swap_remove(place).letter
    }

    /// One effect of a ghost.
    pub fn ghost_turn(&mut self, place: usize) {
        if one_turn(&mut self.ghosts[place]).is_some() {
            drop(self.ghosts.swap_remove(place));
        }
        self.settle_down();
    }

    /// Delivers one letter of this name to its end, alone; whether there was one.
    pub fn finish(&mut self, name: &str) -> bool {
        let Some(place) = self.deliveries.iter().position(|delivery| delivery.letter.name() == name) else {
            return false;
        };
        let delivery = self.deliveries.swap_remove(place);
        let mut task = delivery.task.unwrap_or_else(|| self.begin(&delivery.letter));
        loop {
            match one_turn(&mut task) {
                None => self.settle_down(),
                Some(result) => {
                    self.settle_down();
                    result.unwrap();
                    return true;
                }
            }
        }
    }

    /// The sweep runs.
    pub fn sweep(&mut self) {
        // A sweep that fails is followed by the next one.
        drop(run(self.recovery.sweep()));
        self.settle_down();
    }

    /// Everything that is on its way arrives.
    pub fn run_dry(&mut self) {
        while !self.ghosts.is_empty() {
            self.ghost_turn(0);
        }
        while self.hand_over() {}
        while !self.deliveries.is_empty() {
            self.turn(0);
        }
    }

    /// Faults stop; everything goes on until every intent has an end. Panics where that takes too long. `redriven`: what
    /// the queues gave up comes again.
    pub fn calm_down(&mut self, redriven: bool) {
        self.provider.set_down(false);
        self.fraud.set_down(false);
        self.loyalty.set_down(false);
        for _ in 0..60 {
            // What comes with premium has no attempts that would tell it again: somebody redrives its queues in any case.
            let (again, dead): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.dead).into_iter().partition(|letter| redriven || letter.is_relations());
            self.dead = dead;
            for letter in again {
                self.deliver(letter);
            }
            self.run_dry();
            if self.dead.iter().any(Letter::is_relations) {
                self.clock.advance(HOUR);
                continue;
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
        self.settle_down();
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

    /// Whether an intent holds its tier's lock.
    pub fn holds_lock(&self, id: &IntentId) -> bool {
        self.ledger.locks().iter().any(|(_, lock)| lock.intent_id == *id)
    }

    /// How often an effect of this name has happened.
    pub fn count(&self, effect: &str) -> usize {
        self.turns.calls().iter().filter(|call| **call == effect).count()
    }

    /// How often an event of this name was told.
    pub fn times_told(&self, name: &str) -> usize {
        self.told.iter().filter(|event| event.happened.name() == name).count()
    }

    /// The promises, after every single effect.
    fn check(&mut self) {
        let charges = self.charges.rows();
        let at_provider = self.provider_charges.rows();
        let decisions = self.content.decisions();
        let cases = self.ledger.all_cases();
        let mut bills: BTreeMap<CustomerId, usize> = BTreeMap::new();
        for row in self.ledger.rows() {
            let id = &row.intent_id;
            let payments = self.provider.payments(id.as_str());
            let captured = payments.iter().filter(|(_, state)| *state == PaymentState::Captured).count();
            *bills.entry(row.customer.clone()).or_default() += captured;
            let granted: Vec<_> = decisions.iter().filter(|(c, d)| c.intent == *id && d.is_granted()).collect();
            let holds_lock = self.holds_lock(id);
            assert!(captured <= 1, "{id}: two captured charges");
            for (charge, _) in &granted {
                assert_eq!(captured, 1, "{id}: premium without payment");
                let state = charges.iter().find(|c| c.charge == *charge).unwrap().state;
                assert_eq!(state, ChargeState::Captured, "{id}: payments began a refund after the grant");
                let state = &at_provider.iter().find(|c| c.charge == *charge).unwrap().state;
                let kept = matches!(state, ProviderState::Captured { .. });
                assert!(kept, "{id}: payment-proxy began a refund after the grant: {state:?}");
            }
            for charge in at_provider.iter().filter(|c| c.charge.intent == *id) {
                let (ProviderState::Open { payment_id }
                | ProviderState::Captured { payment_id }
                | ProviderState::Refunding { payment_id }) = &charge.state
                else {
                    continue;
                };
                let state = payments.iter().find(|(p, _)| p == payment_id).map(|(_, state)| *state);
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
                    assert!(granted.is_empty() || holds_lock, "{id}: parked and settled after the pivot");
                    let open = cases.iter().any(|c| Some(&c.id) == row.case_id.as_ref() && c.is_open());
                    assert!(open, "{id}: parked without a case");
                }
                Status::Processing | Status::Compensating => assert!(holds_lock, "{id}: in flight without the lock"),
                Status::Accepted | Status::Retrying => {}
            }
            let before = self.last.insert(id.clone(), row.status);
            assert!(!before.is_some_and(|s| s.is_terminal() && s != row.status), "{id}: left a terminal status");
        }
        for (customer, count) in bills {
            assert!(count <= 1, "{customer} is charged twice for one tier");
        }
    }
}
