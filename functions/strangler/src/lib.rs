//! The strangler's steering: which side answers a request ([`splitter`]), how the two sides' answers compare ([`shadow`]),
//! and who follows when a route is steered ([`projector`]).

pub mod config;
pub mod event;
pub mod monolith;
pub mod observer;
pub mod projector;
pub mod shadow;
pub mod splitter;
pub mod steering;
