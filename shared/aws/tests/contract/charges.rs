//! Payments' port.

use crate::place::{drop_table, intent, sdk, table};
use aws::charges::DynamoRows;
use domain::charges::{ChargeRow, ChargeState, Rows};
use domain::payment_provider::PaymentId;
use domain::store::Commit;
use testing::payments::MemoryCharges;
use testing::turn::Turnstile;

fn row(state: ChargeState, payment_id: Option<&str>) -> ChargeRow {
    let intent = intent("ada", 1, 0);
    let payment_id = payment_id.map(|id| PaymentId(id.to_owned()));
    ChargeRow { charge: intent.charge(), state, payment_id, money: intent.price, reason: None }
}

async fn moves_by_revision(charges: &impl Rows<ChargeRow>) {
    let created = row(ChargeState::Created, Some("pi_1"));
    assert_eq!(charges.row(&created.charge).await.unwrap(), None);
    assert_eq!(charges.put(created.clone(), None, &[]).await.unwrap(), Commit::Done);
    let tombstone = row(ChargeState::Refunding, None);
    assert_eq!(charges.put(tombstone, None, &[]).await.unwrap(), Commit::Conflict);
    let captured = row(ChargeState::Captured, Some("pi_1"));
    assert_eq!(charges.put(captured.clone(), Some(1), &[]).await.unwrap(), Commit::Done);
    assert_eq!(charges.put(created.clone(), Some(1), &[]).await.unwrap(), Commit::Conflict);
    let stored = charges.row(&created.charge).await.unwrap().unwrap();
    assert_eq!((stored.value, stored.revision), (captured, 2));
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    moves_by_revision(&MemoryCharges::new(Turnstile::default())).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    moves_by_revision(&DynamoRows::payments(&sdk, &name)).await;
    drop_table(&sdk, &name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_and_a_tombstone_never_both_win() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    let charges = DynamoRows::payments(&sdk, &name);
    let racers: Vec<_> = (0..16)
        .map(|n| {
            let charges = charges.clone();
            let row =
                if n % 2 == 0 { row(ChargeState::Created, Some("pi_1")) } else { row(ChargeState::Refunding, None) };
            tokio::spawn(async move { charges.put(row, None, &[]).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += u32::from(racer.await.unwrap() == Commit::Done);
    }
    assert_eq!(won, 1);
    drop_table(&sdk, &name).await;
}
