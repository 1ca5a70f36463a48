//! The service over its fakes, as API Gateway calls it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod crashes;
mod feeding;
mod garbage;
mod lists;
mod matrix;
mod reading;
mod world;
mod writing;
mod xss;
