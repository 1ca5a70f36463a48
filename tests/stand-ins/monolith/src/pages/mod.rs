//! The site that people read.

mod account;
mod author;
mod desk;
mod files;
mod home;
pub mod layout;
mod picture;
mod read;

use axum::{Router, http::StatusCode, middleware};

use crate::web::{App, failure::Failure, visit::visit};

/// The pages, and whatever has no route: a page that says so.
pub fn routes(app: &App) -> Router<App> {
    let pages = Router::new()
        .merge(home::routes())
        .merge(read::routes())
        .merge(author::routes())
        .merge(account::routes())
        .merge(desk::routes())
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "There is no such page.") })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "This page cannot be used like that.")
        })
        .layer(middleware::from_fn_with_state(app.clone(), visit));
    Router::new().merge(files::routes()).merge(picture::routes()).merge(pages)
}
