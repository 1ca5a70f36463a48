//! In-memory fakes of the domain's ports: stateful, with the same conditions as the tables that they stand for, and
//! with a virtual clock. Every call passes a [`turn::Turnstile`], so that a test decides in which order the calls of
//! several tasks take effect, and where one dies.

pub mod articles;
pub mod bus;
pub mod clock;
pub mod content;
pub mod fraud;
pub mod gates;
pub mod imports;
pub mod ledger;
pub mod payments;
pub mod pipeline;
pub mod provider;
pub mod queue;
pub mod relations;
pub mod routes;
pub mod turn;
