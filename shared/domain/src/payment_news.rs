//! What a payment provider tells us unasked. It says where to look, not what to believe: the object decides, not the order in
//! which news arrives.

use crate::intent::Charge;
use crate::payment_provider::PaymentId;
use crate::time::Timestamp;

/// One piece of news, verified to be the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentNews {
    /// The provider's own id of it: the same news comes more than once.
    pub id: String,
    /// When the provider says that it happened.
    pub created: Timestamp,
    /// What it is about.
    pub about: News,
}

/// What news is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A payment has changed: look at it.
    Payment(Subject),
    /// Money has gone back, or did not.
    Refund {
        /// Of what.
        of: Subject,
        /// It failed at the customer's bank, which may be days after it began: the money is ours again.
        failed: bool,
    },
    /// The customer's bank takes the money back.
    DisputeOpened(Subject),
    /// That is over.
    DisputeClosed {
        /// Of what.
        of: Subject,
        /// Whether the money stays ours.
        won: bool,
    },
    /// Nothing that concerns us.
    Other {
        /// The provider's name for it.
        kind: String,
    },
}

/// Which payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The provider's payment.
    pub payment: PaymentId,
    /// Our charge, where the provider knows it: refunds and disputes may come without.
    pub charge: Option<Charge>,
}
