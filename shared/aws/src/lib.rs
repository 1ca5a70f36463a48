//! Adapters of the ports to what stands outside: AWS, whose SDK types only this crate names, and the machine itself.

pub mod cases;
pub mod charges;
pub mod cloudwatch;
pub mod config;
pub mod entitlements;
pub mod gates;
mod item;
pub mod ledger;
pub mod pipelines;
pub mod pipes;
pub mod queues;
pub mod secrets;
pub mod ssm;
pub mod states;
pub mod system;
