//! Adapters to AWS: the only crate that names AWS SDK types.

pub mod cases;
pub mod charges;
pub mod cloudwatch;
pub mod config;
pub mod entitlements;
mod item;
pub mod ledger;
pub mod pipelines;
pub mod pipes;
pub mod queues;
pub mod secrets;
pub mod ssm;
pub mod states;
