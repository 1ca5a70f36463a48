//! The service over fakes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod asking;
mod indexing;
mod rebuilding;
mod world;
