//! The subscriptions service: it owns the ledger. Four Lambdas: what the state machine asks of the ledger ([`tasks`]),
//! what is recorded at once ([`register`]), what customers see ([`api`]), what brings failed attempts back
//! ([`recovery`]).

pub mod api;
pub mod choreography;
pub mod config;
pub mod recovery;
pub mod register;
pub mod tasks;

/// How often a decision is made anew when somebody else wrote in between, before the task fails and is retried.
const CONFLICTS: u32 = 10;
