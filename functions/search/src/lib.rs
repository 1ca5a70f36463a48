//! The search service. Three Lambdas: what readers ask ([`api`]), what keeps the index up to date ([`indexer`]), what
//! rebuilds it ([`reindex`]). The engine behind them is a setting.

pub mod api;
pub mod config;
mod documents;
pub mod indexer;
pub mod plain_text;
pub mod reindex;
mod view;
