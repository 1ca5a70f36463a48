//! Subscriptions in a choreography: the ledger's row is written by whoever hears, as no execution owns it.

use crate::cases::{Action, AuditLine, Case, CaseKind};
use crate::charges::Settled;
use crate::events::{Abandoned, Event, Happened, Matter, Order};
use crate::intent::IntentMessage;
use crate::ledger::store::{CaseChange, Change, LockChange};
use crate::ledger::transitions::{Lock, Recovery, Row, SETTLING_EXTENSION};
use crate::ledger::transitions::{activated, case_about, change, free_if_held, open_case, outcome, retrying};
use crate::ledger::{ALREADY_SUBSCRIBED, Intent, Out, RelationsEnd, Status, Terms, TierLock};
use crate::relations::Missing;
use crate::time::Timestamp;
use std::time::Duration;

/// Who ended a case that an event overtook, in its audit.
const SAGA: &str = "saga";

/// What subscriptions does about an intent's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Write this: the saga begins, or begins to settle, or is declined at once.
    Write(Box<Change>),
    /// It is under way, has ended or waits for a person: this message is a duplicate.
    Duplicate,
}

/// Takes an intent up. A charge is begun only under the tier's lock, and the lock stays until the charge is settled: so
/// where the lock is another intent's, no charge of this one can be.
pub fn claim(
    row: Option<&Row>,
    lock: &Lock,
    message: &IntentMessage,
    terms: &Terms,
    attempt_timeout: Duration,
    now: Timestamp,
) -> Claim {
    // The row decides, also over the message's body: two requests with one key may differ.
    let before = row.map_or_else(|| Intent::accepted(message, terms, now), |r| r.value.clone());
    if !matches!(before.status, Status::Accepted | Status::Retrying) {
        return Claim::Duplicate;
    }
    let based_on = row.map(|r| r.revision);
    if !TierLock::is_free_for(lock.as_ref().map(|l| &l.value), &before.intent_id, now) {
        let reason = Some(ALREADY_SUBSCRIBED.to_owned());
        let intent = Intent { status: Status::Declined, reason, out: None, updated_at: now, ..before };
        let events = vec![outcome(&intent, now)];
        return Claim::Write(Box::new(Change { intent, based_on, lock: LockChange::Keep, case: None, events }));
    }
    let held = TierLock { intent_id: before.intent_id.clone(), until: None };
    let lock = LockChange::Put { lock: held, based_on: lock.as_ref().map(|l| l.revision) };
    let intent = Intent {
        status: if before.out.is_some() { Status::Compensating } else { Status::Processing },
        attempt_deadline: Some(now.plus(attempt_timeout)),
        updated_at: now,
        ..before
    };
    let events = vec![under_way(&intent).at(now)];
    Claim::Write(Box::new(Change { intent, based_on, lock, case: None, events }))
}

fn under_way(intent: &Intent) -> Happened {
    let matter = Matter::of(intent);
    if intent.out.is_some() {
        Happened::TierUpgradeAbandoned(Abandoned { matter })
    } else {
        let payment_method = intent.body.payment_method.clone();
        Happened::TierUpgradeRequested(Order { matter, payment_method })
    }
}

/// What subscriptions does about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Write this.
    Write(Box<Change>),
    /// A repeat: tell this again, nothing is written.
    Tell(Box<Event>),
    /// It changes nothing: it came too late, or is of an earlier charge.
    Pass,
}

/// What an event says of an intent. `case`: the one that its row names, if it is parked.
pub fn hear(row: &Row, lock: &Lock, case: Option<Case>, happened: &Happened, now: Timestamp) -> Heard {
    let before = &row.value;
    // An event of an earlier charge must not end this one's.
    if before.charge() != happened.matter().charge {
        return Heard::Pass;
    }
    let holds_lock = lock.as_ref().is_some_and(|l| l.value.intent_id == before.intent_id);
    let in_flight = matches!(before.status, Status::Processing | Status::Compensating | Status::Retrying);
    let parked_with_lock = before.status == Status::Parked && holds_lock;
    match happened {
        Happened::ContentUnblocked(unblocked) => match before.status {
            Status::Active => Heard::Tell(Box::new(activated(before, unblocked.until, now))),
            _ if in_flight || parked_with_lock => {
                Heard::Write(Box::new(activate(row, lock, case, unblocked.until, now)))
            }
            _ => Heard::Pass,
        },
        Happened::PaymentRejected(settlement) => match before.status {
            Status::Declined | Status::Refunded => Heard::Tell(Box::new(outcome(before, now))),
            _ if in_flight => {
                Heard::Write(Box::new(reject(row, lock, settlement.kind, settlement.reason.as_deref(), now)))
            }
            // The case stays: a person still decides, but no money is held any more.
            _ if parked_with_lock => {
                let intent = Intent { updated_at: now, ..before.clone() };
                Heard::Write(Box::new(Change { lock: free_if_held(lock, before), ..change(row, intent) }))
            }
            _ => Heard::Pass,
        },
        Happened::PaymentRefundFailed(failed) => match before.status {
            Status::Parked => Heard::Tell(Box::new(outcome(before, now))),
            _ if in_flight => {
                let why = format!("the provider refuses to give the money back: {}", failed.reason);
                Heard::Write(Box::new(park(row, CaseKind::RefundFailed, why, now)))
            }
            _ => Heard::Pass,
        },
        // In every style: what came with premium is arranged by events.
        Happened::CustomerRelationsCompleted(_) if before.status == Status::Active && before.relations.is_none() => {
            let relations = Some(RelationsEnd::Completed);
            Heard::Write(Box::new(change(row, Intent { relations, updated_at: now, ..before.clone() })))
        }
        Happened::CustomerRelationsPartial(partial)
            if before.status == Status::Active && before.relations != Some(RelationsEnd::Partial) =>
        {
            Heard::Write(Box::new(miss(row, &partial.missing, now)))
        }
        _ => Heard::Pass,
    }
}

/// The customer is premium all the same; a person sees to what is missing.
fn miss(row: &Row, missing: &[Missing], now: Timestamp) -> Change {
    let mut intent = Intent { relations: Some(RelationsEnd::Partial), updated_at: now, ..row.value.clone() };
    let what: Vec<&str> = missing.iter().map(|missing| missing.what.as_str()).collect();
    let why = format!("the customer is premium, and this could not be arranged: {}", what.join(", "));
    let mut case = case_about(&intent, CaseKind::Relations, why, now);
    // Another attempt's case may have been overtaken: this one is about something else.
    case.id = format!("{}-relations", case.id);
    case.evidence.extend(missing.iter().map(|missing| (missing.what.clone(), missing.reason.clone())));
    intent.case_id = Some(case.id.clone());
    Change { case: Some(CaseChange::Open(case)), ..change(row, intent) }
}

fn ended(before: &Intent, status: Status, now: Timestamp) -> Intent {
    Intent { status, out: None, attempt_deadline: None, updated_at: now, ..before.clone() }
}

fn activate(row: &Row, lock: &Lock, case: Option<Case>, until: Timestamp, now: Timestamp) -> Change {
    let intent = Intent { case_id: None, ..ended(&row.value, Status::Active, now) };
    let mut write = change(row, intent);
    write.events.push(activated(&write.intent, until, now));
    if let Some(held) = lock.as_ref().filter(|l| l.value.intent_id == row.value.intent_id) {
        // A lock that outlived the entitlement would refuse the customer's next subscription.
        let lock = TierLock { until: Some(until), ..held.value.clone() };
        write.lock = LockChange::Put { lock, based_on: Some(held.revision) };
    }
    write.case = case.filter(Case::is_open).map(|case| {
        let why = "the content was unblocked after all".to_owned();
        CaseChange::Resolve(case.resolved(AuditLine { at: now, by: SAGA.to_owned(), action: Action::Overtaken, why }))
    });
    write
}

fn reject(row: &Row, lock: &Lock, kind: Settled, reason: Option<&str>, now: Timestamp) -> Change {
    let before = &row.value;
    let parks = before.out == Some(Out::Parked);
    let status = if parks { Status::Parked } else { Status::from(kind) };
    let mut intent = ended(before, status, now);
    intent.reason = intent.reason.or_else(|| reason.map(str::to_owned));
    let mut case = None;
    if parks {
        let why = format!("given up after {} attempts; the charge is {}", intent.attempt, kind.as_str());
        case = Some(open_case(&mut intent, CaseKind::GaveUp, why, now));
    }
    let (lock, events) = (free_if_held(lock, &intent), vec![outcome(&intent, now)]);
    Change { lock, case, events, ..change(row, intent) }
}

/// The lock stays, as money may be held.
fn park(row: &Row, kind: CaseKind, why: String, now: Timestamp) -> Change {
    let mut intent = ended(&row.value, Status::Parked, now);
    let case = Some(open_case(&mut intent, kind, why, now));
    let events = vec![outcome(&intent, now)];
    Change { case, events, ..change(row, intent) }
}

/// What recovery does about a row: after its attempt's deadline it is tried again; at the intent's own limit it is given
/// up, which lets the content be refused and the charge be settled; at the second limit a person is asked.
pub fn recover(row: &Row, now: Timestamp) -> Recovery {
    let before = &row.value;
    let overdue = before.status.is_owned() && before.attempt_deadline.is_none_or(|deadline| deadline < now);
    let waits = matches!(before.status, Status::Accepted | Status::Retrying);
    let too_old = before.deadline < now;
    if !(overdue || waits && too_old) {
        return Recovery::Leave;
    }
    if !too_old {
        return Recovery::Retry(Box::new(change(row, retrying(before, before.out, before.faults, now))));
    }
    // An intent that nobody ever claimed holds no lock and began no charge; it is given up like any other.
    if before.extended {
        let why = format!("given up after {} attempts; its charge could not be settled in time", before.attempt);
        return Recovery::Retry(Box::new(park(row, CaseKind::Unsettled, why, now)));
    }
    let mut intent = retrying(before, before.out.or(Some(Out::Parked)), 0, now);
    intent.deadline = now.plus(SETTLING_EXTENSION);
    intent.extended = true;
    Recovery::Retry(Box::new(change(row, intent)))
}

#[cfg(test)]
mod tests;
