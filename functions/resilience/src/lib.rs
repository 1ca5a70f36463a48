//! Resilience: the pipeline breaker's probe ([`probe`]), what readers are told ([`status`]), what operators decide
//! about parked intents ([`ops`]) and the strangler's routes ([`routes`]), the gates of third parties for state machines
//! ([`reserve`], [`report`]) and for operators ([`breakers`]).

pub mod breakers;
pub mod config;
pub mod ops;
mod present;
pub mod probe;
pub mod report;
pub mod reserve;
pub mod routes;
pub mod status;
