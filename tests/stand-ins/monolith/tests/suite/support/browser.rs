//! What a browser does between the routes and a test: cookies, and the tokens of forms.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt;

/// Somebody's browser.
pub struct Browser {
    routes: Router,
    cookies: BTreeMap<String, String>,
    /// Of the last page with a form.
    pub form_token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{} is no JSON", self.text()))
    }

    /// The value of the first input field of that name.
    pub fn field(&self, name: &str) -> Option<String> {
        let at = self.text().find(&format!("name=\"{name}\" value=\""))?;
        let value = &self.text()[at + format!("name=\"{name}\" value=\"").len()..];
        Some(value[..value.find('"')?].to_owned())
    }

    /// That it is a problem, with words about it.
    pub fn assert_problem(&self, status: u16, about: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(about), "{problem}");
    }
}

impl Browser {
    pub fn new(routes: Router) -> Self {
        Self { routes, cookies: BTreeMap::new(), form_token: String::new() }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form with the token of the last page.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token.clone();
        self.submit_bare(path, &[fields, &[("form_token", token.as_str())]].concat()).await
    }

    /// Sends a form as it is.
    pub async fn submit_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(pairs.join("&").into());
        self.send(request.unwrap()).await
    }

    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").try_into().unwrap());
        }
        let response = self.routes.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, rest) = cookie.split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
            }
        }
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        let answer = Answer { status, headers, bytes };
        if std::str::from_utf8(&answer.bytes).is_ok()
            && let Some(token) = answer.field("form_token")
        {
            self.form_token = token;
        }
        answer
    }
}
