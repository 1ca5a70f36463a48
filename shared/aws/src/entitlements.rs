//! Content access' table: `pk=DECISION#charge` for decisions, `pk=CUSTOMER#sub, sk=TIER#tier` for entitlements.

use crate::item::{Item, Table, key};
use crate::outbox;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::decisions::{Decision, DecisionReader, Entitlement, EntitlementReader, Entitlements, Refusals};
use domain::events::{Event, Outbox};
use domain::intent::{Charge, CustomerId, Tier};
use domain::store::{Commit, StoreError, Versioned};

/// Decisions and entitlements on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoEntitlements(Table);

impl DynamoEntitlements {
    /// Decisions and entitlements in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "entitlements"))
    }

    fn decide(&self, charge: &Charge, decision: &Decision) -> Result<TransactWriteItem, StoreError> {
        // No revision ever follows: a decision is written once.
        let put = self.0.put(decision_key(charge), decision, None)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

fn decision_key(charge: &Charge) -> Item {
    key(format!("DECISION#{charge}"), Some("DECISION".to_owned()))
}

fn entitlement_key(customer: &CustomerId, tier: Tier) -> Item {
    key(format!("CUSTOMER#{customer}"), Some(format!("TIER#{}", tier.as_str())))
}

impl DecisionReader for DynamoEntitlements {
    async fn decision(&self, charge: &Charge) -> Result<Option<Decision>, StoreError> {
        Ok(self.0.get(decision_key(charge)).await?.map(|d| d.value))
    }
}

impl Refusals for DynamoEntitlements {
    async fn refuse(&self, charge: &Charge, reason: &str, tell: &[Event]) -> Result<Commit, StoreError> {
        let decision = Decision::Refused { reason: reason.to_owned() };
        let mut writes = vec![self.decide(charge, &decision)?];
        writes.extend(outbox::puts(&self.0, tell, true)?);
        self.0.write(writes).await
    }
}

impl Outbox for DynamoEntitlements {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        outbox::tell(&self.0, events, true).await
    }
}

impl EntitlementReader for DynamoEntitlements {
    async fn entitlement(
        &self,
        customer: &CustomerId,
        tier: Tier,
    ) -> Result<Option<Versioned<Entitlement>>, StoreError> {
        self.0.get(entitlement_key(customer, tier)).await
    }
}

impl Entitlements for DynamoEntitlements {
    async fn grant(
        &self,
        charge: &Charge,
        entitlement: Entitlement,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> Result<Commit, StoreError> {
        let decision = self.decide(charge, &Decision::Granted { until: entitlement.until })?;
        let place = entitlement_key(&entitlement.customer, entitlement.tier);
        let put = self.0.put(place, &entitlement, based_on)?;
        let mut writes = vec![decision, TransactWriteItem::builder().put(put).build()];
        writes.extend(outbox::puts(&self.0, tell, true)?);
        self.0.write(writes).await
    }
}
