//! The gate's protocol.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bucket;
mod interleaved;
mod model;
mod properties;
mod reference;
mod relative;
mod scopes;
