//! The articles service. [`api`] is what readers, writers and the monolith's desk ask; [`feed`] keeps the monolith's store
//! fed until the cut-over is final, so that the route can go back to it; [`import`] takes over what is in the monolith, and
//! [`reconcile`] says whether both have the same.

pub mod api;
pub mod config;
pub mod feed;
pub mod import;
mod listing;
pub mod markdown;
mod precondition;
pub mod reconcile;
mod refusal;
mod view;

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 5;
