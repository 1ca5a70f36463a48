//! The ledger: intents and their outcomes, the one place that says what happened.
//!
//! [`transitions`] holds the rules as pure functions over one row and the tier's lock; [`store`] is the port that
//! writes what they return, under the condition that nobody wrote in between.

pub mod store;
pub mod transitions;

use crate::charges::Settled;
use crate::intent::{Body, Charge, CustomerId, IntentId, IntentKey, IntentMessage, Tier};
use crate::money::Money;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Recorded, nobody works on it.
    Accepted,
    /// An execution owns it and goes forward.
    Processing,
    /// An execution owns it and settles its charge.
    Compensating,
    /// An attempt failed; the next one waits in the queue.
    Retrying,
    /// A person must decide; a case asks them.
    Parked,
    /// The customer is premium. Terminal.
    Active,
    /// Ended without money. Terminal.
    Declined,
    /// Ended, the money went back. Terminal.
    Refunded,
}

impl Status {
    /// Every status, for sweeps and tests.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Processing,
        Self::Compensating,
        Self::Retrying,
        Self::Parked,
        Self::Active,
        Self::Declined,
        Self::Refunded,
    ];

    /// Whether the intent has ended for ever.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Active | Self::Declined | Self::Refunded)
    }

    /// Whether an execution should be at work on it.
    pub fn is_owned(self) -> bool {
        matches!(self, Self::Processing | Self::Compensating)
    }

    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Processing => "processing",
            Self::Compensating => "compensating",
            Self::Retrying => "retrying",
            Self::Parked => "parked",
            Self::Active => "active",
            Self::Declined => "declined",
            Self::Refunded => "refunded",
        }
    }
}

/// The reason of a decline: the tier is held by another intent.
pub const ALREADY_SUBSCRIBED: &str = "already-subscribed";

impl From<Settled> for Status {
    /// The terminal status of an intent whose charge ended so.
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Refunded => Self::Refunded,
            Settled::Canceled => Self::Declined,
        }
    }
}

/// How an intent that settles shall end, when it may not become active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Out {
    /// The customer's issuer, the fraud check or another subscription stands against it.
    Declined,
    /// It cannot be delivered.
    Refunded,
    /// We gave up: settle, then ask a person.
    Parked,
}

/// What became of customer relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationsEnd {
    /// All of it is arranged.
    Completed,
    /// Part of it could not be; a case says what.
    Partial,
}

/// Which saga style an intent began in; it is retried in the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// The state machine `subscribe` orchestrates payment and content; customer relations hear events.
    Hybrid,
    /// The state machine `subscribe` orchestrates all that there is.
    Orchestration,
    /// Services hear each other's events.
    Choreography,
}

impl Style {
    /// Whether events drive payment and content, and no execution does.
    pub fn is_choreographed(self) -> bool {
        self == Self::Choreography
    }
}

impl std::str::FromStr for Style {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "Hybrid" => Ok(Self::Hybrid),
            "Choreography" => Ok(Self::Choreography),
            _ => Err("must be Hybrid or Choreography"),
        }
    }
}

/// The ARN of the execution that works on an intent. It fences: only its owner writes a row that is owned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Execution(pub String);

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Whose.
    pub customer: CustomerId,
    /// Its id.
    pub intent_id: IntentId,
    /// The customer's own name for it.
    pub key: IntentKey,
    /// What was asked for, as first written: it decides everywhere.
    pub body: Body,
    /// What it costs, pinned when it was first written.
    pub price: Money,
    /// Where it stands.
    pub status: Status,
    /// The charge's number, from 1.
    pub n: u32,
    /// Rises with each recovery; part of the provider's keys, so that a saved error is never replayed for ever.
    pub attempt: u32,
    /// Recoveries whose fault was ours; an outage burns none.
    pub faults: u32,
    /// Set while it settles: how it shall end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out: Option<Out>,
    /// Why it settles or ended, a code such as `card_declined`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// After this it is given up: settled, then parked.
    pub deadline: Timestamp,
    /// The deadline passed once already and was extended to settle.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub extended: bool,
    /// When its message was last sent.
    pub last_sent_at: Timestamp,
    /// In a choreography, where no execution can be asked: after this an attempt that has not ended is taken back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt_deadline: Option<Timestamp>,
    /// The style that it began in.
    pub style: Style,
    /// Who works on it, while somebody does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Execution>,
    /// Who ended or parked it, so that this one's repeated call gets the same answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_by: Option<Execution>,
    /// Whose failed attempt was taken back, while it is retried: this one's event may come again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_from: Option<Execution>,
    /// The open case, while parked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub case_id: Option<String>,
    /// What became of all that premium brings beside the content, once that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relations: Option<RelationsEnd>,
    /// When the request was accepted.
    pub accepted_at: Timestamp,
    /// When this row was last written.
    pub updated_at: Timestamp,
}

impl Intent {
    /// A first row from a message: accepted, nobody's.
    pub fn accepted(message: &IntentMessage, terms: &Terms, now: Timestamp) -> Self {
        Self {
            customer: message.customer.clone(),
            intent_id: message.intent_id(),
            key: message.key.clone(),
            body: message.body.clone(),
            price: terms.price.clone(),
            status: Status::Accepted,
            n: 1,
            attempt: 1,
            faults: 0,
            out: None,
            reason: None,
            deadline: now.plus(terms.max_intent_age),
            extended: false,
            last_sent_at: now,
            attempt_deadline: None,
            style: terms.style,
            owner: None,
            ended_by: None,
            taken_from: None,
            case_id: None,
            relations: None,
            accepted_at: message.accepted_at,
            updated_at: now,
        }
    }

    /// The charge that this row is about now.
    pub fn charge(&self) -> Charge {
        Charge { intent: self.intent_id.clone(), n: self.n }
    }

    /// The message that hands it to the pipeline again.
    pub fn message(&self) -> IntentMessage {
        IntentMessage {
            customer: self.customer.clone(),
            key: self.key.clone(),
            body: self.body.clone(),
            accepted_at: self.accepted_at,
        }
    }

    fn is_mine(&self, me: &Execution) -> bool {
        self.status.is_owned() && self.owner.as_ref() == Some(me)
    }
}

/// Who may hold money for a customer's tier. Held from claim to a terminal write, and while premium lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TierLock {
    /// The holder.
    pub intent_id: IntentId,
    /// Set once active: the end of the entitlement. Without it the lock does not expire.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
}

impl TierLock {
    pub(crate) fn is_free_for(lock: Option<&Self>, intent: &IntentId, now: Timestamp) -> bool {
        lock.is_none_or(|l| l.intent_id == *intent || l.until.is_some_and(|until| until < now))
    }
}

/// What a new intent is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The price of the tier.
    pub price: Money,
    /// How long an intent may stay without an end before it is given up.
    pub max_intent_age: Duration,
    /// In which style it begins; it keeps that one.
    pub style: Style,
}

/// What the status means, in the customer's words.
pub fn customer_message(intent: &Intent) -> &'static str {
    match (intent.status, intent.reason.as_deref()) {
        (Status::Accepted, _) => "We have your request and will work on it.",
        (Status::Processing | Status::Compensating, _) => "We are working on your request.",
        (Status::Retrying, _) => "This takes longer than usual. Your request is safe; we try again by ourselves.",
        (Status::Parked, _) => "Something needs a person to look at it. We will come back to you.",
        (Status::Active, _) if intent.relations == Some(RelationsEnd::Partial) => {
            "Welcome: you are a premium subscriber. Part of what comes with it, such as the loyalty programme or the \
             newsletter, is not arranged yet; we see to it."
        }
        (Status::Active, _) => "Welcome: you are a premium subscriber.",
        (Status::Declined, Some(ALREADY_SUBSCRIBED)) => {
            "You are a premium subscriber already, or about to become one. Nothing was charged for this request."
        }
        (Status::Declined, _) => "The payment was declined. Nothing was charged.",
        (Status::Refunded, _) => "We could not complete your subscription. The payment was given back.",
    }
}

/// The tier of an intent: what its lock guards.
pub fn tier(intent: &Intent) -> Tier {
    intent.body.tier
}
