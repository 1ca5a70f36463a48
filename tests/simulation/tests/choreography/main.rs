//! The saga as a choreography: the real services over fakes, and a bus that doubles, loses, delays and reorders.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so")]

mod known_errors;
mod seeds;
mod world;
