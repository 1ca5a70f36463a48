//! The subscription saga over fakes: the file that goes to AWS, the handlers that go to AWS, and every promise checked
//! after every single effect.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so; its names say what it promises"
)]

mod crash_windows;
mod gate;
mod gated;
mod known_errors;
mod seeds;
mod world;
