//! What a caller is told when something goes wrong: problem details (RFC 9457) on JSON routes, a page on the others.

use std::error::Error;

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{internal::ArtError, store::StoreError, users::Refused};

/// A status and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    detail: String,
}

impl Failure {
    /// What went wrong, for whoever asked.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn ours(error: &(dyn Error + 'static)) -> Self {
        log(error);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "This is not available for the moment. Try again soon.")
    }
}

/// One line with all causes, for whoever runs the program.
pub fn log(error: &(dyn Error + 'static)) {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        line = format!("{line}: {source}");
        cause = source.source();
    }
    eprintln!("monolith: {line}");
}

impl From<ArtError> for Failure {
    fn from(error: ArtError) -> Self {
        match error {
            ArtError::Unknown => Self::new(StatusCode::NOT_FOUND, "There is no such article."),
            ArtError::KeyTaken => Self::new(StatusCode::CONFLICT, "There is an article of that name already."),
            ArtError::Changed => Self::new(
                StatusCode::CONFLICT,
                "Somebody changed the article meanwhile. Load it again and repeat your change.",
            ),
            ArtError::Field { field, rule } => Self::new(StatusCode::BAD_REQUEST, format!("{field}: {rule}")),
            ArtError::Withdrawn => Self::new(StatusCode::GONE, "This article was withdrawn."),
            ArtError::Unsayable { .. } => {
                log(&error);
                Self::new(StatusCode::BAD_GATEWAY, "The article is kept in a form that this site cannot show.")
            }
            ArtError::Away(_) => Self::ours(&error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::ours(&error)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match &refused {
            Refused::Field(_) => Self::new(StatusCode::BAD_REQUEST, refused.to_string()),
            Refused::Known => Self::new(StatusCode::CONFLICT, refused.to_string()),
            Refused::Wrong => Self::new(StatusCode::FORBIDDEN, refused.to_string()),
            Refused::Failed(_) => Self::ours(&refused),
        }
    }
}

/// Plain text, and itself as an extension: [`as_problem`], or the pages' own middleware, dresses it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.detail.clone()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What failed in an answer, if it did: our own failure, or the framework's words.
pub async fn in_answer(response: Response) -> Result<Response, (Failure, Response)> {
    let status = response.status();
    let ours = response.extensions().get::<Failure>().cloned();
    let plain =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if ours.is_none() && !(plain && (status.is_client_error() || status.is_server_error())) {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let words = to_bytes(body, 10_000).await.unwrap_or_default();
    let failure = ours.unwrap_or_else(|| {
        let words = String::from_utf8_lossy(&words).into_owned();
        let reason = || status.canonical_reason().unwrap_or("Error").to_owned();
        Failure::new(status, if words.is_empty() { reason() } else { words })
    });
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Err((failure, Response::from_parts(parts, axum::body::Body::empty())))
}

/// Answers failures as problem details.
pub async fn as_problem(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let (failure, bare) = match in_answer(response).await {
        Ok(fine) => return fine,
        Err(failed) => failed,
    };
    let body = json!({
        "type": "about:blank",
        "title": failure.status.canonical_reason().unwrap_or("Error"),
        "status": failure.status.as_u16(),
        "detail": failure.detail,
    });
    let mut response = bare.map(|_| axum::body::Body::from(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
