//! Connectors: each speaks one vendor's API and implements a port of `domain`. What goes over the wire stays in here.
//!
//! What goes over the wire passes a [`tower::Layer`] of the caller's choice, such as the gate of this vendor
//! ([`admission::layer`]). What it holds back was not sent, and the port says so.
//!
//! A connector makes one request per call and never repeats it: whether a repeat is safe, and under which idempotency
//! key, is the caller's protocol. Whatever leaves the outcome open is an `Unknown`, never a failure.
//!
//! To add a vendor: one module with private `wire` types (tolerant of unknown fields, strict on those that decide), one
//! pure mapping from answers to the port's words, and a contract suite that runs alone against the vendor's stand-in.

mod api_key;
pub mod fraud;
mod http;
pub mod loyalty;
pub mod monolith;
pub mod stripe;

pub use api_key::{ApiKey, InvalidApiKey};
pub use http::{Answer, HttpConfig, InvalidHttpConfig, NoAnswer, SendError, Wire};
