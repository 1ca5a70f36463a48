//! Content access' port: the pivot.

use crate::place::{NOW, customer, drop_table, intent, sdk, table};
use aws::entitlements::DynamoEntitlements;
use domain::decisions::{
    Decision, DecisionReader, Entitlement, EntitlementReader, Entitlements, Refusals, refuse_or_read,
};
use domain::intent::{Charge, Tier};
use domain::store::Commit;
use std::time::Duration;
use testing::content::MemoryEntitlements;
use testing::turn::Turnstile;

fn charge(key: u8) -> Charge {
    intent("ada", key, 0).charge()
}

fn entitlement(key: u8) -> Entitlement {
    Entitlement {
        customer: customer("ada"),
        tier: Tier::Premium,
        intent_id: intent("ada", key, 0).intent_id,
        since: NOW,
        until: NOW.plus(Duration::from_hours(24)),
    }
}

async fn decides_once(content: &impl Entitlements) {
    let granted = Decision::Granted { until: entitlement(1).until };
    assert_eq!(content.decision(&charge(1)).await.unwrap(), None);
    assert_eq!(content.grant(&charge(1), entitlement(1), None, &[]).await.unwrap(), Commit::Done);
    assert_eq!(content.refuse(&charge(1), "late", &[]).await.unwrap(), Commit::Conflict);
    assert_eq!(refuse_or_read(content, &charge(1), "late").await.unwrap(), granted);
    let held = content.entitlement(&customer("ada"), Tier::Premium).await.unwrap().unwrap();
    assert_eq!((held.value, held.revision), (entitlement(1), 1));

    // A grant on an entitlement that somebody wrote in between leaves no decision behind.
    assert_eq!(content.grant(&charge(2), entitlement(2), None, &[]).await.unwrap(), Commit::Conflict);
    assert_eq!(content.decision(&charge(2)).await.unwrap(), None);
    let refused = Decision::Refused { reason: "held".to_owned() };
    assert_eq!(refuse_or_read(content, &charge(2), "held").await.unwrap(), refused);
    assert_eq!(content.grant(&charge(2), entitlement(2), Some(1), &[]).await.unwrap(), Commit::Conflict);
    let held = content.entitlement(&customer("ada"), Tier::Premium).await.unwrap().unwrap();
    assert_eq!(held.value, entitlement(1), "a refused charge changed the entitlement");
    assert_eq!(content.grant(&charge(3), entitlement(3), Some(1), &[]).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    decides_once(&MemoryEntitlements::new(Turnstile::default())).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk", "sk"], None).await;
    decides_once(&DynamoEntitlements::new(&sdk, &name)).await;
    drop_table(&sdk, &name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_and_a_refusal_never_both_win() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk", "sk"], None).await;
    for key in 0..10 {
        let content = DynamoEntitlements::new(&sdk, &name);
        let based_on = content.entitlement(&customer("ada"), Tier::Premium).await.unwrap().map(|e| e.revision);
        let (other, charge_id) = (content.clone(), charge(key));
        let refusing = tokio::spawn(async move { other.refuse(&charge_id, "race", &[]).await.unwrap() });
        let granted = content.grant(&charge(key), entitlement(key), based_on, &[]).await.unwrap();
        let refused = refusing.await.unwrap();
        assert_eq!([granted, refused].iter().filter(|c| **c == Commit::Done).count(), 1, "{granted:?} {refused:?}");
        let stored = content.decision(&charge(key)).await.unwrap().unwrap();
        assert_eq!(stored.is_granted(), granted == Commit::Done);
    }
    drop_table(&sdk, &name).await;
}
