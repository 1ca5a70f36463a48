//! Customer relations in memory: rows, idempotency records, the loyalty programme, addresses and the newsletter's queue.

use crate::bus::MemoryBus;
use crate::turn::{Turnstile, lock};
use domain::events::{Event, EventId, Matter, Outbox};
use domain::idempotency::{Record, Records};
use domain::intent::{CustomerId, IntentId};
use domain::loyalty::{Enrolment, EnrolmentError, LoyaltyProgramme, MemberId};
use domain::relations::{Addresses, EmailAddress, NewsletterQueue, NewsletterRequest, Relations, RelationsRows};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError, Versioned};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "relations", reason: format!("{call} was tripped") }
}

/// Customer relations' table, and the records of consumers beside it.
#[derive(Debug, Clone, Default)]
pub struct MemoryRelations {
    rows: Arc<Mutex<BTreeMap<IntentId, Versioned<Relations>>>>,
    records: Arc<Mutex<BTreeMap<EventId, Versioned<Record>>>>,
    turns: Turnstile,
    bus: MemoryBus,
}

impl MemoryRelations {
    /// A table whose calls pass this turnstile, and whose outbox is this bus.
    pub fn new(turns: Turnstile, bus: MemoryBus) -> Self {
        Self { turns, bus, ..Self::default() }
    }

    /// Every row, for checking invariants; takes no turn.
    pub fn rows(&self) -> Vec<Relations> {
        lock(&self.rows).values().map(|v| v.value.clone()).collect()
    }
}

impl Outbox for MemoryRelations {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        self.turns.try_pass("relations.tell", no_answer, || self.bus.tell(events)).await
    }
}

impl RelationsRows for MemoryRelations {
    async fn relations(&self, matter: &Matter) -> Result<Option<Versioned<Relations>>, StoreError> {
        let read = || lock(&self.rows).get(matter.intent()).cloned();
        self.turns.try_pass("relations.relations", no_answer, read).await
    }

    async fn put(&self, row: Relations, based_on: Option<u64>, tell: &[Event]) -> Result<Commit, StoreError> {
        let write = || {
            let mut rows = lock(&self.rows);
            let place = row.matter.intent().clone();
            if rows.get(&place).map(|v| v.revision) != based_on {
                return Commit::Conflict;
            }
            rows.insert(place, Versioned { value: row, revision: based_on.unwrap_or(0) + 1 });
            self.bus.tell(tell);
            Commit::Done
        };
        self.turns.try_pass("relations.put", no_answer, write).await
    }
}

impl Records for MemoryRelations {
    async fn record(&self, event: &EventId) -> Result<Option<Versioned<Record>>, StoreError> {
        self.turns.try_pass("records.record", no_answer, || lock(&self.records).get(event).cloned()).await
    }

    async fn put(
        &self,
        event: &EventId,
        record: Record,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> Result<Commit, StoreError> {
        let write = || {
            let mut records = lock(&self.records);
            if records.get(event).map(|v| v.revision) != based_on {
                return Commit::Conflict;
            }
            records.insert(event.clone(), Versioned { value: record, revision: based_on.unwrap_or(0) + 1 });
            self.bus.tell(tell);
            Commit::Done
        };
        self.turns.try_pass("records.put", no_answer, write).await
    }
}

#[derive(Debug, Default)]
struct Programme {
    down: bool,
    refuses_next: VecDeque<bool>,
    members: BTreeSet<CustomerId>,
}

/// A loyalty programme in memory; it takes everybody unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct MemoryLoyalty {
    state: Arc<Mutex<Programme>>,
    turns: Turnstile,
}

impl MemoryLoyalty {
    /// A programme whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Goes down or comes up.
    pub fn set_down(&self, down: bool) {
        lock(&self.state).down = down;
    }

    /// Says of one of the next calls whether it is refused for good.
    pub fn next(&self, refuses: bool) {
        lock(&self.state).refuses_next.push_back(refuses);
    }

    /// Whether a customer is a member.
    pub fn has(&self, customer: &CustomerId) -> bool {
        lock(&self.state).members.contains(customer)
    }
}

impl LoyaltyProgramme for MemoryLoyalty {
    async fn enrol(&self, enrolment: &Enrolment) -> Result<MemberId, EnrolmentError> {
        self.turns.pass("loyalty.enrol").await;
        let mut state = lock(&self.state);
        if state.down {
            return Err(EnrolmentError::Unknown { reason: "down".to_owned() });
        }
        if !state.members.contains(&enrolment.customer) && state.refuses_next.pop_front().unwrap_or(false) {
            return Err(EnrolmentError::Rejected { code: "not-eligible".to_owned() });
        }
        state.members.insert(enrolment.customer.clone());
        Ok(MemberId(format!("m_{}", enrolment.customer)))
    }
}

/// A user pool in which everybody has an address, and a queue that only notes what it is handed.
#[derive(Debug, Clone, Default)]
pub struct MemoryNewsletter {
    requests: Arc<Mutex<Vec<NewsletterRequest>>>,
    turns: Turnstile,
}

impl MemoryNewsletter {
    /// A queue whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// What was handed over.
    pub fn requests(&self) -> Vec<NewsletterRequest> {
        lock(&self.requests).clone()
    }
}

impl Addresses for MemoryNewsletter {
    async fn address(&self, customer: &CustomerId) -> Result<Option<EmailAddress>, ServiceError> {
        Ok(EmailAddress::new(format!("{customer}@example.org")).ok())
    }
}

impl NewsletterQueue for MemoryNewsletter {
    async fn request(&self, request: &NewsletterRequest) -> Result<(), ServiceError> {
        let no_answer = |call| ServiceError { service: "queue", reason: format!("{call} was tripped") };
        let note = || lock(&self.requests).push(request.clone());
        self.turns.try_pass("newsletter.request", no_answer, note).await
    }
}
