//! Problem details (RFC 9457): what an HTTP caller is told when something goes wrong.

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// An error answer. It never holds a stack trace or an internal name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem with a sentence that says what to do next.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_seconds: None }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A dependency of ours did not answer; the log has the reason, the caller does not.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "This is not available for the moment. Try again soon.")
            .retry_after(5)
    }
}

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Names the request in a problem's `instance`; any other answer stays as it is.
pub async fn with_instance(response: Response, request_id: &str) -> Response {
    if response.headers().get(header::CONTENT_TYPE) != Some(&MEDIA_TYPE) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Our own problems are small and in memory; there is nothing that could fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let named = serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes).map(|mut problem| {
        problem.insert("instance".to_owned(), json!(format!("urn:request:{request_id}")));
        Value::Object(problem).to_string()
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, named.map_or_else(|_| Body::from(bytes), Body::from))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_names_its_request_and_other_answers_stay_as_they_are() {
        let problem = Problem::unavailable().into_response();
        let named = with_instance(problem, "id-1").await;
        assert_eq!(named.headers()["retry-after"], "5");
        let body = to_bytes(named.into_body(), 1000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((body["instance"].as_str(), body["status"].as_u64()), (Some("urn:request:id-1"), Some(503)));
        let other = with_instance("{}".into_response(), "id-1").await;
        assert_eq!(to_bytes(other.into_body(), 1000).await.unwrap(), "{}");
    }
}
