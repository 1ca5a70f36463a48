//! Small programs that play the platform's third parties on one machine.
//!
//! - [`payment`] speaks the part of Stripe's API that the platform uses: `PaymentIntents` and Refunds, with a real
//!   idempotency store and its own books, so that a test can count what was captured.
//! - [`fraud`] scores a charge before money is taken.
//! - [`loyalty`] enrols subscribers.
//! - [`newsletter`] speaks the part of Mailchimp's API that adds a member to a list.
//!
//! All can be told to misbehave ([`fault`]) and to say what they did ([`admin`]). How one customer's payment
//! goes is chosen by the payment method ([`behaviour`]), so that parallel tests do not disturb each other.

pub mod admin;
pub mod behaviour;
pub mod clock;
pub mod fault;
pub mod fraud;
pub mod hang_up;
pub mod loyalty;
pub mod misbehave;
pub mod newsletter;
pub mod payment;
pub mod problem;
pub mod serve;
