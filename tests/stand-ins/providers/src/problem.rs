//! Problem details (RFC 9457) of the admin routes.

use axum::{
    Json,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// What is wrong with a request, and with which of its fields.
#[derive(Debug, Eq, PartialEq)]
pub struct Problem {
    field: String,
    detail: String,
}

impl Problem {
    /// A problem with `field`; `detail` completes the sentence that the field's name begins.
    pub fn with(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }

    /// The field that the problem is with.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": format!("{} {}", self.field, self.detail),
            "field": self.field,
        });
        (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
    }
}
