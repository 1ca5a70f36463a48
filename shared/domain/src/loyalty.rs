//! The port to the loyalty programme. Enrolling is idempotent by its reference, so it may be repeated.

use crate::intent::{Charge, CustomerId, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

/// Who is to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Whom.
    pub customer: CustomerId,
    /// As a subscriber to what.
    pub tier: Tier,
    /// For which charge: the programme's idempotency key.
    pub reference: Charge,
}

/// The programme's own id of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct MemberId(pub String);

/// Why nobody was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// Nobody knows whether it happened: time-out, broken connection, 5xx, an answer that cannot be read.
    #[error("the loyalty programme's answer is unknown: {reason}")]
    Unknown {
        /// For the log; never holds the body of an answer.
        reason: String,
    },
    /// Not now: the programme pushed back, or our own limit of calls did.
    #[error("the loyalty programme takes no more calls just now")]
    RateLimited {
        /// When to ask again, if anybody said so.
        retry_after: Option<Duration>,
    },
    /// The programme is taken for broken, and nothing was sent.
    #[error("the loyalty programme was not called: {reason}")]
    NotPermitted {
        /// For the log.
        reason: String,
    },
    /// It will never enrol this customer: repeating is useless.
    #[error("the loyalty programme refused: {code}")]
    Rejected {
        /// The programme's code; never holds the body of an answer.
        code: String,
    },
}

/// A loyalty programme.
pub trait LoyaltyProgramme {
    /// Enrols a customer, who may be enrolled already.
    fn enrol(&self, enrolment: &Enrolment) -> impl Future<Output = Result<MemberId, EnrolmentError>> + Send;
}
