//! The strangler's routes in operators' hands: who answers each, and a person's order about it. Every route here is
//! authorised by IAM; who acted and why is kept.

use crate::ops::{reason, signed, unavailable};
use crate::present::not_null;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::pipeline::ProjectionSource;
use domain::routes::store::RouteRecords;
use domain::routes::table::RouteTable;
use domain::routes::{AuditLine, Mode, Percent, RouteName, RouteRecord, Steering};
use domain::store::{Commit, Versioned};
use domain::time::{Clock, Timestamp};
use lambda::http::Caller;
use lambda::problem::Problem;
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How often an order is written anew when somebody else steers in between.
const CONFLICTS: u32 = 5;

/// What the routes stand on.
pub struct Signals<T, P, C> {
    /// The records.
    pub records: T,
    /// What readers' requests follow.
    pub parameter: P,
    /// The time.
    pub clock: C,
}

/// A route as a person sees it. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Which.
    pub route: RouteName,
    /// Who shall answer, and how much.
    #[serde(flatten)]
    pub steering: Steering,
    /// Since when; none before the first order.
    pub since: Option<Timestamp>,
    /// Who said so; none before the first order.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
    /// Rises with each change; 0 before the first order.
    pub revision: u64,
    /// What readers' requests follow by now; a few seconds after an order it is what the order said.
    pub in_force: Steering,
    /// What was done, the latest first.
    pub audit: Vec<AuditLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    mode: Mode,
    #[serde(default, deserialize_with = "not_null")]
    percent: Option<Percent>,
    why: String,
}

/// The routes over the signals.
pub fn router<T, P, C>(signals: Signals<T, P, C>) -> Router
where
    T: RouteRecords + Send + Sync + 'static,
    P: ProjectionSource + Send + Sync + 'static,
    C: Clock + Send + Sync + 'static,
{
    Router::new()
        .route("/ops/routes", get(list::<T, P, C>))
        .route("/ops/routes/{name}", get(one::<T, P, C>).post(order::<T, P, C>))
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Use GET, or POST to steer.")
        })
        .with_state(Arc::new(signals))
}

type Shared<T, P, C> = State<Arc<Signals<T, P, C>>>;

async fn list<T: RouteRecords, P: ProjectionSource, C: Clock>(
    State(signals): Shared<T, P, C>,
) -> Result<Json<serde_json::Value>, Problem> {
    let mut routes = Vec::new();
    for route in RouteName::ALL {
        routes.push(signals.look(route).await?);
    }
    Ok(Json(serde_json::json!({ "routes": routes })))
}

async fn one<T: RouteRecords, P: ProjectionSource, C: Clock>(
    State(signals): Shared<T, P, C>,
    Path(name): Path<String>,
) -> Result<Json<View>, Problem> {
    signals.look(named(&name)?).await.map(Json)
}

async fn order<T: RouteRecords, P: ProjectionSource, C: Clock>(
    State(signals): Shared<T, P, C>,
    caller: Option<Caller>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<View>, Problem> {
    let by = signed(caller)?;
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let body: OrderBody = serde_json::from_str(&body).map_err(|e| bad(e.to_string()))?;
    let steering = Steering::new(body.mode, body.percent).map_err(|e| bad(e.to_string()))?;
    signals.steer(named(&name)?, steering, reason(&body.why)?, &by).await.map(Json)
}

fn named(name: &str) -> Result<RouteName, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is no such route. List them with GET /ops/routes.");
    RouteName::named(name).ok_or_else(none)
}

impl<T: RouteRecords, P: ProjectionSource, C: Clock> Signals<T, P, C> {
    /// Steers a route: `by` is who, `why` their words. The route after it.
    ///
    /// # Errors
    /// A [`Problem`] that says what to do instead.
    pub async fn steer(&self, route: RouteName, to: Steering, why: &str, by: &str) -> Result<View, Problem> {
        for _ in 0..CONFLICTS {
            let before = self.records.record(route).await.map_err(|e| unavailable(&e))?;
            let line = AuditLine { at: self.clock.now(), by: by.to_owned(), to, why: why.to_owned() };
            let record = RouteRecord::steered(before.as_ref().map(|record| &record.value), line);
            let revision = before.map(|record| record.revision);
            if self.records.write(route, &record, revision).await.map_err(|e| unavailable(&e))? == Commit::Done {
                tracing::warn!(route = route.as_str(), by, route.to = %to, "an operator steered a route");
                let written = Versioned { value: record, revision: revision.unwrap_or(0) + 1 };
                return self.view(route, Some(written)).await;
            }
        }
        let detail = "The route was steered again and again while the order was written. Look again, and repeat it.";
        Err(Problem::new(StatusCode::CONFLICT, detail))
    }

    async fn look(&self, route: RouteName) -> Result<View, Problem> {
        let record = self.records.record(route).await.map_err(|e| unavailable(&e))?;
        self.view(route, record).await
    }

    async fn view(&self, route: RouteName, record: Option<Versioned<RouteRecord>>) -> Result<View, Problem> {
        let text = self.parameter.read().await.map_err(|e| unavailable(&e))?;
        let in_force = RouteTable::parse(&text).map_err(|e| unavailable(&e))?.steering(route);
        let revision = record.as_ref().map_or(0, |record| record.revision);
        let record = record.map(|record| record.value);
        Ok(View {
            route,
            steering: record.as_ref().map(|record| record.steering).unwrap_or_default(),
            since: record.as_ref().map(|record| record.since),
            by: record.as_ref().map(|record| record.by.clone()),
            why: record.as_ref().map(|record| record.why.clone()),
            revision,
            in_force,
            audit: record.map(|record| record.audit).unwrap_or_default(),
        })
    }
}
