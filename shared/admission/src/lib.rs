//! Admission: every call to a third party asks first. Is its circuit closed, and when may I call?
//!
//! [`Admission`] performs the protocol of [`domain::gate`] on a store of gates:
//! [`admit`](Admission::admit) → wait until `call_at`, then [`recheck`](Admission::recheck) → call →
//! [`report`](Admission::report). [`Admission::pass`] admits and waits; [`layer`] does all of it around a
//! [`tower::Service`].

mod admission;
pub mod classify;
pub mod layer;
pub mod observer;
mod operators;
mod writing;

pub use admission::{Admission, AdmitError, Recheck, ReportError, UnknownDependency};
pub use operators::{OrderError, Status};
