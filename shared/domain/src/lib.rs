//! The rules of New Science, without I/O: what an intent may become, who may charge, who may stop the Pipe, who may
//! call a third party.
//! Ports (traits) stand beside the logic that needs them; `aws`, `connectors` and `testing` implement them.

pub mod articles;
pub mod breaker;
pub mod cases;
pub mod charges;
pub mod choreography;
pub mod cursor;
pub mod decisions;
pub mod events;
pub mod fraud_provider;
pub mod gate;
pub mod idempotency;
pub mod intent;
pub mod ledger;
pub mod loyalty;
pub mod migration;
pub mod money;
pub mod payment_dialogue;
pub mod payment_news;
pub mod payment_provider;
pub mod pipeline;
pub mod relations;
pub mod retry_after;
pub mod routes;
pub mod search;
pub mod services;
pub mod store;
pub mod time;
