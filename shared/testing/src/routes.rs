//! Routes in memory: their table, what follows it, who hears of it.

use crate::turn::{Turnstile, lock};
use domain::pipeline::ProjectionSource;
use domain::routes::store::{Mismatch, Mismatches, RouteChange, RouteNews, RouteProjection, RouteRecords};
use domain::routes::table::RouteTable;
use domain::routes::{RouteName, RouteRecord};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError, Versioned};
use domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<RouteName, Versioned<RouteRecord>>,
    mismatches: BTreeMap<(RouteName, u8), Mismatch>,
    parameter: Option<String>,
    told: Vec<(RouteName, u64, &'static str)>,
}

/// The table, the parameter and the bus. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryRoutes {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
}

impl MemoryRoutes {
    /// An empty table whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// What the parameter holds; takes no turn.
    pub fn parameter(&self) -> Option<String> {
        lock(&self.state).parameter.clone()
    }

    /// Writes the parameter, as another hand would; takes no turn.
    pub fn set_parameter(&self, value: impl Into<String>) {
        lock(&self.state).parameter = Some(value.into());
    }

    /// A record; takes no turn.
    pub fn stored(&self, route: RouteName) -> Option<Versioned<RouteRecord>> {
        lock(&self.state).records.get(&route).cloned()
    }

    /// Routes, revisions and names of the events that were told; takes no turn.
    pub fn told(&self) -> Vec<(RouteName, u64, &'static str)> {
        lock(&self.state).told.clone()
    }

    /// The samples that are kept, by route and place; takes no turn.
    pub fn mismatches(&self) -> BTreeMap<(RouteName, u8), Mismatch> {
        lock(&self.state).mismatches.clone()
    }
}

fn no_table(call: &'static str) -> StoreError {
    StoreError { table: "routes", reason: format!("{call} was tripped") }
}

fn no_service(call: &'static str) -> ServiceError {
    ServiceError { service: "memory", reason: format!("{call} was tripped") }
}

impl RouteRecords for MemoryRoutes {
    async fn record(&self, route: RouteName) -> Result<Option<Versioned<RouteRecord>>, StoreError> {
        self.turns.try_pass("routes.record", no_table, || self.stored(route)).await
    }

    async fn write(&self, route: RouteName, record: &RouteRecord, based_on: Option<u64>) -> Result<Commit, StoreError> {
        let write = || {
            let records = &mut lock(&self.state).records;
            if records.get(&route).map(|stored| stored.revision) != based_on {
                return Commit::Conflict;
            }
            let revision = based_on.unwrap_or(0) + 1;
            records.insert(route, Versioned { value: record.clone(), revision });
            Commit::Done
        };
        self.turns.try_pass("routes.write", no_table, write).await
    }
}

impl Mismatches for MemoryRoutes {
    async fn keep(
        &self,
        route: RouteName,
        place: u8,
        mismatch: &Mismatch,
        _until: Timestamp,
    ) -> Result<(), StoreError> {
        let keep = || lock(&self.state).mismatches.insert((route, place), mismatch.clone());
        self.turns.try_pass("routes.keep", no_table, keep).await.map(drop)
    }
}

impl RouteProjection for MemoryRoutes {
    async fn publish(&self, table: &RouteTable) -> Result<(), ServiceError> {
        let text = serde_json::to_string(table).map_err(|_| no_service("routes.publish"))?;
        self.turns.try_pass("routes.publish", no_service, || self.set_parameter(text)).await
    }
}

impl ProjectionSource for MemoryRoutes {
    async fn read(&self) -> Result<String, ServiceError> {
        let read = self.turns.try_pass("routes.read", no_service, || self.parameter()).await?;
        read.ok_or_else(|| no_service("routes.read"))
    }
}

impl RouteNews for MemoryRoutes {
    async fn tell(&self, change: &RouteChange) -> Result<(), ServiceError> {
        let told = (change.route, change.record.revision, change.record.value.event_name());
        self.turns.try_pass("routes.tell", no_service, || lock(&self.state).told.push(told)).await
    }
}
