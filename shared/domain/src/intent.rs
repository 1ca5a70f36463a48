//! An intent: a customer's accepted wish to subscribe, as it travels in messages and names its charges.

use crate::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a value of this module must be, when it is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Invalid {
    /// The field's name, as the caller wrote it.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the invariant once, here.
            ///
            /// # Errors
            /// [`Invalid`] with the field's name and the rule.
            pub fn new(value: impl Into<String>) -> Result<Self, Invalid> {
                let value = value.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&value) { Ok(Self(value)) } else { Err(Invalid { field: $field, rule: $rule }) }
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(value: String) -> Result<Self, Invalid> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use checked_string;

/// How the errors of the checked texts begin.
const RULES: [&str; 4] = [
    "customer: must be 1 to 128 characters without control characters, ':' and '#'",
    "Idempotency-Key: must be a UUID",
    "intentId: must be 43 characters of base64url",
    "paymentMethod: must be a token (pm_ and 8 to 64 letters or digits) and never hold a card number",
];

checked_string!(
    /// Who wants something: `sub` of a verified access token, never a field of a body.
    CustomerId,
    "customer",
    "must be 1 to 128 characters without control characters, ':' and '#'",
    |v| !v.is_empty() && v.len() <= 128 && !v.chars().any(|c| c.is_control() || c == ':' || c == '#')
);

checked_string!(
    /// The `Idempotency-Key` of the request: a UUID in its hyphenated form, kept as the customer wrote it.
    IntentKey,
    "Idempotency-Key",
    "must be a UUID",
    |v| v.len() == 36 && uuid::Uuid::try_parse(v).is_ok()
);

checked_string!(
    /// `base64url(sha256(sub ":" Idempotency-Key))`: the name of an intent in every table, event, case and provider key.
    IntentId,
    "intentId",
    "must be 43 characters of base64url",
    |v| v.len() == 43 && v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
);

checked_string!(
    /// A token for a means of payment. Thirteen digits in a row would be a card number: none gets in.
    PaymentMethod,
    "paymentMethod",
    "must be a token (pm_ and 8 to 64 letters or digits) and never hold a card number",
    |v| v.strip_prefix("pm_").is_some_and(|t| {
        (8..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric()) && !holds_card_number(t)
    })
);

fn holds_card_number(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|b| {
        run = if b.is_ascii_digit() { run + 1 } else { 0 };
        run >= 13
    })
}

/// What a parser disliked, without a word of the text: it quotes names and values, and a card number or an address must
/// not reach a log or a dead-letter queue that way. Our own rules are constant sentences and may stay.
pub fn what_is_wrong(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let rule = RULES.iter().copied().find(|rule| said.starts_with(rule));
    // The name of a missing field is ours, that of an unknown one is not.
    let missing = said.split(" at line").next().filter(|said| said.starts_with("missing field"));
    let what = match error.classify() {
        serde_json::error::Category::Data => {
            rule.or(missing).unwrap_or("a field is unknown or has a value that it must not have")
        }
        _ => "it is not JSON",
    };
    if error.line() == 0 {
        what.to_owned()
    } else {
        format!("{what}, line {}, column {}", error.line(), error.column())
    }
}

impl IntentId {
    /// The id of this customer's intent with this key. Two customers with one key never meet.
    pub fn of(customer: &CustomerId, key: &IntentKey) -> Self {
        // The key is case-insensitive as a UUID is: the same wish in capitals is the same wish.
        let key = key.as_str().to_ascii_lowercase();
        let digest = Sha256::digest(format!("{customer}:{key}"));
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// What is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Articles behind the paywall.
    Premium,
}

impl Tier {
    /// The word in keys and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Premium => "premium",
        }
    }
}

/// What the customer asked for. The ledger's copy decides everywhere, also when a second request brings another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Body {
    /// The tier.
    pub tier: Tier,
    /// The token to pay with.
    pub payment_method: PaymentMethod,
    /// Whether the newsletter is wanted too.
    #[serde(default)]
    pub newsletter: bool,
}

/// A message of `subscription-intents` and `subscription-register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntentMessage {
    /// From the verified token.
    pub customer: CustomerId,
    /// From the request's header.
    pub key: IntentKey,
    /// From the request's body.
    pub body: Body,
    /// When the request was accepted.
    pub accepted_at: Timestamp,
}

impl IntentMessage {
    /// Reads a message's text.
    ///
    /// # Errors
    /// A sentence that says what is wrong and where, never the text itself.
    pub fn parse(text: &str) -> Result<Self, PoisonMessage> {
        serde_json::from_str(text).map_err(|error| PoisonMessage { reason: what_is_wrong(&error) })
    }

    /// The id of the intent.
    pub fn intent_id(&self) -> IntentId {
        IntentId::of(&self.customer, &self.key)
    }
}

/// A message that can never be handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a subscription intent: {reason}")]
pub struct PoisonMessage {
    /// What is wrong, with line and column.
    pub reason: String,
}

/// The taking of money for an intent: `intentId#n`. It keys payments, decision, fraud verdict and the provider's
/// keys; `n` rises only when an operator retries a settled charge, and a row is never reset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Charge {
    /// Whose charge.
    pub intent: IntentId,
    /// From 1.
    pub n: u32,
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.intent, self.n)
    }
}

impl From<Charge> for String {
    fn from(charge: Charge) -> Self {
        charge.to_string()
    }
}

impl TryFrom<String> for Charge {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        let invalid = Invalid { field: "charge", rule: "must be an intent id, # and a number" };
        let (intent, n) = text.split_once('#').ok_or_else(|| invalid.clone())?;
        Ok(Self { intent: IntentId::new(intent)?, n: n.parse().map_err(|_| invalid)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10";

    fn customer(sub: &str) -> CustomerId {
        CustomerId::new(sub).unwrap()
    }

    #[test]
    fn two_customers_with_one_key_never_meet() {
        let key = IntentKey::new(KEY).unwrap();
        assert_ne!(IntentId::of(&customer("ada"), &key), IntentId::of(&customer("bob"), &key));
    }

    #[test]
    fn the_same_key_in_capitals_is_the_same_intent() {
        let (small, capital) = (IntentKey::new(KEY).unwrap(), IntentKey::new(KEY.to_uppercase()).unwrap());
        assert_eq!(IntentId::of(&customer("ada"), &small), IntentId::of(&customer("ada"), &capital));
    }

    #[test]
    fn no_card_number_gets_in() {
        for bad in ["4242424242424242", "pm_4242424242424242", "pm_x4242424242424x", "pm_short", "pm_with-dash1", ""] {
            let error = PaymentMethod::new(bad).unwrap_err();
            assert_eq!(error.field, "paymentMethod", "{bad}");
        }
        assert!(PaymentMethod::new("pm_cardVisa4242").is_ok());
    }

    #[test]
    fn an_unknown_field_or_type_is_poison_with_a_place() {
        let good = format!(
            r#"{{"customer":"ada","key":"{KEY}","body":{{"tier":"premium","paymentMethod":"pm_cardVisa4242"}},"acceptedAt":5}}"#
        );
        assert!(IntentMessage::parse(&good).is_ok());
        let unknown = good.replace(r#""acceptedAt":5"#, r#""acceptedAt":5,"admin":true"#);
        let reason = IntentMessage::parse(&unknown).unwrap_err().to_string();
        assert!(reason.contains("unknown") && reason.contains("column"), "{reason}");
        assert!(!reason.contains("admin"), "{reason}");
        let method = good.replace("pm_cardVisa4242", "4242-4242-4242-4242");
        let reason = IntentMessage::parse(&method).unwrap_err().to_string();
        assert!(reason.contains("paymentMethod") && !reason.contains("4242"), "{reason}");
        let tier = good.replace("premium", "4242 4242 4242 4242");
        assert!(!IntentMessage::parse(&tier).unwrap_err().to_string().contains("4242"));
        assert!(IntentMessage::parse("not json").is_err());
        assert!(IntentMessage::parse(&good.replace("premium", "gold")).is_err());
    }

    proptest! {
        #[test]
        fn reading_a_message_never_panics(text in ".*") {
            drop(IntentMessage::parse(&text));
        }

        #[test]
        fn a_charge_reads_back(n in 1u32..) {
            let key = IntentKey::new(KEY).unwrap();
            let charge = Charge { intent: IntentId::of(&customer("ada"), &key), n };
            prop_assert_eq!(Charge::try_from(charge.to_string()).unwrap(), charge);
        }
    }
}
