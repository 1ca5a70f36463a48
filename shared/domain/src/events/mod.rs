//! What the services of the saga tell each other, on the bus `new-science`.
//!
//! An event's name is its `detail-type`, its [`Service`] its `source`. Each is about one charge and one attempt, both
//! copied from what caused it, and its id is made of them: however often it is told, it is the same event. Articles tell
//! their own, see [`crate::articles::event`].

mod data;
mod envelope;

pub use data::{
    Abandoned, Activated, Collected, Ended, Enrolled, Failed, Matter, Order, Parked, Partial, Refused,
    RelationsCompleted, Settlement, StatusUpdated, Unblocked,
};
pub use envelope::{Event, EventId, PoisonEvent, VERSION};

use crate::store::StoreError;
use schemars::{Schema, schema_for};
use serde::{Deserialize, Serialize};
use std::future::Future;

/// A service that tells events, or hears them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Owns the ledger.
    Subscriptions,
    /// Owns what became of each charge.
    Payments,
    /// Speaks to the fraud provider.
    FraudProxy,
    /// Speaks to the payment provider.
    PaymentProxy,
    /// Owns decisions and entitlements.
    ContentAccess,
    /// Tells who cares about customers that one has become premium, and joins their answers.
    CustomerRelations,
    /// Speaks to the loyalty programme.
    LoyaltyProxy,
    /// Reads what the newsletter's provider never took.
    Newsletter,
}

impl Service {
    /// Its name, also that of its queue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Payments => "payments",
            Self::FraudProxy => "fraud-proxy",
            Self::PaymentProxy => "payment-proxy",
            Self::ContentAccess => "content-access",
            Self::CustomerRelations => "customer-relations",
            Self::LoyaltyProxy => "loyalty-proxy",
            Self::Newsletter => "newsletter",
        }
    }

    /// The `source` of its events.
    pub fn source(self) -> String {
        format!("new-science.{}", self.name())
    }
}

/// An event's name, who tells it and its schema, for documents and tests.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The `detail-type`.
    pub name: &'static str,
    /// Who tells it.
    pub by: Service,
    /// Whose queues it goes to.
    pub heard_by: &'static [Service],
    /// What `detail` looks like.
    pub schema: Schema,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($data:ty) by $service:ident, heard by [$($hears:ident),*];)*) => {
        /// What has happened. The variant's name is the event's.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "detail-type", content = "data")]
        pub enum Happened {
            $($(#[$doc])* $name($data),)*
        }

        impl Happened {
            /// The event's name, its `detail-type`.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }

            /// Who tells it.
            pub fn by(&self) -> Service {
                match self { $(Self::$name(_) => Service::$service,)* }
            }

            /// Whose queues it goes to.
            pub fn heard_by(&self) -> &'static [Service] {
                match self { $(Self::$name(_) => &[$(Service::$hears),*],)* }
            }

            /// What it is about.
            pub fn matter(&self) -> &Matter {
                match self { $(Self::$name(data) => data.as_ref(),)* }
            }
        }

        /// Every event of the saga.
        pub fn definitions() -> Vec<Definition> {
            vec![$(Definition {
                name: stringify!($name),
                by: Service::$service,
                heard_by: &[$(Service::$hears),*],
                schema: schema_for!(envelope::Detail<$data>),
            },)*]
        }
    };
}

events! {
    /// An intent was claimed: take the money, then unblock the content.
    TierUpgradeRequested(Order) by Subscriptions, heard by [Payments];
    /// An intent was given up before its end was known: refuse the content, then give the money back.
    TierUpgradeAbandoned(Abandoned) by Subscriptions, heard by [ContentAccess];
    /// Payments knows of the charge: check the customer, then collect.
    CustomerPaymentRequested(Order) by Payments, heard by [FraudProxy];
    /// The fraud provider has nothing against it.
    FraudCheckPassed(Order) by FraudProxy, heard by [PaymentProxy];
    /// The fraud provider says no.
    FraudCheckFailed(Failed) by FraudProxy, heard by [Payments];
    /// The provider's object says that the money is ours.
    PaymentCollected(Collected) by PaymentProxy, heard by [Payments];
    /// The issuer said no, and the payment can no longer be confirmed.
    PaymentFailed(Failed) by PaymentProxy, heard by [Payments];
    /// No money is held any more.
    PaymentRefunded(Settlement) by PaymentProxy, heard by [Payments];
    /// The provider refuses for good to give the money back.
    PaymentRefundFailed(Failed) by PaymentProxy, heard by [Subscriptions];
    /// The charge is captured: unblock the content.
    PaymentCompleted(Collected) by Payments, heard by [ContentAccess];
    /// The charge is settled: no money is held and none will be.
    PaymentRejected(Settlement) by Payments, heard by [Subscriptions];
    /// The content is refused: see that no money is held.
    PaymentRefundRequested(Refused) by Payments, heard by [PaymentProxy];
    /// The content was granted. The pivot: no refund may begin.
    ContentUnblocked(Unblocked) by ContentAccess, heard by [Subscriptions];
    /// The content was refused, for ever: the charge must not stand.
    ContentUnblockFailed(Refused) by ContentAccess, heard by [Payments];
    /// The customer is premium.
    SubscriptionActivated(Activated) by Subscriptions, heard by [CustomerRelations];
    /// It ended without money.
    SubscriptionRejected(Ended) by Subscriptions, heard by [];
    /// It ended, and the money went back.
    SubscriptionRefunded(Ended) by Subscriptions, heard by [];
    /// A person must decide.
    SubscriptionParked(Parked) by Subscriptions, heard by [];
    /// A customer's status changed: whoever cares may act on it.
    CustomerStatusUpdated(StatusUpdated) by CustomerRelations, heard by [LoyaltyProxy];
    /// The loyalty programme has the customer.
    LoyaltyEnrolled(Enrolled) by LoyaltyProxy, heard by [CustomerRelations];
    /// It will never have them.
    LoyaltyEnrolmentFailed(Failed) by LoyaltyProxy, heard by [CustomerRelations];
    /// The newsletter's provider never took the customer's address.
    NewsletterFailed(Failed) by Newsletter, heard by [CustomerRelations];
    /// All that premium brings has been arranged.
    CustomerRelationsCompleted(RelationsCompleted) by CustomerRelations, heard by [Subscriptions];
    /// Part of it could not be.
    CustomerRelationsPartial(Partial) by CustomerRelations, heard by [Subscriptions];
}

impl Happened {
    /// As an event of this moment.
    pub fn at(self, occurred_at: crate::time::Timestamp) -> Event {
        Event { occurred_at, happened: self }
    }
}

/// A table's outbox: what is put there reaches the bus, once or more. A state and the event that tells of it are written
/// in one transaction, by the table's own port; this is for a repeat, which is told again without any write of a state.
pub trait Outbox {
    /// Tells events again.
    fn tell(&self, events: &[Event]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

#[cfg(test)]
mod tests;
