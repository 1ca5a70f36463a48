//! The gate's protocol.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod model;
mod relative;
mod scopes;
