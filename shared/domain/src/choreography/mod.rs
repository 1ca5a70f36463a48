//! The saga without a conductor: each service hears events, decides by its own row, writes it and tells what happened,
//! in one transaction.
//!
//! A repeat is answered with the event of the row's state, never swallowed: one lost event that is told again drives the
//! whole chain. So nothing here remembers which events it has heard.

pub mod content;
pub mod fraud;
pub mod payment_proxy;
pub mod payments;
pub mod subscriptions;

use crate::events::Happened;

/// What a service does about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction<W> {
    /// Write this and tell that, in one transaction.
    Write(W, Happened),
    /// A repeat: tell this, nothing is written.
    Tell(Happened),
    /// It changes nothing here: it came too late, or is of another charge.
    Pass,
}
