//! The site over its routes.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use tower::ServiceExt;

async fn get(path: &str) -> Response<Body> {
    let flags = "--api http://127.0.0.1:4566/a/local --cognito-endpoint http://127.0.0.1:4567 --client-id c1 --price-minor 1200";
    let config = site::Config::read(flags.split(' ').map(str::to_owned), |_| None).unwrap();
    site::routes(&config).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn every_answer_is_hardened() {
    for path in ["/", "/style.css", "/js/main.js", "/config.json", "/nothing"] {
        let response = get(path).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("connect-src 'self' http://127.0.0.1:4566 http://127.0.0.1:4567;"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn the_page_is_served_and_nothing_else() {
    assert!(text(get("/").await).await.contains("New Science"));
    assert_eq!(get("/js/main.js").await.headers()["content-type"], "text/javascript; charset=utf-8");
    for path in ["/nothing", "/../Cargo.toml", "/js/..%2f..%2fCargo.toml", "/js/"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn every_file_that_the_page_names_is_served() {
    let mut to_read = vec!["/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = to_read.pop() {
        let response = get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let content = text(response).await;
        for quoted in content.split(['"', '\'']).skip(1).step_by(2) {
            let named = quoted.strip_prefix("./").map(|module| format!("/js/{module}"));
            let named = named.or_else(|| quoted.starts_with('/').then(|| quoted.to_owned()));
            let is_file = |name: &String| [".js", ".css", ".svg"].iter().any(|ending| name.ends_with(ending));
            if let Some(named) = named.filter(is_file).filter(|named| !seen.contains(named)) {
                seen.push(named.clone());
                to_read.push(named);
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}

#[tokio::test]
async fn the_page_learns_where_the_platform_is() {
    let response = get("/config.json").await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let config: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(config["api"], "http://127.0.0.1:4566/a/local");
    assert_eq!(config["cognito"]["clientId"], "c1");
    assert_eq!(config["price"]["minor"], 1200);
}
