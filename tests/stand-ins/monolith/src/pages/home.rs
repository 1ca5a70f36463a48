//! The home page.

use axum::{Extension, Router, extract::State, routing::get};
use maud::{Markup, html};

use super::layout::{card, page};
use crate::{
    internal::{ArtError, ArtFilter, ArtHead, PUBLISHED},
    web::{App, failure::Failure, visit::Visit},
};

const LATEST: u16 = 13;
const DISCUSSED: u32 = 5;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(home))
}

async fn home(State(app): State<App>, Extension(visit): Extension<Visit>) -> Result<Markup, Failure> {
    let arts = app.articles.art_list(&ArtFilter::default(), None, LATEST).await?.arts;
    let discussed = most_discussed(&app).await?;
    let up = &visit.up;
    let content = html! {
        h1.visually-hidden { "New Science: the latest" }
        div.wide.front {
            @if arts.is_empty() {
                div.notice { h2 { "Nothing is published yet" } p { "The first article could be yours: " a href={ (up) "desk" } { "write it at the desk" } "." } }
            }
            @if let Some(lead) = arts.first() { (card(&visit, lead, "lead-card")) }
            div.front-row {
                div.card-grid {
                    @for art in arts.iter().skip(1) { (card(&visit, art, "")) }
                }
                aside.front-side {
                    @if !discussed.is_empty() {
                        section aria-labelledby="discussed" {
                            h2 #discussed.side-title { "Readers talk about" }
                            ol.discussed {
                                @for (art, comments) in &discussed {
                                    li {
                                        a href={ (up) "read/" (art.art_key) "#comments" } { (art.headline) }
                                        span.small { (comments) @if *comments == 1 { " comment" } @else { " comments" } " lately" }
                                    }
                                }
                            }
                        }
                    }
                    section.invitation aria-labelledby="invitation" {
                        h2 #invitation { "Your research, your words" }
                        p { "New Science is written by the people who do the work. Every contributor has a desk here." }
                        p { a.button href={ (up) "desk" } { "Write for us" } }
                    }
                }
            }
            @if !arts.is_empty() { p.more { a href={ (up) "find?sort=newest" } { "All articles, the newest first" } } }
        }
    };
    Ok(page(&visit, "Home", &[], &content))
}

/// What readers talk about, if it can still be read.
async fn most_discussed(app: &App) -> Result<Vec<(ArtHead, u32)>, Failure> {
    let mut discussed = Vec::new();
    for (art_key, comments) in app.comments.most_discussed(DISCUSSED).await? {
        match app.articles.art_get(&art_key).await {
            Ok(art) if art.head.state == PUBLISHED => discussed.push((art.head, comments)),
            Ok(_) | Err(ArtError::Unknown | ArtError::Withdrawn) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(discussed)
}
