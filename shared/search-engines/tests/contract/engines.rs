//! The engines that keep the contract.

use domain::search::{
    Draft, Found, IndexChange, Indexing, Outcome, Query, ReindexError, Reindexing, SearchIndex, Suggestion, Text,
};
use domain::services::ServiceError;
use domain::time::{Chance, Clock, Pause, Timestamp};
use search_engines::embedded::{Folder, Reader, Writer};
use std::time::Duration;
use tempfile::TempDir;
use testing::clock::VirtualClock;

/// Everything that an engine can do.
pub trait Engine: SearchIndex + Indexing + Reindexing + Sync {
    /// Lets be found what was applied.
    fn settle(&self) -> impl Future<Output = ()> + Send;
}

/// A machine whose time stands still.
#[derive(Clone, Default)]
pub struct Machine(pub VirtualClock);

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Chance for Machine {
    fn draw(&self) -> f64 {
        fastrand::f64()
    }
}

impl Pause for Machine {
    async fn pause(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

/// The embedded engine over a folder.
pub struct Embedded {
    reader: Reader<Folder, Machine>,
    writer: Writer<Folder, Machine>,
    _folder: TempDir,
}

impl Embedded {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path().join("store")).unwrap();
        let machine = Machine::default();
        Self {
            reader: Reader::new(store.clone(), machine.clone(), folder.path().join("read"), Duration::ZERO),
            writer: Writer::new(store, machine, folder.path().join("written")),
            _folder: folder,
        }
    }
}

impl SearchIndex for Embedded {
    async fn search(&self, query: &Query) -> Result<Found, ServiceError> {
        self.reader.search(query).await
    }

    async fn suggest(&self, beginning: &Text) -> Result<Vec<Suggestion>, ServiceError> {
        self.reader.suggest(beginning).await
    }
}

impl Indexing for Embedded {
    async fn apply(&self, changes: &[IndexChange]) -> Result<Vec<Outcome>, ServiceError> {
        self.writer.apply(changes).await
    }
}

impl Reindexing for Embedded {
    async fn begin(&self) -> Result<Draft, ServiceError> {
        self.writer.begin().await
    }

    async fn fill(&self, draft: &Draft, changes: &[IndexChange]) -> Result<Vec<Outcome>, ReindexError> {
        self.writer.fill(draft, changes).await
    }

    async fn swap(&self, draft: &Draft) -> Result<(), ReindexError> {
        self.writer.swap(draft).await
    }

    async fn drop_former(&self) -> Result<(), ServiceError> {
        self.writer.drop_former().await
    }
}

impl Engine for Embedded {
    async fn settle(&self) {}
}

#[cfg(feature = "contract")]
pub use node::Node;

#[cfg(feature = "contract")]
mod node {
    use super::Engine;
    use search_engines::opensearch::{Connection, OpenSearch};

    /// An index of the node, which no other test has.
    pub struct Node;

    impl Node {
        #[expect(clippy::new_ret_no_self, reason = "the engine itself")]
        #[expect(clippy::panic, reason = "a suite without its node must not pass")]
        pub fn new() -> OpenSearch {
            let Ok(url) = std::env::var("OPENSEARCH_URL") else {
                panic!("OPENSEARCH_URL is missing: make contract-search starts a node")
            };
            OpenSearch::new(Connection::open(&url).unwrap(), format!("contract-{:016x}", fastrand::u64(..)))
        }
    }

    impl Engine for OpenSearch {
        async fn settle(&self) {
            self.refresh().await.unwrap();
        }
    }
}
