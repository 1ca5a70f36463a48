//! Search: what may be asked ([`query`], [`parameters`]), what is answered ([`found`]), what becomes of the index
//! ([`index`]), and by which rules any engine decides what is a hit ([`matching`]).

pub mod found;
pub mod index;
pub mod matching;
pub mod parameters;
pub mod query;
pub mod snapshots;

pub use found::{AuthorCount, Facets, Found, Highlights, Hit, Html, Suggestion, TagCount};
pub use index::{Document, Draft, IndexChange, Indexing, Outcome, ReindexError, Reindexing, SearchIndex};
pub use query::{AfterHit, Filter, Query, Sort, Text};
