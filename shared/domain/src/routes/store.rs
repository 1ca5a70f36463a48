//! Where routes are kept, who follows what is written there, and what the two sides of a route need.

use super::compare::Difference;
use super::table::RouteTable;
use super::{RouteName, RouteRecord};
use crate::services::ServiceError;
use crate::store::{Commit, StoreError, Versioned};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;

/// The table of routes: the one thing that says what a route is steered to.
pub trait RouteRecords {
    /// One record, consistently read.
    fn record(
        &self,
        route: RouteName,
    ) -> impl Future<Output = Result<Option<Versioned<RouteRecord>>, StoreError>> + Send;

    /// Writes a record if the one that is there has this revision (`None`: if there is none).
    fn write(
        &self,
        route: RouteName,
        record: &RouteRecord,
        based_on: Option<u64>,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send;
}

/// What follows the records: it cannot be written conditionally, so it is never one of them.
pub trait RouteProjection {
    /// Writes what the records say; writing it twice changes nothing.
    fn publish(&self, table: &RouteTable) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// A record that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// Of which route.
    pub route: RouteName,
    /// What it is since then.
    pub record: Versioned<RouteRecord>,
}

/// Who hears that a route was steered.
pub trait RouteNews {
    /// Tells of one change. The same revision has the same event id, however often it is told.
    fn tell(&self, change: &RouteChange) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// The functions of the new services.
pub trait Services {
    /// Asks the route's service as API Gateway asks it: its event in, its answer out.
    fn ask(&self, route: RouteName, event: &Value) -> impl Future<Output = Result<Value, ServiceError>> + Send;
}

/// Where requests wait that are to be compared.
pub trait ShadowQueue {
    /// Sends one, as a JSON text.
    fn send(&self, text: &str) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// A request that the two sides answered differently, for a person to look into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// In what.
    pub difference: Difference,
    /// Path and query.
    pub request: String,
    /// The monolith's status.
    pub monolith: u16,
    /// The new service's; none where it gave no answer.
    pub modern: Option<u16>,
    /// When it was compared.
    pub at: Timestamp,
}

/// A few of the mismatches of each route.
pub trait Mismatches {
    /// Keeps one until `until`. The places are numbered; a new one takes the place of an old one.
    fn keep(
        &self,
        route: RouteName,
        place: u8,
        mismatch: &Mismatch,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
