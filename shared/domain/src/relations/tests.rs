//! Promises about customer relations: whatever order the answers come in, the end is the same and is told honestly.

use super::*;
use crate::events::{Enrolled, Failed};
use crate::intent::{Charge, CustomerId, IntentId, IntentKey, Tier};
use crate::money::{Currency, Money};
use crate::time::Timestamp;
use serde_json::json;

const KEY: &str = "0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10";

fn matter() -> Matter {
    let (customer, key) = (CustomerId::new("ada").unwrap(), IntentKey::new(KEY).unwrap());
    Matter {
        charge: Charge { intent: IntentId::of(&customer, &key), n: 1 },
        attempt: 1,
        customer,
        tier: Tier::Premium,
        price: Money { amount: 4900, currency: Currency::new("eur").unwrap() },
    }
}

fn activated(newsletter: bool) -> Activated {
    Activated { matter: matter(), key: IntentKey::new(KEY).unwrap(), until: Timestamp(9), newsletter }
}

fn enrolled() -> Happened {
    Happened::LoyaltyEnrolled(Enrolled { matter: matter(), member: MemberId("m_1".to_owned()) })
}

fn refused() -> Happened {
    Happened::LoyaltyEnrolmentFailed(Failed { matter: matter(), reason: "not-eligible".to_owned() })
}

fn bounced() -> Happened {
    Happened::NewsletterFailed(Failed { matter: matter(), reason: "http-400".to_owned() })
}

fn begun(newsletter: bool) -> Relations {
    let request = if newsletter { Newsletter::Queued } else { Newsletter::NotWanted };
    match begin(None, &activated(newsletter), request) {
        Reaction::Write(row, Some(told)) => {
            assert_eq!(told.name(), "CustomerStatusUpdated");
            *row
        }
        other => panic!("{other:?}"),
    }
}

/// The row after these, and the names of what was told.
fn after(newsletter: bool, heard: &[Happened]) -> (Relations, Vec<&'static str>) {
    let mut row = begun(newsletter);
    let mut names = Vec::new();
    for happened in heard {
        match hear(&row, happened) {
            Reaction::Write(next, told) => {
                row = *next;
                names.extend(told.map(|told| told.name()));
            }
            Reaction::Tell(told) => names.push(told.name()),
            Reaction::Pass => {}
        }
    }
    (row, names)
}

#[test]
fn a_member_who_gets_the_newsletter_has_everything() {
    for newsletter in [true, false] {
        assert_eq!(after(newsletter, &[enrolled()]).1, ["CustomerRelationsCompleted"]);
    }
}

#[test]
fn what_is_missing_is_named() {
    let (row, told) = after(true, &[refused()]);
    assert_eq!(told, ["CustomerRelationsPartial"]);
    let Happened::CustomerRelationsPartial(partial) = row.told() else { panic!("{row:?}") };
    assert_eq!(json!(partial.missing), json!([{"what": "loyalty", "reason": "not-eligible"}]));
}

#[test]
fn the_answers_are_joined_in_whatever_order_they_come() {
    let orders = [[enrolled(), bounced()], [bounced(), enrolled()]];
    let ends = orders.map(|heard| after(true, &heard));
    assert_eq!(ends[0].0, ends[1].0);
    assert_eq!(ends[0].1, ["CustomerRelationsCompleted", "CustomerRelationsPartial"], "a newsletter may fail late");
    assert_eq!(ends[1].1, ["CustomerRelationsPartial"], "nothing is said before the programme has answered");
}

#[test]
fn a_repeat_is_answered_and_the_first_answer_stands() {
    let (row, told) = after(true, &[enrolled(), refused(), enrolled()]);
    assert!(matches!(row.loyalty, Loyalty::Enrolled { .. }));
    assert_eq!(told, ["CustomerRelationsCompleted"; 3]);
    assert!(matches!(begin(Some(&row), &activated(true), Newsletter::Queued), Reaction::Tell(_)));
    assert_eq!(after(true, &[bounced(), bounced()]).1, Vec::<&str>::new());
}

#[test]
fn a_newsletter_that_nobody_wanted_cannot_fail() {
    let (row, told) = after(false, &[bounced(), enrolled()]);
    assert_eq!((row.newsletter, told), (Newsletter::NotWanted, vec!["CustomerRelationsCompleted"]));
}

#[test]
fn a_row_reads_back() {
    for heard in [vec![], vec![enrolled()], vec![refused(), bounced()]] {
        let row = after(true, &heard).0;
        let written = json!(row);
        assert_eq!(serde_json::from_value::<Relations>(written).unwrap(), row);
    }
}

#[test]
fn an_address_is_named_as_mailchimp_names_it_and_fits_into_a_template() {
    let address = EmailAddress::new("Ada@Example.org").unwrap();
    // printf 'ada@example.org' | md5sum
    assert_eq!(address.subscriber_hash(), "5bfcf2d8e394674550332640d72db509");
    let quoted = "a\"b@example.org";
    for wrong in ["", "ada", "@example.org", "ada@example", "a da@example.org", quoted, "a\\b@example.org"] {
        assert!(EmailAddress::new(wrong).is_err(), "{wrong}");
    }
}
