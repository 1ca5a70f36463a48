//! Promises about what comes with premium; the rest of this module is held to its promises by the simulation.

use super::*;
use crate::events::{Partial, RelationsCompleted};
use crate::intent::{Body, CustomerId, IntentKey, PaymentMethod, Tier};
use crate::ledger::Style;
use crate::ledger::transitions::{NotAllowed, decide};
use crate::money::{Currency, Money};
use crate::store::Versioned;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn active() -> Row {
    let message = IntentMessage {
        customer: CustomerId::new("ada").unwrap(),
        key: IntentKey::new("0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10").unwrap(),
        body: Body {
            tier: Tier::Premium,
            payment_method: PaymentMethod::new("pm_cardVisa4242").unwrap(),
            newsletter: true,
        },
        accepted_at: NOW,
    };
    let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
    let terms = Terms { price, max_intent_age: Duration::from_hours(72), style: Style::Hybrid };
    let value = Intent { status: Status::Active, ..Intent::accepted(&message, &terms, NOW) };
    Versioned { value, revision: 3 }
}

fn completed(row: &Row) -> Happened {
    Happened::CustomerRelationsCompleted(RelationsCompleted { matter: Matter::of(&row.value) })
}

fn partial(row: &Row) -> Happened {
    let missing = vec![Missing { what: "loyalty".to_owned(), reason: "not-eligible".to_owned() }];
    Happened::CustomerRelationsPartial(Partial { matter: Matter::of(&row.value), missing })
}

fn after(row: &Row, happened: &Happened) -> (Row, Option<Case>) {
    let Heard::Write(change) = hear(row, &None, None, happened, NOW) else { panic!("{happened:?}") };
    let case = match change.case {
        Some(CaseChange::Open(case)) => Some(case),
        _ => None,
    };
    (Versioned { value: change.intent, revision: row.revision + 1 }, case)
}

fn line(action: Action) -> AuditLine {
    AuditLine { at: NOW, by: "ada".to_owned(), action, why: "a test".to_owned() }
}

#[test]
fn a_partial_success_stays_active_and_asks_a_person() {
    let (row, case) = after(&active(), &partial(&active()));
    let case = case.unwrap();
    assert_eq!((row.value.status, row.value.case_id.as_ref()), (Status::Active, Some(&case.id)));
    assert_eq!(case.evidence["loyalty"], "not-eligible");
    assert!(case.why.contains("loyalty"), "{}", case.why);
    assert!(crate::ledger::customer_message(&row.value).contains("not arranged yet"));
    assert_eq!(hear(&row, &None, None, &partial(&row), NOW), Heard::Pass, "once");
}

#[test]
fn what_fails_late_is_said_though_all_was_arranged_before() {
    let (row, case) = after(&active(), &completed(&active()));
    assert_eq!((row.value.relations, case), (Some(RelationsEnd::Completed), None));
    assert_eq!(hear(&row, &None, None, &completed(&row), NOW), Heard::Pass);
    let (row, case) = after(&row, &partial(&row));
    assert_eq!(row.value.relations, Some(RelationsEnd::Partial));
    assert_eq!(hear(&row, &None, None, &completed(&row), NOW), Heard::Pass, "what failed is not forgotten");
    assert!(case.is_some());
}

#[test]
fn an_intent_that_is_not_active_has_no_relations() {
    let mut row = active();
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Active) {
        row.value.status = status;
        for happened in [completed(&row), partial(&row)] {
            assert_eq!(hear(&row, &None, None, &happened, NOW), Heard::Pass, "{status:?}");
        }
    }
}

#[test]
fn a_person_can_only_close_such_a_case() {
    let (row, case) = after(&active(), &partial(&active()));
    let case = case.unwrap();
    let age = Duration::from_hours(72);
    for action in [Action::Retry, Action::Refund, Action::Overtaken] {
        let refused = decide(&row, &None, case.clone(), line(action), None, age);
        assert_eq!(refused, Err(NotAllowed::OnlyClose), "{action:?}");
    }
    let closed = decide(&row, &None, case, line(Action::Close), None, age).unwrap();
    assert_eq!((closed.intent.status, closed.intent.case_id), (Status::Active, None));
    assert!(matches!(closed.case, Some(CaseChange::Resolve(case)) if !case.is_open()));
}
