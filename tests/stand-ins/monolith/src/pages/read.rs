//! The article page and the search page: shells. Scripts fill them from `/articles/{id}` and `/search`, whoever answers
//! there. Comments are the monolith's own.

use axum::{
    Extension, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use maud::{Markup, html};

use super::layout::{day, page, token};
use crate::{
    comments::{Comment, LONGEST},
    internal::rules,
    web::{
        App,
        failure::Failure,
        fields::{Form, Query},
        visit::Visit,
    },
};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/read/{id}", get(read)).route("/read/{id}/comments", post(comment)).route("/find", get(find))
}

async fn read(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Markup, Failure> {
    rules::check_key(&id).map_err(|_| Failure::new(StatusCode::NOT_FOUND, "There is no such article."))?;
    let comments = app.comments.on(&id).await?;
    let up = &visit.up;
    let content = html! {
        article #article.article data-id=(id) aria-busy="true" {
            div.article-head.narrow {
                p #kicker.kicker { "New Science" }
                h1 #title tabindex="-1" { "Loading the article…" }
                p #summary.lead hidden {}
                p #by.by hidden {}
                p #trouble.lead role="alert" hidden {}
                p #elsewhere hidden { a href={ (up) "find" } { "Search New Science" } " · " a href=(up) { "To the home page" } }
                button #again.button type="button" hidden { "Try again" }
                noscript { p.error-box { "This page needs JavaScript to show the article." } }
            }
            figure.article-picture { img #picture alt="" width="1280" height="520" hidden; }
            div #body.article-body.narrow hidden {}
            aside #premium.premium-box.narrow hidden aria-labelledby="premium-title" {
                h2 #premium-title { "The rest is for premium readers" }
                p { "Premium readers read every article in full, the archive included, without advertising." }
                @if let Some(url) = &app.subscribe_url { p { a.button href=(url) { "Become a premium reader" } } }
            }
            div #after.narrow.article-after hidden {
                ul #tags.tags aria-label="Topics" {}
                @if visit.writer().is_ok() { p { a href={ (up) "desk/edit/" (id) } { "Open at the desk" } } }
            }
        }
        (comment_section(&visit, &id, &comments))
    };
    Ok(page(&visit, "Article", &["read"], &content))
}

fn comment_section(visit: &Visit, id: &str, comments: &[Comment]) -> Markup {
    let up = &visit.up;
    html! {
        section #comments.comments.narrow aria-labelledby="comments-title" {
            h2 #comments-title { @match comments.len() { 0 => "No comments yet", 1 => "1 comment", many => { (many) " comments" } } }
            ol.comment-list {
                @for comment in comments {
                    li {
                        p.comment-by { strong { (comment.user_name) } " " span.small { (day(&comment.comm_date)) } }
                        p.comment-text { (comment.comm_text) }
                    }
                }
            }
            @if visit.user.is_some() {
                form method="post" action={ (up) "read/" (id) "/comments" } {
                    (token(visit))
                    div.field {
                        label for="comment" { "Your comment" }
                        textarea #comment name="comment" rows="4" required maxlength=(LONGEST) {}
                    }
                    button.button type="submit" { "Comment" }
                }
            } @else {
                p { a href={ (up) "sign-in?then=read/" (id) } { "Sign in" } " to comment." }
            }
        }
    }
}

async fn comment(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Form(form): Form,
) -> Result<Response, Failure> {
    let user = visit.user()?;
    visit.check_form(&form)?;
    app.comments.say(&*app.articles, &id, user, form.text("comment")).await?;
    Ok(visit.go_to(&format!("read/{id}#comments")))
}

// The query is the script's. It is read here so that what is not text is refused as everywhere.
async fn find(Extension(visit): Extension<Visit>, Query(_): Query) -> Markup {
    let content = html! {
        div.wide.find {
            h1 #find-title tabindex="-1" { "Search" }
            form #find-form.find-form role="search" aria-label="Search articles" {
                div.field.find-words {
                    label for="q" { "Words" }
                    input #q name="q" type="search" maxlength="200" autocomplete="off";
                }
                div.field { label for="sort" { "Order" }
                    select #sort name="sort" {
                        option value="" { "Best match" }
                        option value="newest" { "Newest first" }
                        option value="oldest" { "Oldest first" }
                    }
                }
                div.field { label for="from" { "From" } input #from name="from" type="date"; }
                div.field { label for="to" { "Before" } input #to name="to" type="date"; }
                button.button type="submit" { "Search" }
            }
            ul #filters.tags aria-label="Filters" {}
            p #count.find-count role="status" {}
            p #trouble.error-box role="alert" hidden {}
            button #again.button type="button" hidden { "Try again" }
            div.find-row {
                div {
                    ol #hits.hits {}
                    button #more.button.quiet-button type="button" hidden { "More results" }
                }
                aside #facets.facets aria-label="Narrow down" hidden {}
            }
            noscript { p.error-box { "This page needs JavaScript to search." } }
        }
    };
    page(&visit, "Search", &["find"], &content)
}
