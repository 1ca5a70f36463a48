//! Payments with Stripe's PaymentIntents and Refunds API (<https://docs.stripe.com/api/payment_intents>).
//!
//! One charge is one PaymentIntent: created unconfirmed, stored by the caller, then confirmed by its id. What the
//! parameters are, and why:
//!
//! | parameter | why |
//! | --- | --- |
//! | `payment_method_types[]=card` | A card answers at once and never wants a redirect. Stripe's default, automatic payment methods, may add some that need a `return_url` or are `processing` for days. |
//! | `capture_method=automatic` | `succeeded` means that the money was captured. The default since 2024-04-10, `automatic_async`, captures after the answer. |
//! | `off_session=true`, on confirm | Nobody is there to authenticate. Stripe then asks the issuer for an exemption, and where the issuer insists, ends the attempt as `requires_payment_method` with `authentication_required`, which is [`PaymentState::ActionRequired`], as is `requires_action`. |
//! | `error_on_requires_action`, absent | It only turns `requires_action` into an error, and errors are hints here: the object says the same either way. |
//! | `payment_intent` alone, on refund | No amount: all that has not gone back yet. |
//! | `expand[]=latest_charge.refunds`, on get | The PaymentIntent stays `succeeded` when the money goes back; only the charge and its refunds say so. |

mod mapping;
pub mod webhook;
mod wire;

use crate::api_key::ApiKey;
use crate::http::{Answer, HttpClient, HttpConfig, InvalidHttpConfig, NoAnswer, SendError, Wire};
use domain::gate::report::Outcome;
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, RequestBuilder};
use tower::layer::util::Identity;
use tower::{Layer, Service};

/// The version of Stripe's API that the wire types were written for. Pinned, because without it the account's default
/// version decides what the answers look like.
pub const API_VERSION: &str = "2025-12-15.clover";

/// Stripe accepts idempotency keys of up to 255 characters.
const LONGEST_KEY: usize = 255;

/// The payment provider Stripe, or whatever speaks its API at the configured base URL.
pub struct Stripe {
    http: HttpClient,
}

impl Stripe {
    /// A connector for the account that `key` belongs to. Opens no connection yet.
    ///
    /// # Errors
    /// [`InvalidHttpConfig::Client`] when this machine cannot do TLS.
    pub fn new(config: &HttpConfig, key: ApiKey) -> Result<Self, InvalidHttpConfig> {
        Self::behind(config, key, &Identity::new())
    }

    /// As [`new`](Self::new), with a layer between the connector and the wire: every request passes it, and what it holds
    /// back is not sent. For a [`GateLayer`](admission::layer::GateLayer) the policy is [`outcome`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn behind<L>(config: &HttpConfig, key: ApiKey, layer: &L) -> Result<Self, InvalidHttpConfig>
    where
        L: Layer<Wire>,
        L::Service: Service<Request, Response = Answer, Error: Into<SendError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, key.bearer()),
            (HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION)),
        ]);
        Ok(Self { http: HttpClient::new(config, headers, layer)? })
    }

    /// A writing call. The key must be usable: Stripe ignores an empty one, and the call would not be idempotent.
    async fn post<T>(
        &self,
        call: Call<'_>,
        key: &str,
        path: &[&str],
        form: &[(&str, &str)],
        read: impl FnOnce(&[u8]) -> Result<T, ProviderError> + Send,
    ) -> Result<T, ProviderError> {
        if !(1..=LONGEST_KEY).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(rejected("malformed_idempotency_key"));
        }
        let request = self.http.post(path, form).header("idempotency-key", key);
        self.send(call, request, read).await
    }

    /// Sends one request, and reads the answer with `read` when its status is a success.
    async fn send<T>(
        &self,
        call: Call<'_>,
        request: RequestBuilder,
        read: impl FnOnce(&[u8]) -> Result<T, ProviderError> + Send,
    ) -> Result<T, ProviderError> {
        match self.http.send(request).await {
            Ok(answer) => {
                let result = match answer.status {
                    200..=299 => read(&answer.body),
                    status => Err(mapping::error(status, answer.retry_after, &answer.body)),
                };
                log(call, &answer, result.as_ref().err());
                result
            }
            Err(no_answer) => {
                let error = mapping::no_answer(no_answer);
                log_no_answer(call, &error);
                Err(error)
            }
        }
    }
}

/// What a call says about the provider's health: the policy of the gate before it.
///
/// | answer | outcome |
/// | --- | --- |
/// | none, in time | failure |
/// | 402 | success: the issuer's "no" is the provider's work well done |
/// | 424 | failure: somebody behind the provider failed |
/// | 2xx that is no JSON, 3xx, 4xx (but 401, 403) that is no error of the API | failure: something between us answered |
/// | 429 `lock_timeout` | ignored: one object is locked, which is no reason for everybody to wait |
/// | every other | as [`http_status`](admission::classify::http_status) says |
pub fn outcome(result: Result<&Answer, &NoAnswer>) -> Outcome {
    result.map_or(Outcome::Failure, mapping::outcome)
}

impl PaymentProvider for Stripe {
    async fn create(&self, key: &str, payment: &NewPayment) -> Result<PaymentId, ProviderError> {
        let amount = payment.money.amount.to_string();
        let form = [
            ("amount", amount.as_str()),
            ("currency", payment.money.currency.as_str()),
            ("payment_method", &payment.payment_method),
            ("payment_method_types[]", "card"),
            ("capture_method", "automatic"),
            ("metadata[intent]", &payment.intent),
        ];
        let call = Call { name: "create", payment: "" };
        self.post(call, key, &["v1", "payment_intents"], &form, mapping::created).await
    }

    async fn confirm(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let id = path_segment(id)?;
        let call = Call { name: "confirm", payment: id };
        let path = ["v1", "payment_intents", id, "confirm"];
        self.post(call, key, &path, &[("off_session", "true")], mapping::acknowledged).await
    }

    async fn get(&self, id: &PaymentId) -> Result<PaymentState, ProviderError> {
        let id = path_segment(id)?;
        let call = Call { name: "get", payment: id };
        let query = [("expand[]", "latest_charge"), ("expand[]", "latest_charge.refunds")];
        let request = self.http.get(&["v1", "payment_intents", id], &query);
        self.send(call, request, |body| mapping::state(id, body)).await
    }

    async fn cancel(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let id = path_segment(id)?;
        let call = Call { name: "cancel", payment: id };
        self.post(call, key, &["v1", "payment_intents", id, "cancel"], &[], mapping::acknowledged).await
    }

    async fn refund(&self, key: &str, id: &PaymentId) -> Result<(), ProviderError> {
        let id = path_segment(id)?;
        let call = Call { name: "refund", payment: id };
        self.post(call, key, &["v1", "refunds"], &[("payment_intent", id)], mapping::refund_begun).await
    }
}

/// What the log calls a call.
#[derive(Clone, Copy)]
struct Call<'a> {
    name: &'static str,
    payment: &'a str,
}

/// One sentence per answer: names and numbers, never a body, a key or a person.
fn log(call: Call<'_>, answer: &Answer, error: Option<&ProviderError>) {
    let request_id = answer.request_id.as_deref().unwrap_or_default();
    match error {
        None | Some(ProviderError::Declined { .. }) => tracing::debug!(
            provider.call = call.name,
            payment.id = call.payment,
            http.status = answer.status,
            provider.request_id = request_id,
            "The payment provider answered."
        ),
        Some(error) => tracing::warn!(
            provider.call = call.name,
            payment.id = call.payment,
            http.status = answer.status,
            provider.request_id = request_id,
            error = %error,
            "The payment provider's answer is an error."
        ),
    }
}

fn log_no_answer(call: Call<'_>, error: &ProviderError) {
    if error.nothing_happened() {
        tracing::info!(
            provider.call = call.name,
            payment.id = call.payment,
            error = %error,
            "The payment provider was not called."
        );
    } else {
        tracing::warn!(
            provider.call = call.name,
            payment.id = call.payment,
            error = %error,
            "The payment provider gave no answer."
        );
    }
}

/// The id, if it can be one. It becomes part of a path and was stored by somebody else.
fn path_segment(id: &PaymentId) -> Result<&str, ProviderError> {
    if wire::is_id(&id.0) { Ok(&id.0) } else { Err(rejected("malformed_payment_id")) }
}

fn rejected(code: &str) -> ProviderError {
    ProviderError::Rejected { code: code.to_owned() }
}
