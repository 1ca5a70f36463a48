//! The monolith as a whole: over its routes, and over its internal interface.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may end at the first surprise")]

mod feed;
mod internal_interface;
mod pages;
mod public_json;
mod support;
