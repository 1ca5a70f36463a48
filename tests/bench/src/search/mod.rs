//! What the searches cost, and how good they are, over one corpus in one run: the monolith's, the embedded engine's, and
//! OpenSearch's.

pub mod contest;
pub mod corpus;
pub mod machine;
pub mod report;
