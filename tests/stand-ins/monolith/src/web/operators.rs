//! What operators and the articles service call, with the token that they share with this program.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App,
    failure::{Failure, as_problem},
};
use crate::{
    anticorruption::words::{View, old_date, to_old},
    internal::{
        ArtError,
        feed::{Fed, feed},
        rules::BODY_MAX,
    },
    users::digest,
};

/// The routes that need the token.
pub fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/admin/rebuild-search", post(rebuild))
        .route("/internal/articles/{id}/feed", post(feed_back))
        // JSON takes up to six bytes for one of the body's.
        .layer(DefaultBodyLimit::max(7 * BODY_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), with_token))
        .layer(middleware::from_fn(as_problem))
}

async fn with_token(State(app): State<App>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).map(digest);
    match (&app.token_digest, given) {
        (Some(token), Some(given)) if *token == given => next.run(request).await,
        (Some(_), _) => Failure::new(StatusCode::UNAUTHORIZED, "This needs the token of operators.").into_response(),
        (None, _) => Failure::new(StatusCode::FORBIDDEN, "The program was started without a token.").into_response(),
    }
}

async fn rebuild(State(app): State<App>) -> Result<Json<Value>, Failure> {
    let rebuilt = app.rebuild.run(&*app.articles).await?;
    Ok(Json(json!({"articles": rebuilt.articles, "written": rebuilt.written, "removed": rebuilt.removed})))
}

/// An article, and which edit of it the service knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FedArticle {
    #[serde(flatten)]
    view: View,
    known_change: Option<String>,
}

async fn feed_back(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, Failure> {
    let bad = |detail: String| Failure::new(StatusCode::BAD_REQUEST, detail);
    let FedArticle { view, known_change } =
        serde_json::from_slice(&body).map_err(|error| bad(format!("The body is no article: {error}")))?;
    if view.id != id {
        return Err(bad("id: must be the one of the path".to_owned()));
    }
    let unsayable = |error| match error {
        ArtError::Unsayable { field, text } => bad(format!("{field}: cannot be said here: {text}")),
        other => other.into(),
    };
    let art = to_old(&view).map_err(unsayable)?;
    let known = known_change.as_deref().map(|time| old_date("knownChange", time)).transpose().map_err(unsayable)?;
    match feed(&app.store, art, view.version, known).await? {
        Fed::Unheard => {
            Err(Failure::new(StatusCode::CONFLICT, "It was changed here, and the service has not heard of that yet."))
        }
        fed => Ok(Json(json!({"applied": fed == Fed::Applied, "version": view.version}))),
    }
}
