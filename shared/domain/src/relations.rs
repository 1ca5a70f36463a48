//! Customer relations: what premium brings beside the content. Nothing here holds money, and nothing undoes a subscription:
//! whatever cannot be arranged is said honestly, and a person looks at it.
//!
//! Two answers are joined. The loyalty programme's is waited for. The newsletter's is not: its request is queued, and only a
//! failure comes back, perhaps long after everything was said to be arranged.

use crate::events::{Activated, Event, Happened, Matter, Outbox, Partial, RelationsCompleted, StatusUpdated};
use crate::intent::{CustomerId, Invalid, checked_string};
use crate::loyalty::MemberId;
use crate::services::ServiceError;
use crate::store::{Commit, StoreError, Versioned};
use md5::{Digest, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;

/// What the loyalty programme said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "loyalty", rename_all = "kebab-case")]
pub enum Loyalty {
    /// Nothing yet.
    Pending,
    /// The customer is a member.
    Enrolled {
        /// Whom the programme knows them as.
        member: MemberId,
    },
    /// Never.
    Failed {
        /// A code.
        #[serde(rename = "loyaltyReason")]
        reason: String,
    },
}

/// Where the newsletter's request is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "newsletter", rename_all = "kebab-case")]
pub enum Newsletter {
    /// The customer did not ask for it.
    NotWanted,
    /// On its way; only a failure comes back.
    Queued,
    /// Never taken.
    Failed {
        /// A code.
        #[serde(rename = "newsletterReason")]
        reason: String,
    },
}

/// One row of `customer-relations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relations {
    /// Which subscription, and whose.
    #[serde(flatten)]
    pub matter: Matter,
    /// The loyalty programme's answer.
    #[serde(flatten)]
    pub loyalty: Loyalty,
    /// The newsletter's request.
    #[serde(flatten)]
    pub newsletter: Newsletter,
}

/// One thing that could not be arranged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// `loyalty` or `newsletter`.
    pub what: String,
    /// A code.
    pub reason: String,
}

/// What customer relations does about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Write this and, where there is something to tell, tell it, in one transaction.
    Write(Box<Relations>, Option<Box<Happened>>),
    /// A repeat: tell this, nothing is written.
    Tell(Box<Happened>),
    /// It changes nothing.
    Pass,
}

impl Relations {
    /// What can be told of it: the question while the programme has not answered, then how it ended.
    pub fn told(&self) -> Happened {
        let matter = self.matter.clone();
        let missing = self.missing();
        match self.loyalty {
            Loyalty::Pending => Happened::CustomerStatusUpdated(StatusUpdated { matter }),
            _ if missing.is_empty() => Happened::CustomerRelationsCompleted(RelationsCompleted { matter }),
            _ => Happened::CustomerRelationsPartial(Partial { matter, missing }),
        }
    }

    fn missing(&self) -> Vec<Missing> {
        let loyalty = match &self.loyalty {
            Loyalty::Failed { reason } => Some(("loyalty", reason)),
            Loyalty::Pending | Loyalty::Enrolled { .. } => None,
        };
        let newsletter = match &self.newsletter {
            Newsletter::Failed { reason } => Some(("newsletter", reason)),
            Newsletter::NotWanted | Newsletter::Queued => None,
        };
        let missing = |(what, reason): (&str, &String)| Missing { what: what.to_owned(), reason: reason.clone() };
        loyalty.into_iter().chain(newsletter).map(missing).collect()
    }
}

/// A customer became premium. `newsletter`: its request, which the caller has handed to its queue first, where it is wanted: a
/// request that goes twice is harmless, one that never goes is not.
pub fn begin(row: Option<&Relations>, activated: &Activated, newsletter: Newsletter) -> Reaction {
    if let Some(row) = row {
        return Reaction::Tell(Box::new(row.told()));
    }
    let row = Relations { matter: activated.matter.clone(), loyalty: Loyalty::Pending, newsletter };
    let told = row.told();
    Reaction::Write(Box::new(row), Some(Box::new(told)))
}

/// What an answer changes. The first answer of the programme stands; a newsletter fails once.
pub fn hear(row: &Relations, happened: &Happened) -> Reaction {
    let mut after = row.clone();
    match (happened, &row.loyalty, &row.newsletter) {
        (Happened::LoyaltyEnrolled(enrolled), Loyalty::Pending, _) => {
            after.loyalty = Loyalty::Enrolled { member: enrolled.member.clone() };
        }
        (Happened::LoyaltyEnrolmentFailed(failed), Loyalty::Pending, _) => {
            after.loyalty = Loyalty::Failed { reason: failed.reason.clone() };
        }
        (Happened::NewsletterFailed(failed), _, Newsletter::Queued) => {
            after.newsletter = Newsletter::Failed { reason: failed.reason.clone() };
        }
        (
            Happened::LoyaltyEnrolled(_) | Happened::LoyaltyEnrolmentFailed(_) | Happened::NewsletterFailed(_),
            loyalty,
            _,
        ) => {
            // While the programme is silent, there is nothing to repeat to those who wait for the end.
            return if *loyalty == Loyalty::Pending { Reaction::Pass } else { Reaction::Tell(Box::new(row.told())) };
        }
        _ => return Reaction::Pass,
    }
    let told = (after.loyalty != Loyalty::Pending).then(|| Box::new(after.told()));
    Reaction::Write(Box::new(after), told)
}

checked_string!(
    /// Where a customer gets letters. It never goes into an event or a log.
    EmailAddress,
    "email",
    "must be an address of at most 254 characters without spaces, quotes, brackets and backslashes",
    |v| v.len() <= 254
        && v.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !v.chars().any(|c| c.is_control() || c.is_whitespace() || "\"\\<>()[],;:".contains(c))
);

impl EmailAddress {
    /// How Mailchimp names a member: the MD5 of the address in lower case, without spaces around it
    /// (<https://mailchimp.com/developer/marketing/docs/methods-parameters/#path-parameters>).
    pub fn subscriber_hash(&self) -> String {
        format!("{:x}", Md5::digest(self.as_str().to_lowercase()))
    }
}

/// A message of `newsletter-requests`. A Pipe makes the request of it, without any code: so everything is ready here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewsletterRequest {
    /// For which subscription, so that a failure can be told.
    pub matter: Matter,
    /// The member's name in the request's path.
    pub subscriber_hash: String,
    /// The member's address in its body.
    pub email_address: EmailAddress,
}

impl NewsletterRequest {
    /// The request for a customer.
    pub fn of(matter: &Matter, address: EmailAddress) -> Self {
        Self { matter: matter.clone(), subscriber_hash: address.subscriber_hash(), email_address: address }
    }
}

/// Who knows where customers get letters.
pub trait Addresses {
    /// A customer's verified address, if there is one.
    fn address(&self, customer: &CustomerId)
    -> impl Future<Output = Result<Option<EmailAddress>, ServiceError>> + Send;
}

/// The queue of newsletter requests.
pub trait NewsletterQueue {
    /// Hands a request over.
    fn request(&self, request: &NewsletterRequest) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// Customer relations' own table.
pub trait RelationsRows: Outbox {
    /// One row, consistently read.
    fn relations(
        &self,
        matter: &Matter,
    ) -> impl Future<Output = Result<Option<Versioned<Relations>>, StoreError>> + Send;

    /// Writes a row, and tells these events, if nobody wrote since `based_on` (`None`: if there is none).
    fn put(
        &self,
        row: Relations,
        based_on: Option<u64>,
        tell: &[Event],
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

#[cfg(test)]
mod tests;
