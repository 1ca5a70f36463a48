//! What operators decide: cases of parked intents. Every route is authorised by IAM; who acted and why is kept.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::cases::{Action, AuditLine, Case, Cases};
use domain::charges::ChargeReader;
use domain::ledger::store::Ledger;
use domain::ledger::transitions::{self, NotAllowed};
use domain::ledger::{Status, tier};
use domain::services::IntentQueue;
use domain::store::Commit;
use domain::time::Clock;
use lambda::http::Caller;
use lambda::problem::Problem;
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 5;
/// The longest reason that is kept.
const LONGEST_WHY: usize = 500;

/// What the routes stand on.
pub struct Desk<L, K, P, Q, C> {
    /// The ledger.
    pub ledger: L,
    /// The cases.
    pub cases: K,
    /// Payments' rows, to read.
    pub charges: P,
    /// The queue that the Pipe reads.
    pub queue: Q,
    /// The time.
    pub clock: C,
    /// How long a retried intent may stay without an end before it is given up again.
    pub max_intent_age: Duration,
}

#[derive(Debug, Serialize)]
struct CaseView {
    #[serde(flatten)]
    case: Case,
    open: bool,
}

impl From<Case> for CaseView {
    fn from(case: Case) -> Self {
        Self { open: case.is_open(), case }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    action: Action,
    why: String,
}

/// The routes over a desk.
pub fn router<L, K, P, Q, C>(desk: Desk<L, K, P, Q, C>) -> Router
where
    L: Ledger + Send + Sync + 'static,
    K: Cases + Send + Sync + 'static,
    P: ChargeReader + Send + Sync + 'static,
    Q: IntentQueue + Send + Sync + 'static,
    C: Clock + Send + Sync + 'static,
{
    Router::new()
        .route("/ops/cases", get(list::<L, K, P, Q, C>))
        .route("/ops/cases/{id}", get(one::<L, K, P, Q, C>).post(decide::<L, K, P, Q, C>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is nothing here.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Use GET, or POST to decide.")
        })
        .with_state(Arc::new(desk))
}

type Shared<L, K, P, Q, C> = State<Arc<Desk<L, K, P, Q, C>>>;

async fn list<L, K: Cases, P, Q, C>(
    State(desk): Shared<L, K, P, Q, C>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Query(page) = page.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "limit: must be a whole number."))?;
    let limit = page.limit.unwrap_or(50).clamp(1, 200);
    let cases = desk.cases.open_cases(limit).await.map_err(|e| unavailable(&e))?;
    let cases: Vec<CaseView> = cases.into_iter().map(CaseView::from).collect();
    Ok(Json(serde_json::json!({ "cases": cases })))
}

async fn one<L, K: Cases, P, Q, C>(
    State(desk): Shared<L, K, P, Q, C>,
    Path(id): Path<String>,
) -> Result<Json<CaseView>, Problem> {
    let found = desk.cases.case(&id).await.map_err(|e| unavailable(&e))?;
    found.map(|case| Json(case.value.into())).ok_or_else(no_case)
}

async fn decide<L: Ledger, K: Cases, P: ChargeReader, Q: IntentQueue, C: Clock>(
    State(desk): Shared<L, K, P, Q, C>,
    caller: Option<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Result<Json<CaseView>, Problem> {
    let by = signed(caller)?;
    let body: DecisionBody =
        serde_json::from_str(&body).map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))?;
    desk.decide(&id, body.action, reason(&body.why)?, &by).await.map(|case| Json(case.into()))
}

impl<L: Ledger, K: Cases, P: ChargeReader, Q: IntentQueue, C: Clock> Desk<L, K, P, Q, C> {
    /// Decides about a case: `by` is who, `why` their words. The case with its resolution.
    ///
    /// # Errors
    /// A [`Problem`] that says what to do instead: no such case, not allowed now, somebody else was first.
    pub async fn decide(&self, id: &str, action: Action, why: &str, by: &str) -> Result<Case, Problem> {
        for _ in 0..CONFLICTS {
            let case = self.cases.case(id).await.map_err(|e| unavailable(&e))?.ok_or_else(no_case)?.value;
            let row = self.ledger.intent(&case.customer, &case.intent_id).await.map_err(|e| unavailable(&e))?;
            let row = row.ok_or_else(no_case)?;
            let lock = self.ledger.lock(&case.customer, tier(&row.value)).await.map_err(|e| unavailable(&e))?;
            let charge = self.charges.charge(&row.value.charge()).await.map_err(|e| unavailable(&e))?;
            let settled = charge.and_then(|c| c.value.settled());
            let now = self.clock.now();
            let line = AuditLine { at: now, by: by.to_owned(), action, why: why.to_owned() };
            let resolved = case.clone().resolved(line.clone());
            let write = transitions::decide(&row, &lock, case, line, settled, self.max_intent_age)
                .map_err(|e: NotAllowed| Problem::new(StatusCode::CONFLICT, e.to_string()))?;
            let intent = write.intent.clone();
            if self.ledger.commit(write).await.map_err(|e| unavailable(&e))? == Commit::Conflict {
                continue;
            }
            tracing::warn!(intent.id = %intent.intent_id, by, action = action.as_str(), "an operator decided");
            if intent.status == Status::Retrying
                && let Err(error) = self.queue.send(&intent.message(), Duration::ZERO).await
            {
                // The decision is stored; the sweep sends what was not sent.
                tracing::error!(intent.id = %intent.intent_id, error = %error, "its message waits for the sweep");
            }
            return Ok(resolved);
        }
        Err(Problem::new(StatusCode::CONFLICT, "Somebody else decides about this intent. Look again."))
    }
}

/// Who signed the request.
pub(crate) fn signed(caller: Option<Caller>) -> Result<String, Problem> {
    caller
        .map(|Caller(by)| by)
        .ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "Sign the request: nobody decides anonymously."))
}

/// A reason that says something and can be kept.
pub(crate) fn reason(why: &str) -> Result<&str, Problem> {
    if why.trim().is_empty() || why.chars().count() > LONGEST_WHY {
        let detail = format!("why: say in 1 to {LONGEST_WHY} characters why.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(why)
}

fn no_case() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such case. List the open ones with GET /ops/cases.")
}

pub(crate) fn unavailable(error: &impl Display) -> Problem {
    tracing::error!(error = %error, "a table gave no answer");
    Problem::unavailable()
}
