//! One contract per port, over the in-memory fake and over the adapter. The adapter runs against whatever
//! `AWS_ENDPOINT_URL` names; every test makes tables and queues of its own and removes them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod articles;
mod charges;
mod contents;
mod entitlements;
mod gates;
mod gates_race;
mod imports;
mod ledger;
mod messages;
mod outbox;
mod pipelines;
mod place;
mod routes;
mod snapshots;
