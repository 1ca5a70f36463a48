//! What every answer carries, so that a browser refuses whatever the page does not need.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use crate::Config;

/// Scripts, styles and images from here alone; calls to the API and the user pool alone; no frames, no forms that post.
pub(crate) fn content_security_policy(config: &Config) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {} {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        origin(&config.api),
        origin(&config.cognito_endpoint),
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Scheme and authority of a checked URL.
fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[authority..].find('/').map_or(url.len(), |path| authority + path);
    &url[..end]
}

pub(crate) async fn harden(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    let headers = response.headers_mut();
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_a_url_without_its_path() {
        assert_eq!(origin("http://127.0.0.1:4566/_aws/execute-api/a/local"), "http://127.0.0.1:4566");
        assert_eq!(origin("https://api.example.com"), "https://api.example.com");
    }
}
