//! Adapters of the ports to what stands outside: AWS, whose SDK types only this crate names, and the machine itself.

pub mod articles;
pub mod bus;
pub mod cases;
pub mod charges;
pub mod cloudwatch;
pub mod config;
pub mod contents;
pub mod entitlements;
pub mod functions;
pub mod gates;
pub mod imports;
mod item;
pub mod ledger;
mod outbox;
pub mod pipelines;
pub mod pipes;
pub mod queues;
pub mod records;
pub mod relations;
pub mod routes;
pub mod secrets;
pub mod snapshots;
pub mod source_files;
pub mod ssm;
pub mod stages;
pub mod states;
pub mod system;
