//! Stripe's error object.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error as Stripe answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The HTTP status.
    pub status: StatusCode,
    object: Value,
}

impl Error {
    fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        Self { status, object: json!({"type": kind, "message": message.into()}) }
    }

    /// 400: the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 400: the object is not in a state in which this can be done.
    pub fn unexpected_state(message: impl Into<String>, payment_intent: Value) -> Self {
        Self::invalid(message).code("payment_intent_unexpected_state").with("payment_intent", payment_intent)
    }

    /// 401: no key, or a wrong one.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// 402: the issuer declines.
    pub fn declined(last_payment_error: Value, payment_intent: Value) -> Self {
        Self { status: StatusCode::PAYMENT_REQUIRED, object: last_payment_error }.with("payment_intent", payment_intent)
    }

    /// 404: no such object.
    pub fn missing(kind: &str, id: &str, param: &str) -> Self {
        let mut error = Self::invalid(format!("No such {kind}: '{id}'")).code("resource_missing").param(param);
        error.status = StatusCode::NOT_FOUND;
        error
    }

    /// 400: the idempotency key was used for something else.
    pub fn key_reused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// 409: the first request with this idempotency key has not ended yet.
    pub fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this idempotency key ({key}). Please try again later."
        );
        Self::new(StatusCode::CONFLICT, "idempotency_error", message).code("idempotency_key_in_use")
    }

    /// 429: too many requests.
    pub fn rate_limited() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "invalid_request_error", "Request rate limit exceeded.")
            .code("rate_limit")
    }

    /// 500: something broke at the provider.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "An unknown error occurred.")
    }

    /// 503: the provider cannot be reached.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", "The service is temporarily unavailable.")
    }

    /// Says more exactly what is wrong.
    pub fn code(self, code: &str) -> Self {
        self.with("code", Value::from(code))
    }

    /// Names the parameter that is wrong.
    pub fn param(self, param: &str) -> Self {
        self.with("param", Value::from(param))
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        json!({"error": self.object})
    }

    fn with(mut self, member: &str, value: Value) -> Self {
        self.object[member] = value;
        self
    }
}
