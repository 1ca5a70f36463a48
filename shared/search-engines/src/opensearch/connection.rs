//! Requests to a cluster, each with an end.

use super::failed;
use domain::services::ServiceError;
use opensearch::auth::Credentials;
use opensearch::http::Method;
use opensearch::http::Url;
use opensearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use opensearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;

/// A request of this length has failed, whatever the cluster still does about it.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same for a batch of changes, and for an index that is made, moved or dropped.
const WRITE_PATIENCE: Duration = Duration::from_secs(25);

/// A cluster. Requests go there directly, whatever proxy the environment names.
#[derive(Debug, Clone)]
pub struct Connection(Transport);

/// What the cluster replied.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    body: String,
}

impl Connection {
    /// A cluster that lets everybody in: one on this machine.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn open(url: &str) -> Result<Self, ServiceError> {
        Self::build(url, None)
    }

    /// A domain of Amazon OpenSearch Service; requests are signed (SigV4) with what `sdk`, the SDK's configuration, has.
    ///
    /// # Errors
    /// A URL that is none; no credentials or region.
    pub fn signed<T>(url: &str, sdk: T) -> Result<Self, ServiceError>
    where
        Credentials: TryFrom<T, Error: Error>,
    {
        Self::build(url, Some(Credentials::try_from(sdk).map_err(failed)?))
    }

    fn build(url: &str, credentials: Option<Credentials>) -> Result<Self, ServiceError> {
        let url = Url::parse(&format!("{}/", url.trim_end_matches('/'))).map_err(failed)?;
        let builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).disable_proxy();
        let builder = match credentials {
            Some(credentials) => builder.auth(credentials),
            None => builder,
        };
        builder.build().map(Self).map_err(failed)
    }

    pub(super) async fn post(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, ServiceError> {
        self.send(Method::Post, path, parameters, body.to_string(), PATIENCE).await
    }

    pub(super) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Reply, ServiceError> {
        self.send(Method::Get, path, parameters, String::new(), PATIENCE).await
    }

    pub(super) async fn write(&self, method: Method, path: &str, body: String) -> Result<Reply, ServiceError> {
        self.send(method, path, &[], body, WRITE_PATIENCE).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: String,
        patience: Duration,
    ) -> Result<Reply, ServiceError> {
        let mut headers = HeaderMap::new();
        if path == "_bulk" {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let body = (!body.is_empty()).then_some(body);
        let sent = self.0.send(method, path, headers, Some(parameters), body, Some(patience)).await;
        let response = sent.map_err(|error| chain(&error))?;
        let status = response.status_code().as_u16();
        Ok(Reply { status, body: response.text().await.map_err(|error| chain(&error))? })
    }
}

/// An error with all its causes: the outermost alone says little more than that something went wrong.
fn chain(error: &dyn Error) -> ServiceError {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    failed(said)
}

impl Reply {
    /// What a request that must succeed was answered.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        if self.status >= 300 {
            return Err(self.refused());
        }
        serde_json::from_str(&self.body).map_err(failed)
    }

    /// Why the cluster refused. The reason never has a document in it: those are answered one by one.
    pub fn refused(&self) -> ServiceError {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let why = body["error"]["root_cause"][0]["reason"].as_str().or(body["error"]["reason"].as_str());
        failed(format!("status {}: {}", self.status, why.or(body["error"].as_str()).unwrap_or("no reason is given")))
    }

    /// Whether it was refused for this cause.
    pub fn is(&self, kind: &str) -> bool {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["type"] == kind
    }
}
