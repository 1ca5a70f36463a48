//! The taking of money for an intent. One row per charge, never reset; payments alone writes it.

use crate::events::{Event, Outbox};
use crate::intent::Charge;
use crate::money::Money;
use crate::payment_provider::PaymentId;
use crate::store::{Commit, StoreError, Versioned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// How far a charge is. It only moves forward, `created → captured → refunding → refunded | canceled`, in a choreography
/// `requested → captured → refunding → refunded | canceled`; each step may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChargeState {
    /// In a choreography: asked of payment-proxy, whose own row says whether a payment exists.
    Requested,
    /// A payment exists at the provider; whether it took money, its object says.
    Created,
    /// The money is ours.
    Captured,
    /// It must not stand: cancel or refund. Without a provider's id it is a tombstone, so that a late call finds the
    /// place taken.
    Refunding,
    /// The money went back.
    Refunded,
    /// Ended without money.
    Canceled,
}

/// How a settled charge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// The money went back.
    Refunded,
    /// No money was taken.
    Canceled,
}

impl Settled {
    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refunded => "refunded",
            Self::Canceled => "canceled",
        }
    }
}

/// One row of `payments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeRow {
    /// Which charge.
    pub charge: Charge,
    /// How far it is.
    pub state: ChargeState,
    /// The provider's payment; none for a tombstone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_id: Option<PaymentId>,
    /// How much.
    #[serde(flatten)]
    pub money: Money,
    /// In a choreography: why it was not captured, or is not to stand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl ChargeRow {
    /// How it ended, if it did.
    pub fn settled(&self) -> Option<Settled> {
        match self.state {
            ChargeState::Refunded => Some(Settled::Refunded),
            ChargeState::Canceled => Some(Settled::Canceled),
            ChargeState::Requested | ChargeState::Created | ChargeState::Captured | ChargeState::Refunding => None,
        }
    }
}

/// Reading charges: all that others may do.
pub trait ChargeReader {
    /// One charge, consistently read.
    fn charge(&self, charge: &Charge) -> impl Future<Output = Result<Option<Versioned<ChargeRow>>, StoreError>> + Send;
}

/// A row that is about one charge.
pub trait OfCharge {
    /// Which charge.
    fn charge(&self) -> &Charge;
}

impl OfCharge for ChargeRow {
    fn charge(&self) -> &Charge {
        &self.charge
    }
}

/// A service's own table with one row a charge, and its outbox.
pub trait Rows<R>: Outbox {
    /// One row, consistently read.
    fn row(&self, charge: &Charge) -> impl Future<Output = Result<Option<Versioned<R>>, StoreError>> + Send;

    /// Writes a row, and tells these events, if nobody wrote since `based_on` (`None`: if there is none).
    fn put(
        &self,
        row: R,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}
