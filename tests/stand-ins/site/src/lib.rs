//! The platform's web site on one machine: the subscribe page, static files with strict headers, and `/config.json`, which
//! tells the page where its API and its user pool are. The page itself is in `public` and needs nothing of this crate: any
//! static host will do.

pub mod config;
pub mod files;
mod headers;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};

pub use config::Config;

/// The site's routes.
pub fn routes(config: &Config) -> Router {
    let policy = headers::content_security_policy(config);
    Router::new()
        .route("/", get(|| async { serve("index.html") }))
        .route("/config.json", get(page_config))
        .route("/{*path}", get(|Path(path): Path<String>| async move { serve(&path) }))
        .with_state(config.clone())
        .layer(middleware::from_fn_with_state(policy, headers::harden))
}

async fn page_config(State(config): State<Config>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(config.for_page())).into_response()
}

fn serve(path: &str) -> Response {
    match files::find(path) {
        // Revalidated each time, as the names carry no version: a page and its modules must be of one make.
        Some((kind, content)) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], content).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such page.").into_response(),
    }
}
