//! The ledger's port, with its lists and its cases.

use crate::place::{NOW, customer, drop_table, intent, sdk, table};
use aws::cases::DynamoCases;
use aws::ledger::DynamoLedger;
use domain::cases::{Action, AuditLine, CaseKind, Cases};
use domain::intent::Tier;
use domain::ledger::store::{CaseChange, Change, IntentLists, Ledger, LockChange};
use domain::ledger::transitions::case_about;
use domain::ledger::{Execution, Intent, Out, Status, TierLock};
use domain::store::Commit;
use std::time::Duration;
use testing::ledger::MemoryLedger;
use testing::turn::Turnstile;

fn write(intent: Intent, based_on: Option<u64>) -> Change {
    Change { intent, based_on, lock: LockChange::Keep, case: None, events: Vec::new() }
}

fn lock_of(intent: &Intent) -> TierLock {
    TierLock { intent_id: intent.intent_id.clone(), until: None }
}

async fn keeps_its_conditions(ledger: &(impl Ledger + IntentLists), cases: &impl Cases) {
    let row = intent("ada", 1, 0);
    let (ada, id) = (customer("ada"), row.intent_id.clone());
    assert_eq!(ledger.intent(&ada, &id).await.unwrap(), None);

    // A row: first writer wins, then only the revision that was read may be replaced.
    assert_eq!(ledger.commit(write(row.clone(), None)).await.unwrap(), Commit::Done);
    assert_eq!(ledger.commit(write(row.clone(), None)).await.unwrap(), Commit::Conflict);
    let stored = ledger.intent(&ada, &id).await.unwrap().unwrap();
    assert_eq!((stored.value.clone(), stored.revision), (row.clone(), 1));
    let full = Intent {
        status: Status::Compensating,
        out: Some(Out::Parked),
        owner: Some(Execution("arn:1".to_owned())),
        ended_by: Some(Execution("arn:0".to_owned())),
        reason: Some("card-declined".to_owned()),
        extended: true,
        attempt: 7,
        ..row.clone()
    };
    assert_eq!(ledger.commit(write(full.clone(), Some(1))).await.unwrap(), Commit::Done);
    assert_eq!(ledger.commit(write(row.clone(), Some(1))).await.unwrap(), Commit::Conflict);
    assert_eq!(ledger.intent(&ada, &id).await.unwrap().unwrap().value, full);

    // The lock: all or nothing with the row.
    let put = LockChange::Put { lock: lock_of(&row), based_on: None };
    let change = Change { lock: put.clone(), ..write(row.clone(), Some(2)) };
    assert_eq!(ledger.commit(change.clone()).await.unwrap(), Commit::Done);
    let held = ledger.lock(&ada, Tier::Premium).await.unwrap().unwrap();
    assert_eq!((held.value, held.revision), (lock_of(&row), 1));
    let taken = Change { lock: put, ..write(full.clone(), Some(3)) };
    assert_eq!(ledger.commit(taken).await.unwrap(), Commit::Conflict);
    assert_eq!(ledger.intent(&ada, &id).await.unwrap().unwrap().revision, 3, "half a change was written");
    let stale = Change { lock: LockChange::Free { based_on: 9 }, ..write(full.clone(), Some(3)) };
    assert_eq!(ledger.commit(stale).await.unwrap(), Commit::Conflict);
    let free = Change { lock: LockChange::Free { based_on: 1 }, ..write(row.clone(), Some(3)) };
    assert_eq!(ledger.commit(free).await.unwrap(), Commit::Done);
    assert_eq!(ledger.lock(&ada, Tier::Premium).await.unwrap(), None);

    // A case: opened once, resolved once.
    let case = case_about(&row, CaseKind::RefundFailed, "no refund".to_owned(), NOW);
    let open = Change { case: Some(CaseChange::Open(case.clone())), ..write(row.clone(), Some(4)) };
    assert_eq!(ledger.commit(open).await.unwrap(), Commit::Done);
    assert_eq!(cases.open_cases(10).await.unwrap(), std::slice::from_ref(&case));
    let again = Change { case: Some(CaseChange::Open(case.clone())), ..write(row.clone(), Some(5)) };
    assert_eq!(ledger.commit(again).await.unwrap(), Commit::Conflict);
    let line = AuditLine { at: NOW, by: "arn:op".to_owned(), action: Action::Refund, why: "a test".to_owned() };
    let resolved = case.resolved(line);
    let resolve =
        |revision| Change { case: Some(CaseChange::Resolve(resolved.clone())), ..write(row.clone(), Some(revision)) };
    assert_eq!(ledger.commit(resolve(5)).await.unwrap(), Commit::Done);
    assert_eq!(ledger.commit(resolve(6)).await.unwrap(), Commit::Conflict);
    assert_eq!(cases.case(&resolved.id).await.unwrap().unwrap().value, resolved);
    assert_eq!(cases.open_cases(10).await.unwrap(), []);
}

async fn lists_what_it_holds(ledger: &(impl Ledger + IntentLists)) {
    for (name, key, seconds) in [("ada", 1, 10), ("ada", 2, 30), ("bob", 1, 20)] {
        assert_eq!(ledger.commit(write(intent(name, key, seconds), None)).await.unwrap(), Commit::Done);
    }
    let put = LockChange::Put { lock: lock_of(&intent("ada", 3, 0)), based_on: None };
    let active = Intent { status: Status::Active, ..intent("ada", 3, 0) };
    assert_eq!(ledger.commit(Change { lock: put, ..write(active, None) }).await.unwrap(), Commit::Done);

    let accepted: Vec<_> =
        ledger.of_customer(&customer("ada")).await.unwrap().iter().map(|i| i.accepted_at.0).collect();
    assert_eq!(accepted, [30, 10, 0].map(|s| NOW.0 + s * 1000), "newest first, only their own, no lock among them");

    let since = |seconds| NOW.plus(Duration::from_secs(seconds));
    let untouched = ledger.untouched_since(Status::Accepted, since(30), 10).await.unwrap();
    assert_eq!(untouched.iter().map(|i| i.accepted_at).collect::<Vec<_>>(), [since(10), since(20)], "oldest first");
    assert_eq!(ledger.untouched_since(Status::Accepted, since(99), 1).await.unwrap().len(), 1);
    let unsent = ledger.unsent_since(Status::Accepted, since(20), 10).await.unwrap();
    assert_eq!(unsent.iter().map(|i| i.last_sent_at).collect::<Vec<_>>(), [since(10)], "those that were sent long ago");
    assert_eq!(ledger.untouched_since(Status::Parked, since(99), 10).await.unwrap(), []);
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    let ledger = MemoryLedger::new(Turnstile::default());
    keeps_its_conditions(&ledger, &ledger).await;
    lists_what_it_holds(&MemoryLedger::new(Turnstile::default())).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let index = Some(("by-status", "status", "updatedAt"));
    let cases = table(&sdk, &["pk"], Some(("open-cases", "open", "openedAt"))).await;
    let (first, second) = (table(&sdk, &["pk", "sk"], index).await, table(&sdk, &["pk", "sk"], index).await);
    let ledger = DynamoLedger::new(&sdk, &first).with_cases(&sdk, &cases);
    keeps_its_conditions(&ledger, &DynamoCases::new(&sdk, &cases)).await;
    lists_what_it_holds(&DynamoLedger::new(&sdk, &second)).await;
    for name in [&first, &second, &cases] {
        drop_table(&sdk, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_claims_at_once_one_wins() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk", "sk"], Some(("by-status", "status", "updatedAt"))).await;
    let ledger = DynamoLedger::new(&sdk, &name);
    let row = intent("ada", 1, 0);
    let racers: Vec<_> = (0..16)
        .map(|n| {
            let (ledger, row) = (ledger.clone(), row.clone());
            let lock = LockChange::Put { lock: lock_of(&row), based_on: None };
            let mine = Intent { owner: Some(Execution(format!("arn:{n}"))), ..row };
            tokio::spawn(async move { ledger.commit(Change { lock, ..write(mine, None) }).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += u32::from(racer.await.unwrap() == Commit::Done);
    }
    assert_eq!(won, 1);
    drop_table(&sdk, &name).await;
}
