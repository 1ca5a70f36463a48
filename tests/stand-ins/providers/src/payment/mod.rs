//! The payment provider: the part of Stripe's API that the platform uses.
//!
//! `POST /v1/payment_intents`, `GET /v1/payment_intents/{id}`, `POST …/{id}/confirm`, `POST …/{id}/cancel`,
//! `POST /v1/refunds` and `GET /v1/refunds/{id}`, form-encoded as at Stripe. Stricter than Stripe in one thing: the
//! `Stripe-Version` header is required, because a client that leaves it out speaks whatever version its account was
//! made with. `confirm=true` at creation is refused: the platform stores the identifier before it confirms.

mod books;
mod error;
mod idempotency;
mod journal;
mod object;
mod request;
mod server;

pub use server::routes;
