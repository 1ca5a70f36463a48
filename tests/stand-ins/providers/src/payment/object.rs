//! The provider's objects, and how they look on the wire.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::request::Expand;

/// Where a payment intent is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// Declined, or made without a payment method.
    RequiresPaymentMethod,
    /// Made, waits for the caller's word.
    RequiresConfirmation,
    /// The issuer wants to see its customer.
    RequiresAction,
    /// Captured.
    Succeeded,
    /// Given up.
    Canceled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// A payment intent with its latest charge.
#[expect(clippy::struct_field_names, reason = "Stripe's word is payment_method")]
#[derive(Clone, Debug)]
pub struct Payment {
    /// `pi_…`
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// In the currency's minor unit.
    pub amount: u64,
    /// Three lower-case letters.
    pub currency: String,
    /// `pm_…`; removed by a decline.
    pub payment_method: Option<String>,
    /// The caller's own notes; `intent` is the platform's.
    pub metadata: BTreeMap<String, String>,
    /// For people.
    pub description: Option<String>,
    /// Milliseconds since the epoch.
    pub created: u64,
    /// Why and when it was given up.
    pub canceled: Option<(u64, Option<String>)>,
    /// The last attempt to take the money.
    pub charge: Option<Charge>,
    /// Why that attempt failed.
    pub last_error: Option<Value>,
}

/// One attempt to take the money.
#[derive(Clone, Debug)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// Whether the issuer agreed.
    pub paid: bool,
    /// What was asked for, `pm_…`
    pub payment_method: String,
    /// What went back of it.
    pub refunds: Vec<Refund>,
    /// Milliseconds since the epoch.
    pub created: u64,
}

impl Charge {
    /// In the currency's minor unit.
    pub fn amount_refunded(&self) -> u64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }
}

/// Money given back.
#[derive(Clone, Debug)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// The payment, `pi_…`
    pub payment_intent: String,
    /// The charge, `ch_…`
    pub charge: String,
    /// In the currency's minor unit.
    pub amount: u64,
    /// Three lower-case letters.
    pub currency: String,
    /// One of Stripe's reasons.
    pub reason: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Milliseconds since the epoch.
    pub created: u64,
}

impl Payment {
    /// The platform's name of the intent, `metadata.intent`.
    pub fn intent(&self) -> Option<&str> {
        self.metadata.get("intent").map(String::as_str)
    }

    /// As Stripe shows it.
    pub fn to_json(&self, expand: Expand) -> Value {
        let captured = self.status == Status::Succeeded;
        let latest_charge = self.charge.as_ref().map(|charge| match expand {
            Expand::Nothing => Value::from(charge.id.as_str()),
            Expand::Charge => self.charge_json(charge),
            Expand::Refunds => {
                let mut object = self.charge_json(charge);
                let refunds: Vec<_> = charge.refunds.iter().map(Refund::to_json).collect();
                object["refunds"] = json!({"object": "list", "data": refunds, "has_more": false});
                object
            }
        });
        let next_action = (self.status == Status::RequiresAction)
            .then(|| json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}));
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": if captured { self.amount } else { 0 },
            "canceled_at": self.canceled.as_ref().map(|(at, _)| at / 1000),
            "cancellation_reason": self.canceled.as_ref().and_then(|(_, reason)| reason.clone()),
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_standIn", self.id),
            "confirmation_method": "automatic",
            "created": self.created / 1000,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.last_error,
            "latest_charge": latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": next_action,
            "payment_method": self.payment_method,
            "payment_method_types": ["card"],
            "status": self.status.name(),
        })
    }

    fn charge_json(&self, charge: &Charge) -> Value {
        json!({
            "id": charge.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if charge.paid { self.amount } else { 0 },
            "amount_refunded": charge.amount_refunded(),
            "captured": charge.paid,
            "created": charge.created / 1000,
            "currency": self.currency,
            "disputed": false,
            "livemode": false,
            "metadata": self.metadata,
            "paid": charge.paid,
            "payment_intent": self.id,
            "payment_method": charge.payment_method,
            "refunded": charge.paid && charge.amount_refunded() == self.amount,
            "status": if charge.paid { "succeeded" } else { "failed" },
        })
    }
}

impl Refund {
    /// As Stripe shows it.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created / 1000,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": "succeeded",
        })
    }
}
