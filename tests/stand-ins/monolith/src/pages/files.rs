//! Style, scripts and icon, compiled in: no path of a request ever reaches the file system.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::web::App;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! public {
    ($($path:literal: $kind:expr),* $(,)?) => {
        &[$(($path, $kind, include_bytes!(concat!("../../public/", $path)))),*]
    };
}

/// Path, content type, content.
const FILES: &[(&str, &str, &[u8])] = public! {
    "style.css": CSS,
    "favicon.svg": SVG,
    "js/answers.js": SCRIPT,
    "js/developer.js": SCRIPT,
    "js/dom.js": SCRIPT,
    "js/find.js": SCRIPT,
    "js/read.js": SCRIPT,
    "js/suggest.js": SCRIPT,
};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/assets/{*path}", get(|Path(path): Path<String>| async move { serve(&path) }))
}

fn serve(path: &str) -> Response {
    match FILES.iter().find(|(known, ..)| *known == path) {
        // Revalidated each time, as the names carry no version: a page and its modules must be of one make.
        Some((_, kind, content)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *content).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such file.").into_response(),
    }
}
