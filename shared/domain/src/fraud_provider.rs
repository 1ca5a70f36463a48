//! The port to whoever judges customers before money is taken. A check takes nothing and changes nothing, so it may be
//! repeated; its verdict is stored, as a second one might differ.

use crate::choreography::fraud::Verdict;
use crate::events::Order;
use std::future::Future;
use std::time::Duration;

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FraudError {
    /// Time-out, broken connection, 5xx, an answer that is no verdict: the provider's outage.
    #[error("the fraud provider gave no verdict: {reason}")]
    Unknown {
        /// For the log; never holds the body of an answer.
        reason: String,
    },
    /// Not now: the provider pushed back, or our own limit of calls did.
    #[error("the fraud provider takes no more calls just now")]
    RateLimited {
        /// When to ask again, if anybody said so.
        retry_after: Option<Duration>,
    },
    /// The provider is taken for broken, and nothing was sent.
    #[error("the fraud provider was not called: {reason}")]
    NotPermitted {
        /// For the log.
        reason: String,
    },
    /// It understood and will never answer this (4xx of ours): repeating is useless.
    #[error("the fraud provider refused the request with {status}")]
    Rejected {
        /// The HTTP status.
        status: u16,
    },
}

/// A fraud provider.
pub trait FraudProvider {
    /// Asks about one charge.
    fn check(&self, order: &Order) -> impl Future<Output = Result<Verdict, FraudError>> + Send;
}
