//! One visit of a page: who it is, what its forms must carry, and how its links find the site.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    App,
    failure::{Failure, in_answer},
    fields::Fields,
};
use crate::{
    pages::layout,
    users::{self, Role, SESSION_SECONDS, User},
};

const SESSION: &str = "ns_session";
const VISIT: &str = "ns_visit";
/// The form field that proves that the form is ours.
pub const FORM_TOKEN: &str = "form_token";

/// One visit.
#[derive(Clone)]
pub struct Visit {
    /// Who visits, if signed in.
    pub user: Option<User>,
    /// From the page to the site's root, relative: the site may live below any path of another host.
    pub up: String,
    secret: String,
    is_new: bool,
    has_form: Arc<AtomicBool>,
}

impl Visit {
    /// What each form of the page carries: nobody can know it who does not know the visitor's cookie.
    pub fn form_token(&self) -> String {
        self.has_form.store(true, Ordering::Relaxed);
        users::digest(&format!("form:{}", self.secret))
    }

    /// Refuses a form that is not one of ours.
    pub fn check_form(&self, form: &Fields) -> Result<(), Failure> {
        if form.text(FORM_TOKEN) == self.form_token() {
            Ok(())
        } else {
            Err(Failure::new(StatusCode::FORBIDDEN, "This form is too old. Go back, load the page again and repeat."))
        }
    }

    /// The visitor, if signed in.
    pub fn user(&self) -> Result<&User, Failure> {
        self.user.as_ref().ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "Sign in first."))
    }

    /// The visitor, if a contributor or editor.
    pub fn writer(&self) -> Result<&User, Failure> {
        let user = self.user()?;
        if user.role >= Role::Contributor {
            Ok(user)
        } else {
            Err(Failure::new(StatusCode::FORBIDDEN, "This is for contributors. You can become one at the desk."))
        }
    }

    /// Sends the visitor to another page of the site.
    pub fn go_to(&self, path: &str) -> Response {
        let to = HeaderValue::try_from(format!("{}{path}", self.up));
        let to = to.unwrap_or_else(|_| HeaderValue::from_static("./"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
    }

    /// The session's secret, for signing out.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// The answer with a session's cookie; without a secret, with the cookie's end.
pub fn with_session(mut response: Response, secret: Option<&str>) -> Response {
    let (value, seconds) = secret.map_or(("", 0), |secret| (secret, SESSION_SECONDS));
    set_cookie(&mut response, SESSION, value, Some(seconds));
    response
}

/// `Secure` is missing on purpose: the program speaks plain HTTP on loopback, and TLS is the façade's.
fn set_cookie(response: &mut Response, name: &str, value: &str, seconds: Option<i64>) {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, value)| *known == name && !value.is_empty() && value.len() <= 100).map(|(_, value)| value)
}

/// Finds out who visits; dresses what went wrong as a page.
pub async fn visit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let depth = request.uri().path().bytes().filter(|byte| *byte == b'/').count().saturating_sub(1);
    let up = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
    let visit = match enter(&app, request.headers(), up.clone()).await {
        Ok(visit) => visit,
        Err(failure) => return failure.into_response(),
    };
    request.extensions_mut().insert(visit.clone());
    let mut response = match in_answer(next.run(request).await).await {
        Ok(fine) => fine,
        Err((failure, bare)) => {
            let page = layout::failure(&app, &visit, &failure).into_string();
            let mut response = bare.map(|_| Body::from(page));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            response
        }
    };
    if visit.is_new && visit.has_form.load(Ordering::Relaxed) {
        set_cookie(&mut response, VISIT, &visit.secret, None);
    }
    // Each page says who is signed in.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}

async fn enter(app: &App, headers: &HeaderMap, up: String) -> Result<Visit, Failure> {
    let has_form = Arc::default();
    if let Some(secret) = cookie(headers, SESSION)
        && let Some(user) = app.users.of_session(secret).await?
    {
        return Ok(Visit { user: Some(user), up, secret: secret.to_owned(), is_new: false, has_form });
    }
    let known = cookie(headers, VISIT).map(str::to_owned);
    let is_new = known.is_none();
    let secret = known.map_or_else(|| users::secret(16), Ok)?;
    Ok(Visit { user: None, up, secret, is_new, has_form })
}
