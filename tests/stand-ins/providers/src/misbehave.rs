//! What every provider does about an ordered fault, before and after its own logic.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::{
    fault::{Effect, Mode},
    hang_up,
};

/// The answer of a call that never reaches the provider's logic; `None` lets it go on, perhaps late. `refuse` makes a
/// refusal in the provider's own form.
pub async fn before(effect: Effect, refuse: impl Fn(StatusCode, &str) -> Response) -> Option<Response> {
    match effect.mode {
        Mode::Unavailable => Some(refuse(StatusCode::SERVICE_UNAVAILABLE, "The service is temporarily unavailable.")),
        Mode::RateLimited => {
            let seconds = effect.delay.as_millis().div_ceil(1000).to_string();
            let body = refuse(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
            Some(([(header::RETRY_AFTER, seconds)], body).into_response())
        }
        Mode::Garbage => Some(Html("<html><body>It works!</body></html>").into_response()),
        Mode::Hang => Some(hang_up::after(effect.delay).await),
        Mode::Slow => {
            tokio::time::sleep(effect.delay).await;
            None
        }
        Mode::None | Mode::ActThenHang | Mode::LostReply | Mode::Decline => None,
    }
}

/// The answer of a call that was done, if the caller is to get it.
pub async fn after(effect: Effect, answer: Response) -> Response {
    match effect.mode {
        Mode::ActThenHang => hang_up::after(effect.delay).await,
        Mode::LostReply => hang_up::now(),
        _ => answer,
    }
}
