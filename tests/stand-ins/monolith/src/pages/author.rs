//! What one author has published.

use axum::{
    Extension, Router,
    extract::{Path, State},
    routing::get,
};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::layout::{card, page};
use crate::{
    internal::{ArtError, ArtFilter},
    web::{App, failure::Failure, fields::Query, visit::Visit},
};

const PAGE: u16 = 12;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/by/{author}", get(author))
}

async fn author(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(author): Path<String>,
    Query(query): Query,
) -> Result<Markup, Failure> {
    let filter = ArtFilter { author_code: Some(author.clone()), topic: None };
    let listed = app.articles.art_list(&filter, query.one("from"), PAGE).await?;
    let Some(first) = listed.arts.first() else { return Err(ArtError::Unknown.into()) };
    let content = html! {
        div.wide.front {
            p.kicker { "Author" }
            h1 { (first.author_name) }
            div.card-grid.wide-grid { @for art in &listed.arts { (card(&visit, art, "")) } }
            @if let Some(mark) = &listed.next_mark {
                p.more {
                    a href={ (visit.up) "by/" (utf8_percent_encode(&author, NON_ALPHANUMERIC))
                        "?from=" (utf8_percent_encode(mark, NON_ALPHANUMERIC)) } { "Older articles" }
                }
            }
        }
    };
    Ok(page(&visit, &first.author_name, &[], &content))
}
