//! The program's routes.

pub mod failure;
pub mod fields;
pub mod json;
pub mod operators;
pub mod visit;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};

use crate::{
    comments::Comments, desk_work::DeskWork, internal::ArtInterface, pages, search::rebuild::Rebuild, store::Store,
    users::Users,
};

/// What the handlers work with.
pub struct Site {
    /// The database.
    pub store: Store,
    /// The articles, wherever they are.
    pub articles: Arc<dyn ArtInterface>,
    /// The accounts.
    pub users: Users,
    /// What readers say.
    pub comments: Comments,
    /// What contributors have on their desks.
    pub desk_work: DeskWork,
    /// The search's batch job.
    pub rebuild: Rebuild,
    /// Of the token of operators and of the articles service.
    pub token_digest: Option<String>,
    /// Where readers become premium readers.
    pub subscribe_url: Option<String>,
}

/// The handlers' shared state.
pub type App = Arc<Site>;

/// Every route.
pub fn routes(app: App) -> Router {
    Router::new()
        .merge(json::routes())
        .merge(operators::routes(&app))
        .merge(pages::routes(&app))
        .layer(middleware::from_fn(harden))
        .with_state(app)
}

/// Says which side answered, and what a browser is to refuse: scripts, styles and forms from elsewhere, and frames.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed = [
        (HeaderName::from_static("x-served-by"), "monolith"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ];
    response.headers_mut().extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
