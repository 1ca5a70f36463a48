//! Resilience: the pipeline breaker's probe ([`probe`]), what readers are told ([`status`]), what operators decide
//! about parked intents ([`ops`]).

pub mod config;
pub mod ops;
pub mod probe;
pub mod status;
