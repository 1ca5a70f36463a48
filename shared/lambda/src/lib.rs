//! What every Lambda of ours needs around its service: configuration from the environment, the gates' too, telemetry,
//! typed task errors, SQS batches, HTTP behind API Gateway with problem details.

pub mod batch;
pub mod config;
pub mod events;
pub mod gates;
pub mod http;
pub mod problem;
pub mod task;
pub mod telemetry;
