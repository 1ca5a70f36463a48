//! What content access tells of a decision.

use crate::decisions::Decision;
use crate::events::{Happened, Matter, Refused, Unblocked};

/// The event of a stored decision.
pub fn told(decision: &Decision, matter: &Matter) -> Happened {
    let matter = matter.clone();
    match decision {
        Decision::Granted { until } => Happened::ContentUnblocked(Unblocked { matter, until: *until }),
        Decision::Refused { reason } => Happened::ContentUnblockFailed(Refused { matter, reason: reason.clone() }),
    }
}
