//! Ways to leave a caller without an answer.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures::stream;

/// Closes the connection without sending a byte.
///
/// The body fails before the head was flushed, and hyper then drops the connection with both.
pub fn now() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::other("hung up on purpose")) });
    Response::new(Body::from_stream(broken))
}

/// Keeps the caller waiting, then closes the connection. Ends early, when the caller gives up.
pub async fn after(patience: Duration) -> Response {
    tokio::time::sleep(patience).await;
    now()
}
