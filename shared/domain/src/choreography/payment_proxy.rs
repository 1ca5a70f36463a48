//! What payment-proxy remembers of each charge. It alone speaks to the provider in a choreography, and lets the
//! provider's object speak.

use super::Reaction;
use crate::charges::{OfCharge, Settled};
use crate::events::{Collected, Failed, Happened, Matter, Settlement};
use crate::intent::Charge;
use crate::money::Money;
use crate::payment_provider::PaymentId;
use serde::{Deserialize, Serialize};

/// How far a charge is at the provider. It only moves forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ProviderState {
    /// A payment exists at the provider; whether it took money, its object says.
    Open {
        /// The provider's payment.
        payment_id: PaymentId,
    },
    /// The money is ours.
    Captured {
        /// The provider's payment.
        payment_id: PaymentId,
    },
    /// The issuer said no, and the payment was cancelled, so that nobody can confirm it any more.
    Declined {
        /// A code.
        reason: String,
    },
    /// It must not stand.
    Refunding {
        /// The provider's payment.
        payment_id: PaymentId,
    },
    /// The money went back.
    Refunded,
    /// Ended without money. Also where there was no payment: a tombstone.
    Canceled,
}

impl ProviderState {
    /// The word in the table.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Captured { .. } => "captured",
            Self::Declined { .. } => "declined",
            Self::Refunding { .. } => "refunding",
            Self::Refunded => "refunded",
            Self::Canceled => "canceled",
        }
    }
}

/// One row of `provider-charges`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCharge {
    /// Which charge.
    pub charge: Charge,
    /// How far it is.
    #[serde(flatten)]
    pub state: ProviderState,
    /// How much.
    #[serde(flatten)]
    pub money: Money,
}

impl OfCharge for ProviderCharge {
    fn charge(&self) -> &Charge {
        &self.charge
    }
}

/// A charge that moves on to `state`.
pub fn moved(matter: &Matter, state: ProviderState) -> ProviderCharge {
    ProviderCharge { charge: matter.charge.clone(), state, money: matter.price.clone() }
}

/// The event of a state that is an answer; none while it is open or being settled.
pub fn told(state: &ProviderState, matter: &Matter) -> Option<Happened> {
    let matter = matter.clone();
    let settled = |matter, kind| Happened::PaymentRefunded(Settlement { matter, kind, reason: None });
    match state {
        ProviderState::Open { .. } | ProviderState::Refunding { .. } => None,
        ProviderState::Captured { .. } => Some(Happened::PaymentCollected(Collected { matter })),
        ProviderState::Declined { reason } => Some(Happened::PaymentFailed(Failed { matter, reason: reason.clone() })),
        ProviderState::Refunded => Some(settled(matter, Settled::Refunded)),
        ProviderState::Canceled => Some(settled(matter, Settled::Canceled)),
    }
}

/// What to do about a charge that is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// Create an unconfirmed payment and store it as open.
    Create,
    /// Let this payment's object speak: confirm, cancel or believe it.
    Ask(PaymentId),
    /// A repeat: tell this.
    Tell(Box<Happened>),
    /// It is being settled: nothing is taken.
    Pass,
}

/// What payment-proxy does when a charge may be taken.
pub fn take(row: Option<&ProviderCharge>, matter: &Matter) -> Take {
    match row.map(|row| &row.state) {
        None => Take::Create,
        Some(ProviderState::Open { payment_id }) => Take::Ask(payment_id.clone()),
        Some(state) => told(state, matter).map_or(Take::Pass, |told| Take::Tell(Box::new(told))),
    }
}

/// What to do about a charge that must not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiveBack {
    /// Write that it is being settled, then look again.
    Begin(ProviderCharge),
    /// Cancel or refund this payment until its object says that no money is held.
    Settle(PaymentId),
    /// The row has the answer, or gets it.
    Answer(Reaction<ProviderCharge>),
}

/// What payment-proxy does when a charge must not stand.
pub fn give_back(row: Option<&ProviderCharge>, matter: &Matter) -> GiveBack {
    let canceled = || moved(matter, ProviderState::Canceled);
    let settled = |row: &ProviderCharge| told(&row.state, matter).map_or(Reaction::Pass, Reaction::Tell);
    match row.map(|row| &row.state) {
        // A tombstone: a late request finds the place taken.
        None => GiveBack::Answer(match told(&ProviderState::Canceled, matter) {
            Some(event) => Reaction::Write(canceled(), event),
            None => Reaction::Pass,
        }),
        Some(ProviderState::Open { payment_id } | ProviderState::Captured { payment_id }) => {
            GiveBack::Begin(moved(matter, ProviderState::Refunding { payment_id: payment_id.clone() }))
        }
        Some(ProviderState::Refunding { payment_id }) => GiveBack::Settle(payment_id.clone()),
        // A declined one's payment was cancelled before it was written: nothing is held.
        Some(ProviderState::Declined { .. } | ProviderState::Canceled) => GiveBack::Answer(settled(&canceled())),
        Some(ProviderState::Refunded) => GiveBack::Answer(settled(&moved(matter, ProviderState::Refunded))),
    }
}
