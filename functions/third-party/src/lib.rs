//! The proxies of a choreography: each stands before one third party, hears what is asked of it, and remembers the
//! answer in a table of its own.

pub mod config;
pub mod fraud_proxy;
pub mod loyalty_proxy;
pub mod payment_proxy;

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 10;
