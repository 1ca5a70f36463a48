//! Registration, signing in and out.

use axum::{
    Extension, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::{Markup, html};

use super::layout::{page, token};
use crate::{
    internal::rules::is_slug,
    users::Refused,
    web::{
        App,
        failure::Failure,
        fields::{Fields, Form, Query},
        visit::{Visit, with_session},
    },
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/register", get(registration).post(register))
        .route("/sign-in", get(signing_in).post(sign_in))
        .route("/sign-out", post(sign_out))
}

async fn registration(Extension(visit): Extension<Visit>, Query(query): Query) -> Markup {
    registration_page(&visit, &query, None)
}

async fn register(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Failure> {
    visit.check_form(&form)?;
    let session = app.users.register(form.text("email"), form.text("name"), form.text("password")).await;
    entered(&visit, &form, session, registration_page)
}

async fn signing_in(Extension(visit): Extension<Visit>, Query(query): Query) -> Markup {
    sign_in_page(&visit, &query, None)
}

async fn sign_in(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Failure> {
    visit.check_form(&form)?;
    let session = app.users.sign_in(form.text("email"), form.text("password")).await;
    entered(&visit, &form, session, sign_in_page)
}

async fn sign_out(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Failure> {
    visit.check_form(&form)?;
    app.users.sign_out(visit.secret()).await?;
    Ok(with_session(visit.go_to(""), None))
}

/// On with the session; or the form again, with what is wrong.
fn entered(
    visit: &Visit,
    form: &Fields,
    session: Result<String, Refused>,
    again: fn(&Visit, &Fields, Option<&str>) -> Markup,
) -> Result<Response, Failure> {
    match session {
        Ok(secret) => Ok(with_session(visit.go_to(then(form)), Some(&secret))),
        Err(refused @ Refused::Failed(_)) => Err(refused.into()),
        Err(refused) => {
            let failure = Failure::from(refused);
            Ok((failure.status(), again(visit, form, Some(failure.detail()))).into_response())
        }
    }
}

/// The page of ours to go to then; home, if it is not one of ours.
fn then(fields: &Fields) -> &str {
    fields.one("then").filter(|path| path.split('/').all(is_slug)).unwrap_or_default()
}

fn registration_page(visit: &Visit, fields: &Fields, wrong: Option<&str>) -> Markup {
    let content = html! {
        div.wide.narrow.form-page {
            h1 { "Register" }
            p.lead { "Readers comment. Contributors, who were readers first, write." }
            (error_box(wrong))
            form method="post" action={ (visit.up) "register" } {
                (token(visit))
                input type="hidden" name="then" value=(then(fields));
                div.field { label for="name" { "Your name, as others see it" }
                    input #name name="name" type="text" autocomplete="name" required maxlength="100" value=(fields.text("name")); }
                (email_field(fields))
                div.field { label for="password" { "Password" }
                    input #password name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="200" aria-describedby="password-hint";
                    p #password-hint.hint { "At least 10 characters." } }
                button.button type="submit" { "Register" }
            }
            p { "You have an account? " a href={ (visit.up) "sign-in" } { "Sign in" } }
        }
    };
    page(visit, "Register", &[], &content)
}

fn sign_in_page(visit: &Visit, fields: &Fields, wrong: Option<&str>) -> Markup {
    let content = html! {
        div.wide.narrow.form-page {
            h1 { "Sign in" }
            (error_box(wrong))
            form method="post" action={ (visit.up) "sign-in" } {
                (token(visit))
                input type="hidden" name="then" value=(then(fields));
                (email_field(fields))
                div.field { label for="password" { "Password" }
                    input #password name="password" type="password" autocomplete="current-password" required maxlength="200"; }
                button.button type="submit" { "Sign in" }
            }
            p { "You are new here? " a href={ (visit.up) "register" } { "Register" } }
        }
    };
    page(visit, "Sign in", &[], &content)
}

fn email_field(fields: &Fields) -> Markup {
    html! {
        div.field { label for="email" { "E-mail address" }
            input #email name="email" type="email" autocomplete="username" required maxlength="254" value=(fields.text("email")); }
    }
}

/// What is wrong with a form, above it.
pub(super) fn error_box(wrong: Option<&str>) -> Markup {
    html! { @if let Some(wrong) = wrong { p.error-box role="alert" { (wrong) } } }
}

/// A form again: it cannot be used as it is.
pub(super) fn again(status: StatusCode, page: Markup) -> Response {
    (status, page).into_response()
}
