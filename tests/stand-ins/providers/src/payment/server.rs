//! HTTP: faults, authentication, the idempotency store, the books, in this order.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Form, Json, RequestExt, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;

use super::{
    books::{Books, Names, Outcome},
    error::Error,
    idempotency::{Admission, Answer, Fingerprint, Store},
    request::Request,
};
use crate::{
    admin::{self, Steered},
    clock::now_millis,
    fault::{Effect, Mode, Operation, Switch},
    hang_up,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const MAX_BODY: usize = 64 * 1024;

struct Provider {
    api_key: Option<String>,
    switch: Switch,
    requests: AtomicU64,
    memory: Mutex<Memory>,
}

/// Behind one lock: of two calls that race, one is first, in the store as in the books.
struct Memory {
    books: Books,
    store: Store,
    names: Names,
}

impl Provider {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steered for Provider {
    fn switch(&self) -> &Switch {
        &self.switch
    }

    fn journal(&self) -> Value {
        self.memory().books.journal.to_json(self.switch.affected())
    }

    fn reset(&self) {
        let mut memory = self.memory();
        memory.books = Books::default();
        memory.store = Store::default();
    }
}

/// The provider's routes, the admin routes among them. Without `api_key` any key that is not empty is accepted.
pub fn routes(api_key: Option<String>) -> Router {
    let memory = Memory { books: Books::default(), store: Store::default(), names: Names::since(now_millis()) };
    let provider = Arc::new(Provider {
        api_key,
        switch: Switch::default(),
        requests: AtomicU64::new(0),
        memory: Mutex::new(memory),
    });
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}", get(read))
        .route("/v1/payment_intents/{id}/confirm", post(confirm))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/v1/refunds", post(refund))
        .route("/v1/refunds/{id}", get(read))
        .fallback(unknown_url)
        .with_state(Arc::clone(&provider))
        .merge(admin::routes(provider))
}

async fn create(State(provider): State<Arc<Provider>>, request: HttpRequest) -> Response {
    serve(provider, Operation::Create, String::new(), request).await
}

async fn read(State(provider): State<Arc<Provider>>, Path(id): Path<String>, request: HttpRequest) -> Response {
    serve(provider, Operation::Read, id, request).await
}

async fn confirm(State(provider): State<Arc<Provider>>, Path(id): Path<String>, request: HttpRequest) -> Response {
    serve(provider, Operation::Confirm, id, request).await
}

async fn cancel(State(provider): State<Arc<Provider>>, Path(id): Path<String>, request: HttpRequest) -> Response {
    serve(provider, Operation::Cancel, id, request).await
}

async fn refund(State(provider): State<Arc<Provider>>, request: HttpRequest) -> Response {
    serve(provider, Operation::Refund, String::new(), request).await
}

async fn unknown_url(request: HttpRequest) -> Response {
    let message = format!("Unrecognized request URL ({}: {}).", request.method(), request.uri().path());
    let mut error = Error::invalid(message);
    error.status = StatusCode::NOT_FOUND;
    error.into_response()
}

async fn serve(provider: Arc<Provider>, operation: Operation, id: String, request: HttpRequest) -> Response {
    provider.memory().books.journal.called(operation);
    let effect = provider.switch.next(operation);
    match effect.mode {
        Mode::Unavailable => return Error::unavailable().into_response(),
        Mode::RateLimited => {
            let seconds = effect.delay.as_millis().div_ceil(1000).to_string();
            return ([(header::RETRY_AFTER, seconds)], Error::rate_limited()).into_response();
        }
        Mode::Garbage => return Html("<html><body>It works!</body></html>").into_response(),
        Mode::Hang => return hang_up::after(effect.delay).await,
        Mode::None | Mode::Slow | Mode::ActThenHang | Mode::LostReply | Mode::Decline => {}
    }
    let request_id = format!("req_{:08}", provider.requests.fetch_add(1, Ordering::Relaxed));
    let version = request.headers().get(STRIPE_VERSION).cloned();
    let key = request.headers().get(IDEMPOTENCY_KEY).cloned();
    let mut response = match answer(provider, operation, id, request, effect).await {
        Ok(_) if effect.mode == Mode::ActThenHang => return hang_up::after(effect.delay).await,
        Ok(_) if effect.mode == Mode::LostReply => return hang_up::now(),
        Ok(Reply { lost: true, .. }) => return hang_up::now(),
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    };
    let echoed = [(STRIPE_VERSION, version), (IDEMPOTENCY_KEY, key), (REQUEST_ID, request_id.parse().ok())];
    response.headers_mut().extend(echoed.into_iter().filter_map(|(name, value)| Some((name, value?))));
    response
}

/// An answer on its way.
struct Reply {
    answer: Answer,
    replayed: bool,
    lost: bool,
}

async fn answer(
    provider: Arc<Provider>,
    operation: Operation,
    id: String,
    request: HttpRequest,
    effect: Effect,
) -> Result<Reply, Error> {
    authenticate(request.headers(), provider.api_key.as_deref())?;
    require_version(request.headers())?;
    let path = request.uri().path().to_owned();
    // A GET is idempotent by itself; Stripe ignores a key on it.
    let key = match operation {
        Operation::Read => None,
        _ => request.headers().get(IDEMPOTENCY_KEY).map(read_key).transpose()?,
    };
    let parameters = read_parameters(request).await?;
    let fingerprint = Fingerprint::new(path, parameters.clone());
    let request = Request::parse(operation, id, parameters)?;
    let decline = effect.mode == Mode::Decline;
    let patience = (effect.mode == Mode::Slow).then_some(effect.delay);

    let admission = match &key {
        Some(key) => provider.memory().store.admit(key, &fingerprint)?,
        None => Admission::First,
    };
    if let Admission::Replay(answer) = admission {
        if let Some(patience) = patience {
            tokio::time::sleep(patience).await;
        }
        return Ok(Reply { answer, replayed: true, lost: false });
    }
    let execution = execute(provider, request, key, decline, patience);
    // A task of its own: what began ends, also when the caller has hung up meanwhile.
    let outcome = tokio::spawn(execution).await.map_err(|_| Error::internal())?;
    Ok(Reply { answer: outcome.answer, replayed: false, lost: outcome.lost })
}

async fn execute(
    provider: Arc<Provider>,
    request: Request,
    key: Option<String>,
    decline: bool,
    patience: Option<Duration>,
) -> Outcome {
    if let Some(patience) = patience {
        tokio::time::sleep(patience).await;
    }
    let mut memory = provider.memory();
    let Memory { books, store, names } = &mut *memory;
    let outcome = books.execute(&request, decline, now_millis(), names);
    if let Some(key) = key {
        store.save(&key, &outcome.answer);
    }
    outcome
}

fn authenticate(headers: &HeaderMap, expected: Option<&str>) -> Result<(), Error> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim)
        .filter(|key| !key.is_empty());
    match (key, expected) {
        (None, _) => Err(Error::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )),
        (Some(key), Some(expected)) if key != expected => Err(Error::unauthorized("Invalid API Key provided.")),
        _ => Ok(()),
    }
}

fn require_version(headers: &HeaderMap) -> Result<(), Error> {
    let version = headers.get(STRIPE_VERSION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // 2025-03-31.basil: a date, and since 2024 the name of the release.
    let date = version.split('.').next().unwrap_or_default();
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    match date.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => Ok(()),
        _ if version.is_empty() => Err(Error::invalid("This stand-in requires the Stripe-Version header.")),
        _ => Err(Error::invalid(format!("Invalid Stripe API version: {version}"))),
    }
}

fn read_key(key: &HeaderValue) -> Result<String, Error> {
    key.to_str().map(str::to_owned).map_err(|_| Error::invalid("Idempotency keys are printable ASCII."))
}

/// Parameters from the query and from the form.
async fn read_parameters(mut request: HttpRequest) -> Result<Vec<(String, String)>, Error> {
    let malformed = || Error::invalid("The parameters are not form-encoded.");
    let Query(mut parameters): Query<Vec<(String, String)>> = request.extract_parts().await.map_err(|_| malformed())?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| Error::invalid("The request body is too large."))?;
    if !body.is_empty() {
        let form = HttpRequest::from_parts(parts, Body::from(body));
        // `Form` reads the query of a GET, which has been read above.
        if form.method() != axum::http::Method::GET {
            let Form(fields): Form<Vec<(String, String)>> = form.extract().await.map_err(|_| malformed())?;
            parameters.extend(fields);
        }
    }
    Ok(parameters)
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.answer.status, Json(self.answer.body)).into_response();
        if self.replayed {
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
