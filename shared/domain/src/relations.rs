//! Customer relations: what premium brings beside the content. Nothing here holds money, and nothing undoes a subscription:
//! whatever cannot be arranged is said honestly, and a person looks at it.
//!
//! Two answers are joined. The loyalty programme's is waited for. The newsletter's is not: its request is queued, and only a
//! failure comes back, perhaps long after everything was said to be arranged.

use crate::events::{Activated, Happened, Matter, Partial, RelationsCompleted, StatusUpdated};
use crate::loyalty::MemberId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// A customer became premium. The caller has handed the newsletter's request to its queue first, where it is wanted: a
/// request that goes twice is harmless, one that never goes is not.
pub fn begin(row: Option<&Relations>, activated: &Activated) -> Reaction {
    if let Some(row) = row {
        return Reaction::Tell(Box::new(row.told()));
    }
    let newsletter = if activated.newsletter { Newsletter::Queued } else { Newsletter::NotWanted };
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

#[cfg(test)]
mod tests;
