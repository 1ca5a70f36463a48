//! Where the adapters are tried: tables and queues with names of their own.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus,
};
use domain::intent::{Body, CustomerId, IntentKey, IntentMessage, PaymentMethod, Tier};
use domain::ledger::{Intent, Style, Terms};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use std::time::Duration;

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// The configuration of the environment; it must name an endpoint, so that no test touches an account by mistake.
pub async fn sdk() -> SdkConfig {
    assert!(
        ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"].iter().any(|name| std::env::var(name).is_ok()),
        "AWS_ENDPOINT_URL is missing (or AWS_ENDPOINT_URL_DYNAMODB, for the gates alone): make test starts a local cloud"
    );
    aws::config::load().await
}

/// A name that no other test has.
pub fn unique(kind: &str) -> String {
    format!("contract-{kind}-{:016x}", fastrand::u64(..))
}

/// A table with text keys and, where named, an index of a text and a number.
pub async fn table(sdk: &SdkConfig, keys: &[&str], index: Option<(&str, &str, &str)>) -> String {
    let name = unique("table");
    let (hash, range) = (KeyType::Hash, KeyType::Range);
    let element =
        |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let mut create =
        aws_sdk_dynamodb::Client::new(sdk).create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
    for (place, key) in keys.iter().enumerate() {
        let kind = if place == 0 { hash.clone() } else { range.clone() };
        create = create.key_schema(element(key, kind)).attribute_definitions(attribute(key, ScalarAttributeType::S));
    }
    if let Some((index, text, number)) = index {
        create = create
            .attribute_definitions(attribute(text, ScalarAttributeType::S))
            .attribute_definitions(attribute(number, ScalarAttributeType::N))
            .global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(index)
                    .key_schema(element(text, hash))
                    .key_schema(element(number, range))
                    .projection(Projection::builder().projection_type(ProjectionType::All).build())
                    .build()
                    .unwrap(),
            );
    }
    create.send().await.unwrap();
    until_active(sdk, &name).await;
    name
}

/// Waits until a table can be used.
pub async fn until_active(sdk: &SdkConfig, name: &str) {
    let client = aws_sdk_dynamodb::Client::new(sdk);
    for _ in 0..600 {
        let described = client.describe_table().table_name(name).send().await.unwrap();
        if described.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the table {name} does not become active");
}

/// Removes a table.
pub async fn drop_table(sdk: &SdkConfig, name: &str) {
    aws_sdk_dynamodb::Client::new(sdk).delete_table().table_name(name).send().await.unwrap();
}

/// A customer of this name.
pub fn customer(name: &str) -> CustomerId {
    CustomerId::new(name).unwrap()
}

/// An accepted intent, accepted `seconds` after the beginning.
pub fn intent(name: &str, key: u8, seconds: u64) -> Intent {
    let at = NOW.plus(Duration::from_secs(seconds));
    let message = IntentMessage {
        customer: customer(name),
        key: IntentKey::new(format!("00000000-0000-4000-8000-0000000000{key:02x}")).unwrap(),
        body: Body {
            tier: Tier::Premium,
            payment_method: PaymentMethod::new("pm_cardVisa4242").unwrap(),
            newsletter: true,
        },
        accepted_at: at,
    };
    let price = Money { amount: 4900, currency: Currency::new("eur").unwrap() };
    Intent::accepted(&message, &Terms { price, max_intent_age: Duration::from_hours(72), style: Style::Hybrid }, at)
}
