//! The engines behind the ports of `domain::search`, one to each way of life: [`opensearch`] for a site that has a
//! domain of its own, [`embedded`] for one machine and small sites. One contract suite runs over both.

pub mod embedded;
pub mod opensearch;
