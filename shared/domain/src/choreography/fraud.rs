//! What fraud-proxy remembers: one verdict a charge, for ever. A second question to the provider might be answered
//! otherwise, and a charge would be taken and refused at once.

use crate::charges::OfCharge;
use crate::events::{Failed, Happened, Order};
use crate::intent::Charge;
use serde::{Deserialize, Serialize};

/// What the provider said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing against it.
    Passed,
    /// The customer is taken for a fraudster.
    Failed {
        /// A code.
        reason: String,
    },
}

/// One row of `fraud-verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// Which charge.
    pub charge: Charge,
    /// What was said.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl OfCharge for VerdictRow {
    fn charge(&self) -> &Charge {
        &self.charge
    }
}

/// The event of a verdict that is stored.
pub fn told(verdict: &Verdict, order: &Order) -> Happened {
    match verdict {
        Verdict::Passed => Happened::FraudCheckPassed(order.clone()),
        Verdict::Failed { reason } => {
            Happened::FraudCheckFailed(Failed { matter: order.matter.clone(), reason: reason.clone() })
        }
    }
}
