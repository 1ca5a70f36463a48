//! The platform as it was: one program over one database, in which everything is.
//!
//! - People read, comment and write on [`pages`]; programs read [JSON](web::json) at the same URLs that will outlive it.
//! - All parts reach articles through the [internal article interface](internal), which answers from the database, or,
//!   through the [anti-corruption layer](anticorruption), from the articles service. [`serve`] chooses.
//! - The [search](search) hurts.
//! - [`corpus`] makes articles to try it with, [`export`] writes them as DMS would.

pub mod anticorruption;
pub mod clock;
pub mod comments;
pub mod config;
pub mod corpus;
pub mod dates;
pub mod desk_work;
pub mod export;
pub mod internal;
pub mod markdown;
pub mod pages;
pub mod search;
pub mod serve;
pub mod slug;
pub mod store;
pub mod users;
pub mod web;
