//! HTTP behind API Gateway: an axum router as a Lambda, and who calls.

use crate::config::{ConfigError, Variables};
use crate::problem::{self, Problem};
use axum::Router;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use domain::intent::CustomerId;
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, service_fn};
use serde_json::Value;
use std::convert::Infallible;
use tower::ServiceExt;

/// `SITE_ORIGIN`: the site whose scripts may read the answers (CORS), such as `https://www.example.com`.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn origin(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<HeaderValue, ConfigError> {
    env.checked("SITE_ORIGIN", |text| HeaderValue::try_from(text).map_err(|_| "must be an origin"))
}

/// Runs a router. Routes are written without the stage; each answer carries the gateway's request id.
/// `origin` is the site whose scripts may read the answers (CORS).
///
/// # Errors
/// What the Lambda runtime says when it cannot go on.
pub async fn run(router: Router, origin: HeaderValue) -> Result<(), lambda_http::Error> {
    lambda_http::run(service_fn(move |request: Request| {
        let (router, origin) = (router.clone(), origin.clone());
        async move {
            let id = gateway_context(request.request_context_ref()).and_then(|c| c.request_id.clone());
            let mut response = router.oneshot(without_stage(request)).await?;
            if let Some(id) = &id {
                response = problem::with_instance(response, id).await;
            }
            let headers = response.headers_mut();
            headers.insert("access-control-allow-origin", origin);
            headers.insert(
                "access-control-expose-headers",
                HeaderValue::from_static("etag, location, retry-after, x-request-id, x-served-by"),
            );
            if let Some(id) = id.and_then(|id| HeaderValue::try_from(id).ok()) {
                headers.insert("x-request-id", id);
            }
            Ok::<_, Infallible>(response)
        }
    }))
    .await
}

/// A REST API's event names the path without the stage; `lambda_http` puts the stage before it.
fn without_stage(mut request: Request) -> Request {
    let raw = request.raw_http_path().to_owned();
    let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    if let Ok(uri) = format!("{raw}{query}").parse() {
        *request.uri_mut() = uri;
    }
    request
}

type GatewayContext = lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;

fn gateway_context(context: Option<&RequestContext>) -> Option<&GatewayContext> {
    match context {
        Some(RequestContext::ApiGatewayV1(context)) => Some(context),
        _ => None,
    }
}

/// The customer of a request: `sub` of the access token that API Gateway verified.
#[derive(Debug, Clone)]
pub struct Customer(pub CustomerId);

impl<S: Sync> FromRequestParts<S> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        gateway_context(parts.extensions.get())
            .and_then(|c| c.authorizer.fields.get("claims")?.get("sub")?.as_str())
            .and_then(|sub| CustomerId::new(sub).ok())
            .map(Self)
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "Sign in first: the access token is missing."))
    }
}

/// The groups of a request's caller: `cognito:groups` of the access token that API Gateway verified. A REST API hands them
/// on as one text with commas, an HTTP API as one in brackets with spaces. None without a token.
#[derive(Debug, Clone)]
pub struct Groups(pub Vec<String>);

impl<S: Sync> FromRequestParts<S> for Groups {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let claim = gateway_context(parts.extensions.get())
            .and_then(|c| c.authorizer.fields.get("claims")?.get("cognito:groups"));
        Ok(Self(match claim {
            Some(Value::String(names)) => {
                let names = names.strip_prefix('[').and_then(|names| names.strip_suffix(']')).unwrap_or(names);
                names.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
            }
            Some(Value::Array(names)) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }))
    }
}

/// The IAM identity of a request, as API Gateway verified it.
#[derive(Debug, Clone)]
pub struct Caller(pub String);

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        let arn = gateway_context(parts.extensions.get()).and_then(|c| c.identity.user_arn.clone());
        Ok(arn.filter(|arn| !arn.is_empty()).map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use lambda_http::http::Response;

    fn event(path: &str, authorizer: &str, identity: &str) -> Request {
        let event = format!(
            r#"{{"resource": "{path}", "path": "{path}", "httpMethod": "GET", "headers": {{"host": "api"}},
            "multiValueHeaders": {{"host": ["api"]}}, "queryStringParameters": null,
            "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null, "body": null,
            "isBase64Encoded": false, "requestContext": {{"accountId": "1", "resourceId": "r", "stage": "prod",
            "requestId": "id-1", "identity": {{"sourceIp": "127.0.0.1"{identity}}}, "resourcePath": "{path}",
            "httpMethod": "GET", "apiId": "a", "path": "/prod{path}"{authorizer}}}}}"#
        );
        lambda_http::request::from_str(&event).unwrap()
    }

    async fn call(request: Request) -> Response<axum::body::Body> {
        let router = Router::new()
            .route("/me", get(|Customer(id): Customer| async move { id.to_string() }))
            .route("/groups", get(|Groups(names): Groups| async move { names.join("|") }))
            .route("/who", get(|who: Option<Caller>| async move { who.map_or_else(String::new, |Caller(arn)| arn) }));
        router.oneshot(without_stage(request)).await.unwrap()
    }

    async fn text(response: Response<axum::body::Body>) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_customer_is_the_subject_of_the_verified_token() {
        let claims = r#", "authorizer": {"claims": {"sub": "ada", "email": "a@b"}}"#;
        assert_eq!(text(call(event("/me", claims, "")).await).await, "ada");
    }

    #[tokio::test]
    async fn the_groups_are_those_of_the_verified_token() {
        for (groups, named) in [
            (r#""editors""#, "editors"),
            (r#""contributors,editors""#, "contributors|editors"),
            (r#""contributors, editors""#, "contributors|editors"),
            (r#""[contributors editors]""#, "contributors|editors"),
            (r#""[editors]""#, "editors"),
            (r#""[editors""#, "[editors"),
            (r#""""#, ""),
            (r#"["contributors", "editors"]"#, "contributors|editors"),
            ("null", ""),
            (r#""not-editors""#, "not-editors"),
        ] {
            let claims = format!(r#", "authorizer": {{"claims": {{"sub": "ada", "cognito:groups": {groups}}}}}"#);
            assert_eq!(text(call(event("/groups", &claims, "")).await).await, named);
        }
        assert_eq!(text(call(event("/groups", "", "")).await).await, "");
    }

    #[tokio::test]
    async fn without_a_token_there_is_no_customer() {
        for claims in ["", r#", "authorizer": {}"#, r#", "authorizer": {"claims": {"sub": ""}}"#] {
            let response = call(event("/me", claims, "")).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{claims}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }

    #[tokio::test]
    async fn the_caller_is_the_signed_identity() {
        let identity = r#", "userArn": "arn:aws:iam::1:user/op""#;
        assert_eq!(text(call(event("/who", "", identity)).await).await, "arn:aws:iam::1:user/op");
        assert_eq!(text(call(event("/who", "", "")).await).await, "");
    }
}
