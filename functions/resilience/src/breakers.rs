//! The gates of third parties in operators' hands: what each is, and what a person may do to it. Every route is
//! authorised by IAM; who acted and why is kept.

use crate::ops::{reason, signed, unavailable};
use admission::observer::Observer;
use admission::{Admission, OrderError, Status};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::config::{Dependency, GateConfig};
use domain::gate::operate::Order;
use domain::gate::store::{AuditLine, Gates};
use domain::time::{Chance, Clock, Pause, Timestamp};
use lambda::http::Caller;
use lambda::problem::Problem;
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the routes stand on.
pub struct Board<S, R, O> {
    /// Asks the gates.
    pub admission: Admission<S, R, O>,
    /// The time.
    pub clock: R,
}

/// A gate as a person sees it. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Whose gate.
    pub dependency: Dependency,
    /// Closed, open, half-open, forced open or disabled.
    pub state: BreakerState,
    /// Rises with each change of state; 0 before the first call.
    pub generation: u64,
    /// When the state changed last.
    pub since: Option<Timestamp>,
    /// Open: no trial before this. Half-open: unreported trials count until then.
    pub until: Option<Timestamp>,
    /// How often it opened in a row.
    pub opens: u32,
    /// Who changed the state last: `gate`, or a person.
    pub by: String,
    /// Why.
    pub why: String,
    /// The last calls, over all shards.
    pub window: Window,
    /// Trial calls that are out or done, of so many that this generation may make.
    pub permits: Share,
    /// Trial calls that succeeded, of so many that close.
    pub successes: Share,
    /// No call before this: the provider asked for it.
    pub not_before: Option<Timestamp>,
    /// When the next call of one token could begin, as far as one can tell; none while it is forced open.
    pub next_slot: Option<Timestamp>,
    /// Tokens that the bucket has now, whatever the circuit says.
    pub tokens_available: u32,
    /// Tokens that it holds for certain.
    pub tokens_at_most: u32,
    /// Items that share the load.
    pub shards: u16,
    /// What people did, the latest first.
    pub audit: Vec<AuditLine>,
}

/// What the window holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that were slow.
    pub slow: u64,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// So many.
    pub count: usize,
    /// Of so many.
    pub of: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    action: Order,
    why: String,
}

/// The routes over a board.
pub fn router<S, R, O>(board: Board<S, R, O>) -> Router
where
    S: Gates + Send + Sync + 'static,
    R: Clock + Chance + Pause + Send + Sync + 'static,
    O: Observer + Send + Sync + 'static,
{
    Router::new()
        .route("/ops/breakers", get(list::<S, R, O>))
        .route("/ops/breakers/{name}", get(one::<S, R, O>).post(order::<S, R, O>))
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Use GET, or POST to give an order.")
        })
        .with_state(Arc::new(board))
}

type Shared<S, R, O> = State<Arc<Board<S, R, O>>>;

async fn list<S, R, O>(State(board): Shared<S, R, O>) -> Result<Json<serde_json::Value>, Problem>
where
    S: Gates,
    R: Clock + Chance + Pause,
    O: Observer,
{
    let mut breakers = Vec::new();
    for dependency in board.admission.dependencies() {
        breakers.push(board.look(dependency.as_str()).await?);
    }
    Ok(Json(serde_json::json!({ "breakers": breakers })))
}

async fn one<S, R, O>(State(board): Shared<S, R, O>, Path(name): Path<String>) -> Result<Json<View>, Problem>
where
    S: Gates,
    R: Clock + Chance + Pause,
    O: Observer,
{
    board.look(&name).await.map(Json)
}

async fn order<S, R, O>(
    State(board): Shared<S, R, O>,
    caller: Option<Caller>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<View>, Problem>
where
    S: Gates,
    R: Clock + Chance + Pause,
    O: Observer,
{
    let by = signed(caller)?;
    let body: OrderBody =
        serde_json::from_str(&body).map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
    let why = reason(&body.why)?;
    let status = board.admission.order(&name, body.action, &by, why).await.map_err(|e| problem(&e))?;
    board.view(&name, status).map(Json)
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Board<S, R, O> {
    async fn look(&self, name: &str) -> Result<View, Problem> {
        let status = self.admission.inspect(name).await.map_err(|e| problem(&e))?;
        self.view(name, status)
    }

    fn view(&self, name: &str, status: Status) -> Result<View, Problem> {
        let config = self.admission.config(name).map_err(|e| problem(&OrderError::from(e)))?;
        Ok(View::of(config, status, self.clock.now()))
    }
}

impl View {
    /// What is known of a gate, at this moment.
    pub fn of(config: &GateConfig, status: Status, now: Timestamp) -> Self {
        // State and generation are the same on all shards, or about to be: the newest is right, and of the newest the
        // first, which alone lists the trials.
        let newest = status.shards.iter().rev().max_by_key(|gate| gate.generation);
        let unused = Gate { generation: 0, why: "never called".to_owned(), ..Gate::new(Timestamp(0)) };
        let gate = newest.unwrap_or(&unused);
        let slots = status.shards.iter().map(|shard| slot(config, shard, now));
        let missing = usize::from(config.shards).saturating_sub(status.shards.len());
        let unused_tokens = u32::try_from(missing).unwrap_or(u32::MAX).saturating_mul(config.bucket.capacity);
        let held = status.shards.iter().map(|shard| config.bucket.available(shard.tat, now));
        Self {
            dependency: config.dependency.clone(),
            state: gate.state,
            generation: gate.generation,
            since: moment(gate.since),
            until: moment(gate.until),
            opens: gate.opens,
            by: gate.by.clone(),
            why: gate.why.clone(),
            window: window(config, &status.shards),
            permits: Share { count: gate.permits.len(), of: config.permitted_calls_in_half_open },
            successes: Share { count: gate.successes.len(), of: config.successes_to_close },
            not_before: status.shards.iter().map(|shard| shard.not_before).max().and_then(moment),
            next_slot: next_slot(config, gate, slots.min().unwrap_or(now), now),
            tokens_available: held.fold(unused_tokens, u32::saturating_add),
            tokens_at_most: config.bucket.capacity.saturating_mul(config.shards.into()),
            shards: config.shards,
            audit: status.audit,
        }
    }
}

/// When the bucket of a shard, and its provider, let one token's call begin.
fn slot(config: &GateConfig, shard: &Gate, now: Timestamp) -> Timestamp {
    let after = config.bucket.after(shard.tat, now, 1);
    config.bucket.call_at(now, after).max(shard.not_before)
}

fn next_slot(config: &GateConfig, gate: &Gate, slot: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let all_out = gate.permits.len() >= config.permitted_calls_in_half_open;
    match gate.state {
        BreakerState::Closed | BreakerState::Disabled => Some(slot),
        BreakerState::ForcedOpen => None,
        BreakerState::HalfOpen if !all_out => Some(slot),
        // Reservations of the time before it opened are void by then.
        BreakerState::Open | BreakerState::HalfOpen => Some(gate.until.max(gate.not_before).max(now)),
    }
}

fn window(config: &GateConfig, shards: &[Gate]) -> Window {
    shards.iter().map(|shard| config.current_window(shard)).fold(Window::default(), |sum, counts| Window {
        calls: sum.calls + counts.calls,
        failures: sum.failures + counts.failures,
        slow: sum.slow + counts.slow,
    })
}

/// Zero is "never".
fn moment(at: Timestamp) -> Option<Timestamp> {
    (at.0 > 0).then_some(at)
}

fn problem(error: &OrderError) -> Problem {
    match error {
        OrderError::Unknown(_) => {
            let detail = "There is no such breaker. List them with GET /ops/breakers.";
            Problem::new(StatusCode::NOT_FOUND, detail)
        }
        OrderError::Busy => {
            let detail = "The breaker changed again and again while the order was written. Look again, and repeat it.";
            Problem::new(StatusCode::CONFLICT, detail)
        }
        OrderError::Store(error) => unavailable(error),
    }
}
