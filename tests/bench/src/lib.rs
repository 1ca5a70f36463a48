//! What the gate costs and what it lets through, counted in virtual time beside the usual ways.
//!
//! The gate's figures come from the code that is deployed, core and driver, over a table that answers after a while and
//! keeps a log: [`world`] has the time, [`table`] counts, [`load`] and [`herd`](load::herd) ask for calls, [`outage`] calls
//! a provider that is dead. The same seed gives the same figures.

pub mod estimates;
pub mod goals;
pub mod load;
pub mod outage;
mod print;
pub mod report;
#[cfg(feature = "search")]
pub mod search;
pub mod settings;
pub mod table;
pub mod world;
