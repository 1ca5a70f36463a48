//! What may become of an intent: pure functions from a row (and the tier's lock) to what is written.
//!
//! The rules that every one of them keeps: only the owner writes an owned row; a terminal row is never left; the lock
//! is freed only once the charge is settled; recovery judges no money.

use super::store::{CaseChange, Change, LockChange};
use super::{ALREADY_SUBSCRIBED, Execution, Intent, Out, Status, Terms, TierLock};
use crate::cases::{Action, AuditLine, Case, CaseKind};
use crate::charges::Settled;
use crate::events::{Activated, Ended, Event, Happened, Matter, Parked};
use crate::intent::IntentMessage;
use crate::store::Versioned;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an intent that was given up may try to settle before a person is asked.
pub const SETTLING_EXTENSION: Duration = Duration::from_hours(24);

/// A row and its revision.
pub type Row = Versioned<Intent>;
/// The tier's lock and its revision, if there is one.
pub type Lock = Option<Versioned<TierLock>>;

pub(crate) fn change(row: &Row, intent: Intent) -> Change {
    Change { intent, based_on: Some(row.revision), lock: LockChange::Keep, case: None, events: Vec::new() }
}

pub(crate) fn free_if_held(lock: &Lock, intent: &Intent) -> LockChange {
    match lock {
        Some(held) if held.value.intent_id == intent.intent_id => LockChange::Free { based_on: held.revision },
        _ => LockChange::Keep,
    }
}

/// A first message of an intent: `accepted`. `None`: it is recorded already, whatever this message says.
pub fn register(row: Option<&Row>, message: &IntentMessage, terms: &Terms, now: Timestamp) -> Option<Change> {
    row.is_none().then(|| Change {
        intent: Intent::accepted(message, terms, now),
        based_on: None,
        lock: LockChange::Keep,
        case: None,
        events: Vec::new(),
    })
}

/// What an execution that holds a message may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Write this; then the intent is ours.
    Take(Box<Change>),
    /// Write this; then the intent is declined, because the tier is another intent's.
    Decline(Box<Change>),
    /// It is ours already: our earlier call had committed.
    Mine(Box<Intent>),
    /// Another execution works on it.
    Busy,
    /// It has ended or waits for a person; this message is a duplicate.
    Ended(Box<Intent>),
}

/// Claims an intent for an execution. `begun`: a charge with this number exists and is not settled.
pub fn claim(
    row: Option<&Row>,
    lock: &Lock,
    message: &IntentMessage,
    me: &Execution,
    begun: bool,
    terms: &Terms,
    now: Timestamp,
) -> Claim {
    // The row decides, also over the message's body: two requests with one key may differ.
    let before = row.map_or_else(|| Intent::accepted(message, terms, now), |r| r.value.clone());
    if before.is_mine(me) {
        return Claim::Mine(Box::new(before));
    }
    if before.status.is_owned() {
        return Claim::Busy;
    }
    if !matches!(before.status, Status::Accepted | Status::Retrying) {
        return Claim::Ended(Box::new(before));
    }
    let based_on = row.map(|r| r.revision);
    let free = TierLock::is_free_for(lock.as_ref().map(|l| &l.value), &before.intent_id, now);
    if !free && !begun {
        let intent = Intent {
            status: Status::Declined,
            reason: Some(ALREADY_SUBSCRIBED.to_owned()),
            out: None,
            ended_by: Some(me.clone()),
            updated_at: now,
            ..before
        };
        let events = vec![outcome(&intent, now)];
        return Claim::Decline(Box::new(Change { intent, based_on, lock: LockChange::Keep, case: None, events }));
    }
    let out = if free { before.out } else { before.out.or(Some(Out::Declined)) };
    let lock = if free {
        let held = TierLock { intent_id: before.intent_id.clone(), until: None };
        LockChange::Put { lock: held, based_on: lock.as_ref().map(|l| l.revision) }
    } else {
        LockChange::Keep
    };
    let intent = Intent {
        status: if out.is_some() { Status::Compensating } else { Status::Processing },
        out,
        owner: Some(me.clone()),
        taken_from: None,
        updated_at: now,
        ..before
    };
    Claim::Take(Box::new(Change { intent, based_on, lock, case: None, events: Vec::new() }))
}

/// What an owner's step writes, or why it writes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write this.
    Write(Box<Change>),
    /// This owner had written it already; the row says how it ended.
    Done(Status),
    /// The intent is no longer ours: end quietly.
    Lost,
}

fn not_mine(row: &Row, me: &Execution) -> Step {
    if row.value.ended_by.as_ref() == Some(me) { Step::Done(row.value.status) } else { Step::Lost }
}

/// The end of the way forward. The caller has read the decision `granted`, which lasts until `until`.
pub fn activate(row: &Row, lock: &Lock, me: &Execution, until: Timestamp, now: Timestamp) -> Step {
    if !row.value.is_mine(me) {
        return not_mine(row, me);
    }
    let mut write = change(row, end(&row.value, Status::Active, me, now));
    write.events.push(activated(&write.intent, until, now));
    if let Some(held) = lock.as_ref().filter(|l| l.value.intent_id == row.value.intent_id) {
        // A lock that outlived the entitlement would refuse the customer's next subscription.
        let lock = TierLock { until: Some(until), ..held.value.clone() };
        write.lock = LockChange::Put { lock, based_on: Some(held.revision) };
    }
    Step::Write(Box::new(write))
}

/// The first step of settling: the row says so before any money moves back.
pub fn begin_settling(row: &Row, me: &Execution, settle_as: Out, reason: &str, now: Timestamp) -> Step {
    if !row.value.is_mine(me) {
        return not_mine(row, me);
    }
    let intent = Intent {
        status: Status::Compensating,
        out: Some(row.value.out.unwrap_or(settle_as)),
        reason: row.value.reason.clone().or_else(|| Some(reason.to_owned())),
        updated_at: now,
        ..row.value.clone()
    };
    Step::Write(Box::new(change(row, intent)))
}

/// The last step of settling; the caller has payments' answer that the charge is settled.
pub fn finish_settling(row: &Row, lock: &Lock, me: &Execution, settled: Settled, now: Timestamp) -> Step {
    if !(row.value.is_mine(me) && row.value.status == Status::Compensating) {
        return not_mine(row, me);
    }
    let parks = row.value.out == Some(Out::Parked);
    let status = if parks { Status::Parked } else { Status::from(settled) };
    let mut intent = end(&row.value, status, me, now);
    let mut case = None;
    if parks {
        let why = format!("given up after {} attempts; the charge is {}", intent.attempt, settled.as_str());
        case = Some(open_case(&mut intent, CaseKind::GaveUp, why, now));
    }
    let (lock, events) = (free_if_held(lock, &intent), vec![outcome(&intent, now)]);
    Step::Write(Box::new(Change { lock, case, events, ..change(row, intent) }))
}

/// Settling failed for good: a person decides. The lock stays, as money may be held.
pub fn park(row: &Row, me: &Execution, why: &str, now: Timestamp) -> Step {
    if !(row.value.is_mine(me) && row.value.status == Status::Compensating) {
        return not_mine(row, me);
    }
    let mut intent = end(&row.value, Status::Parked, me, now);
    let case = Some(open_case(&mut intent, CaseKind::RefundFailed, why.to_owned(), now));
    let events = vec![outcome(&intent, now)];
    Step::Write(Box::new(Change { case, events, ..change(row, intent) }))
}

fn end(before: &Intent, status: Status, me: &Execution, now: Timestamp) -> Intent {
    Intent { status, out: None, owner: None, ended_by: Some(me.clone()), updated_at: now, ..before.clone() }
}

/// What others are told of a customer who is premium now.
pub(crate) fn activated(intent: &Intent, until: Timestamp, now: Timestamp) -> Event {
    let (matter, key, newsletter) = (Matter::of(intent), intent.key.clone(), intent.body.newsletter);
    Happened::SubscriptionActivated(Activated { matter, key, until, newsletter }).at(now)
}

/// What others are told of an intent that ended without premium, or is parked.
pub(crate) fn outcome(intent: &Intent, now: Timestamp) -> Event {
    let (matter, key) = (Matter::of(intent), intent.key.clone());
    let happened = match (intent.status, &intent.case_id) {
        (Status::Parked, Some(case)) => Happened::SubscriptionParked(Parked { matter, key, case_id: case.clone() }),
        (Status::Refunded, _) => Happened::SubscriptionRefunded(Ended { matter, key, reason: intent.reason.clone() }),
        _ => Happened::SubscriptionRejected(Ended { matter, key, reason: intent.reason.clone() }),
    };
    happened.at(now)
}

pub(crate) fn open_case(intent: &mut Intent, kind: CaseKind, why: String, now: Timestamp) -> CaseChange {
    let case = case_about(intent, kind, why, now);
    intent.case_id = Some(case.id.clone());
    CaseChange::Open(case)
}

/// A new case about an intent, with what the ledger knows as evidence.
pub fn case_about(intent: &Intent, kind: CaseKind, why: String, now: Timestamp) -> Case {
    let mut evidence = BTreeMap::from([
        ("charge".to_owned(), intent.charge().to_string()),
        ("attempt".to_owned(), intent.attempt.to_string()),
        ("faults".to_owned(), intent.faults.to_string()),
    ]);
    if let Some(reason) = &intent.reason {
        evidence.insert("reason".to_owned(), reason.clone());
    }
    Case {
        id: format!("{}-{}-{}", intent.intent_id, intent.n, intent.attempt),
        intent_id: intent.intent_id.clone(),
        customer: intent.customer.clone(),
        key: intent.key.clone(),
        kind,
        why,
        evidence,
        opened_at: now,
        resolution: None,
        audit: Vec::new(),
    }
}

/// Whose fault a failed attempt was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A dependency's: it burns no attempt, however long it lasts.
    Dependency,
    /// Ours.
    Ours,
}

/// What recovery does about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// Write this, then send the intent's message.
    Retry(Box<Change>),
    /// It was taken back already, by a call that may have died before it sent the message. A second message is
    /// harmless, a missing one waits for the sweep.
    SendAgain,
    /// The second limit: decide `refused` first, then ask [`give_up`].
    Refuse,
    /// Nothing to recover here.
    Leave,
}

/// After the end of an execution, and for a row that grew too old without an owner.
/// `dead`: the owner that ended; `None` asks only about rows without an owner.
pub fn recover(row: &Row, dead: Option<&Execution>, fault: Fault, max_attempts: u32, now: Timestamp) -> Recovery {
    let before = &row.value;
    let ours = match dead {
        Some(owner) => before.is_mine(owner),
        None => matches!(before.status, Status::Accepted | Status::Retrying) && before.owner.is_none(),
    };
    if !ours {
        let taken_back = before.status == Status::Retrying && dead.is_some() && before.taken_from.as_ref() == dead;
        return if taken_back { Recovery::SendAgain } else { Recovery::Leave };
    }
    let faults = before.faults + u32::from(fault == Fault::Ours);
    let at_limit = faults >= max_attempts || before.deadline < now;
    if !at_limit {
        let intent = Intent { taken_from: dead.cloned(), ..retrying(before, before.out, faults, now) };
        return Recovery::Retry(Box::new(change(row, intent)));
    }
    if before.extended {
        return Recovery::Refuse;
    }
    let mut intent = retrying(before, before.out.or(Some(Out::Parked)), 0, now);
    intent.deadline = now.plus(SETTLING_EXTENSION);
    intent.extended = true;
    intent.taken_from = dead.cloned();
    Recovery::Retry(Box::new(change(row, intent)))
}

/// The second limit, after the decision is known. Granted: the way leads forward, so it is retried. Refused: a person
/// is asked, and the lock stays, as money may be held.
pub fn give_up(row: &Row, dead: Option<&Execution>, granted: bool, now: Timestamp) -> Change {
    let before = &row.value;
    if granted {
        return change(row, Intent { taken_from: dead.cloned(), ..retrying(before, before.out, 0, now) });
    }
    let mut intent = Intent {
        status: Status::Parked,
        out: None,
        owner: None,
        ended_by: dead.cloned(),
        faults: 0,
        updated_at: now,
        ..before.clone()
    };
    let why = format!("given up after {} attempts; its charge could not be settled in time", intent.attempt);
    let case = Some(open_case(&mut intent, CaseKind::Unsettled, why, now));
    let events = vec![outcome(&intent, now)];
    Change { case, events, ..change(row, intent) }
}

pub(crate) fn retrying(before: &Intent, out: Option<Out>, faults: u32, now: Timestamp) -> Intent {
    Intent {
        status: Status::Retrying,
        out,
        owner: None,
        faults,
        attempt: before.attempt + 1,
        last_sent_at: now,
        attempt_deadline: None,
        updated_at: now,
        ..before.clone()
    }
}

/// A message may be lost: nobody owns the row and it was sent long before anything that is still queued.
pub fn resend(row: &Row, sent_before: Timestamp, now: Timestamp) -> Option<Change> {
    let before = &row.value;
    let waits = matches!(before.status, Status::Accepted | Status::Retrying) && before.owner.is_none();
    (waits && before.last_sent_at < sent_before)
        .then(|| change(row, Intent { last_sent_at: now, updated_at: now, ..before.clone() }))
}

/// What an operator may not do now, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The intent is not parked, or not with this case any more.
    #[error("the case is resolved, or its intent is not parked (it is {0}); look at it again")]
    NotParked(&'static str),
    /// Closing would leave money behind.
    #[error("the charge is not settled: retry or refund it, so that no money is left behind")]
    NotSettled,
    /// Nothing is left to give back.
    #[error("the charge is settled: nothing is left to refund; close the case or retry")]
    Settled,
    /// The customer is premium: there is nothing to repeat or to give back here.
    #[error("the subscription is active and stays so: arrange by hand what is missing, then close the case")]
    OnlyClose,
    /// The saga's own word.
    #[error("only the saga itself ends a case so: retry, refund or close it")]
    NotForPeople,
}

/// An operator's decision about a parked intent. `settled`: how its charge ended, if it did.
///
/// # Errors
/// [`NotAllowed`] with what to do instead.
pub fn decide(
    row: &Row,
    lock: &Lock,
    case: Case,
    line: AuditLine,
    settled: Option<Settled>,
    max_intent_age: Duration,
) -> Result<Change, NotAllowed> {
    let before = &row.value;
    if case.kind == CaseKind::Relations && case.is_open() && before.case_id.as_deref() == Some(case.id.as_str()) {
        if line.action != Action::Close {
            return Err(NotAllowed::OnlyClose);
        }
        let intent = Intent { case_id: None, updated_at: line.at, ..before.clone() };
        return Ok(Change { case: Some(CaseChange::Resolve(case.resolved(line))), ..change(row, intent) });
    }
    if before.status != Status::Parked || before.case_id.as_deref() != Some(case.id.as_str()) || !case.is_open() {
        return Err(NotAllowed::NotParked(before.status.as_str()));
    }
    let now = line.at;
    let again = |out, n| Intent {
        n,
        case_id: None,
        taken_from: None,
        extended: false,
        deadline: now.plus(max_intent_age),
        reason: None,
        ended_by: None,
        ..retrying(before, out, 0, now)
    };
    let (intent, lock) = match (line.action, settled) {
        // A settled charge is never touched again: the retry is a new charge with keys of its own.
        (Action::Retry, Some(_)) => (again(None, before.n + 1), LockChange::Keep),
        (Action::Retry, None) => (again(None, before.n), LockChange::Keep),
        (Action::Refund, None) => (again(Some(Out::Refunded), before.n), LockChange::Keep),
        (Action::Refund, Some(_)) => return Err(NotAllowed::Settled),
        (Action::Overtaken, _) => return Err(NotAllowed::NotForPeople),
        (Action::Close, None) => return Err(NotAllowed::NotSettled),
        (Action::Close, Some(settled)) => {
            let closed = Intent { status: Status::from(settled), case_id: None, updated_at: now, ..before.clone() };
            (closed, free_if_held(lock, before))
        }
    };
    let events = if intent.status.is_terminal() { vec![outcome(&intent, now)] } else { Vec::new() };
    Ok(Change { lock, case: Some(CaseChange::Resolve(case.resolved(line))), events, ..change(row, intent) })
}
