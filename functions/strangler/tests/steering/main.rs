//! The three functions over fakes of all that they stand on.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod projector;
mod shadow;
mod splitter;
mod support;
