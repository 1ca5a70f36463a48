//! What events say. All of it is flat, and none of it is an e-mail address or a card number.

use crate::charges::Settled;
use crate::intent::{Charge, CustomerId, IntentId, IntentKey, PaymentMethod, Tier};
use crate::ledger::Intent;
use crate::loyalty::MemberId;
use crate::money::Money;
use crate::relations::Missing;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every event of the saga says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matter {
    /// Which charge, `intentId#n`.
    pub charge: Charge,
    /// Which attempt of the intent.
    pub attempt: u32,
    /// Whose.
    pub customer: CustomerId,
    /// What is subscribed to.
    pub tier: Tier,
    /// What it costs: `amount` in minor units, `currency`.
    #[serde(flatten)]
    pub price: Money,
}

impl Matter {
    /// The matter of an intent's attempt.
    pub fn of(intent: &Intent) -> Self {
        Self {
            charge: intent.charge(),
            attempt: intent.attempt,
            customer: intent.customer.clone(),
            tier: intent.body.tier,
            price: intent.price.clone(),
        }
    }

    /// The intent.
    pub fn intent(&self) -> &IntentId {
        &self.charge.intent
    }
}

macro_rules! about_a_matter {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// What it is about.
            #[serde(flatten)]
            pub matter: Matter,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl AsRef<Matter> for $name {
            fn as_ref(&self) -> &Matter {
                &self.matter
            }
        }
    )*};
}

about_a_matter! {
    /// Of events on the way to the money.
    Order {
        /// The token to pay with.
        payment_method: PaymentMethod,
    }
    /// Of `TierUpgradeAbandoned`.
    Abandoned {}
    /// Of events that say that the money is ours.
    Collected {}
    /// Of events that say that something will not be.
    Failed {
        /// Why, a code such as `card_declined`.
        reason: String,
    }
    /// Of events about a charge whose content is refused.
    Refused {
        /// Why, a code.
        reason: String,
    }
    /// Of events that say how a charge was settled.
    Settlement {
        /// How.
        kind: Settled,
        /// Why it was not captured, a code, where that was the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    /// Of `ContentUnblocked`.
    Unblocked {
        /// The end of the entitlement.
        until: Timestamp,
    }
    /// Of `SubscriptionActivated`.
    Activated {
        /// The customer's name for the intent.
        key: IntentKey,
        /// The end of the entitlement.
        until: Timestamp,
        /// Whether the customer wants the newsletter.
        newsletter: bool,
    }
    /// Of the events that end a subscription that never was.
    Ended {
        /// The customer's name for the intent.
        key: IntentKey,
        /// Why, a code, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    /// Of `SubscriptionParked`.
    Parked {
        /// The customer's name for the intent.
        key: IntentKey,
        /// The case that asks a person.
        case_id: String,
    }
    /// Of `CustomerStatusUpdated`.
    StatusUpdated {}
    /// Of `LoyaltyEnrolled`.
    Enrolled {
        /// The programme's own id of the member.
        member: MemberId,
    }
    /// Of `CustomerRelationsCompleted`.
    RelationsCompleted {}
    /// Of `CustomerRelationsPartial`.
    Partial {
        /// What could not be arranged, and why.
        missing: Vec<Missing>,
    }
}
