//! One HTTP request to a vendor: limits on time and size, no redirects, no surprises from the environment.

use admission::layer::GateError;
use domain::gate::admit::CallNotPermitted;
use domain::retry_after;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{ClientBuilder, Request, RequestBuilder, Response, Url, redirect};
use std::error::Error;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

/// A vendor's objects have a few kilobytes; what is longer is not one of them.
const MAX_BODY: usize = 1024 * 1024;
/// Connecting is fast or it is broken.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(3);
/// A function's sandbox is frozen between invocations, and a connection that slept longer is often dead already.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// Where a vendor's API is, and how long a call may take.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    base_url: Url,
    timeout: Duration,
}

/// Why a configuration is refused. It never repeats the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHttpConfig {
    /// Not an absolute URL.
    #[error("the base URL is not a URL such as https://api.example.com")]
    MalformedUrl,
    /// Neither http nor https.
    #[error("the base URL must begin with https:// (http:// for this machine only)")]
    Scheme,
    /// http to another machine: the key would be readable on the way.
    #[error("the base URL may use http:// for this machine only (localhost, 127.0.0.1, ::1)")]
    PlainHttp,
    /// A user or password in the URL.
    #[error("the base URL must not hold a user or a password")]
    UserInfo,
    /// A query or a fragment, which no path can follow.
    #[error("the base URL must not hold a query or a fragment")]
    QueryOrFragment,
    /// No time at all.
    #[error("the time-out of a call must be longer than zero")]
    ZeroTimeout,
    /// The machine cannot do TLS, for example because it has no root certificates.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

impl HttpConfig {
    /// `base_url` is `https://…`, or `http://…` for this machine only; its path is kept as a prefix. `timeout` is for one
    /// whole call, from connecting to the last byte of the answer.
    ///
    /// # Errors
    /// [`InvalidHttpConfig`] for anything else.
    pub fn new(base_url: &str, timeout: Duration) -> Result<Self, InvalidHttpConfig> {
        let url = Url::parse(base_url).map_err(|_| InvalidHttpConfig::MalformedUrl)?;
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_loopback(host) => {}
            ("http", Some(_)) => return Err(InvalidHttpConfig::PlainHttp),
            _ => return Err(InvalidHttpConfig::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidHttpConfig::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidHttpConfig::QueryOrFragment);
        }
        if timeout.is_zero() {
            return Err(InvalidHttpConfig::ZeroTimeout);
        }
        Ok(Self { base_url: url, timeout })
    }

    pub(crate) fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// A client within these limits.
    pub(crate) fn client(&self) -> ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("new-science-connectors/", env!("CARGO_PKG_VERSION")))
            .timeout(self.timeout)
            .connect_timeout(self.timeout.min(MAX_CONNECT_TIME))
            .pool_idle_timeout(KEEP_IDLE)
            // A redirect would carry money and the key to a place that no configuration names.
            .redirect(redirect::Policy::none())
            .referer(false)
            // Nor may a variable such as HTTP_PROXY send them elsewhere.
            .no_proxy()
            // Repeating is the caller's decision.
            .retry(reqwest::retry::never())
            .https_only(self.base_url.scheme() == "https")
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a vendor answered, whatever the status.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// From `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The vendor's name for this request, for its support.
    pub request_id: Option<String>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

/// Nobody knows what the vendor did. Says what broke; never holds the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// How a request ends without an answer, whatever stands before the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may have arrived, and nobody knows what the vendor did.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// A gate held it back: nothing was sent.
    #[error(transparent)]
    NotPermitted(#[from] CallNotPermitted),
    /// No gate could ever let it through, which is a mistake in the gate's configuration: nothing was sent.
    #[error("the gate is configured wrongly: {0}")]
    Misconfigured(String),
}

impl From<GateError<NoAnswer>> for SendError {
    fn from(error: GateError<NoAnswer>) -> Self {
        match error {
            GateError::Inner(no_answer) => Self::NoAnswer(no_answer),
            GateError::TimedOut(_) => Self::NoAnswer(no_answer_in_time()),
            GateError::NotPermitted(refusal) => Self::NotPermitted(refusal),
            GateError::Invalid(_) | GateError::Unknown(_) => Self::Misconfigured(error.to_string()),
        }
    }
}

/// Sends one request and reads the whole answer, so that whatever stands before it sees a body that hangs or breaks too.
#[derive(Debug, Clone)]
pub struct Wire(reqwest::Client);

impl Service<Request> for Wire {
    type Response = Answer;
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move { read(client.execute(request).await.map_err(|error| broken(&error))?).await })
    }
}

/// An HTTP client for one base URL.
pub struct HttpClient {
    client: reqwest::Client,
    base_url: Url,
    sender: BoxCloneSyncService<Request, Answer, SendError>,
}

impl HttpClient {
    /// A client that sends `headers` with each request, through what `layer` puts around the wire.
    pub fn new<L>(config: &HttpConfig, headers: HeaderMap, layer: &L) -> Result<Self, InvalidHttpConfig>
    where
        L: Layer<Wire>,
        L::Service: Service<Request, Response = Answer, Error: Into<SendError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let client = config.client().default_headers(headers).build().map_err(InvalidHttpConfig::Client)?;
        let sender = layer.layer(Wire(client.clone())).map_err(Into::into);
        Ok(Self { client, base_url: config.base_url.clone(), sender: BoxCloneSyncService::new(sender) })
    }

    /// A GET of base URL + `path`, asking for `query`.
    pub fn get(&self, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        self.client.get(url)
    }

    /// A form-encoded POST to base URL + `path`.
    pub fn post(&self, path: &[&str], form: &[(&str, &str)]) -> RequestBuilder {
        self.client.post(self.url(path)).form(form)
    }

    /// A POST of JSON to base URL + `path`.
    pub fn post_json(&self, path: &[&str], body: &serde_json::Value) -> RequestBuilder {
        self.client.post(self.url(path)).header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        // Fails only for URLs without a host, which the configuration has refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Sends the request, once, and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, SendError> {
        let request = request.build().map_err(|error| broken(&error))?;
        self.sender.clone().oneshot(request).await
    }
}

async fn read(mut response: Response) -> Result<Answer, NoAnswer> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let status = response.status().as_u16();
    let retry_after = header(RETRY_AFTER.as_str()).and_then(|value| retry_after::parse(value, header(DATE.as_str())));
    let request_id = header("request-id").filter(|id| is_request_id(id)).map(str::to_owned);
    let body = read_body(&mut response, MAX_BODY).await?;
    Ok(Answer { status, retry_after, request_id, body })
}

/// A header goes to the log only when it looks like what it should be.
fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

pub(crate) async fn read_body(response: &mut Response, at_most: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > at_most {
            return Err(NoAnswer(format!("the answer is longer than {at_most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn no_answer_in_time() -> NoAnswer {
    NoAnswer("no answer in time".to_owned())
}

/// What broke, and the innermost cause ("Connection refused"), which names neither the URL nor any content.
pub(crate) fn broken(error: &reqwest::Error) -> NoAnswer {
    let what = if error.is_timeout() {
        return no_answer_in_time();
    } else if error.is_connect() {
        "no connection"
    } else if error.is_builder() {
        "the request cannot be built"
    } else {
        "the connection broke"
    };
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    NoAnswer(causes.last().map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tower::layer::util::Identity;

    const SECOND: Duration = Duration::from_secs(1);

    fn config(url: &str) -> Result<HttpConfig, InvalidHttpConfig> {
        HttpConfig::new(url, SECOND)
    }

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_accepted() {
        for url in [
            "https://api.stripe.com",
            "https://proxy.example/stripe/",
            "http://127.0.0.1:12111",
            "http://localhost:1/prefix",
            "http://[::1]:8080/",
        ] {
            assert!(config(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn every_other_url_is_refused_with_its_reason() {
        use InvalidHttpConfig::{MalformedUrl, PlainHttp, QueryOrFragment, Scheme, UserInfo};
        assert!(matches!(config(""), Err(MalformedUrl)));
        assert!(matches!(config("api.stripe.com"), Err(MalformedUrl)));
        assert!(matches!(config("ftp://api.stripe.com"), Err(Scheme)));
        assert!(matches!(config("file:///etc/passwd"), Err(Scheme)));
        assert!(matches!(config("http://api.stripe.com"), Err(PlainHttp)));
        assert!(matches!(config("http://127.0.0.1.example.com"), Err(PlainHttp)));
        assert!(matches!(config("http://10.0.0.1"), Err(PlainHttp)));
        assert!(matches!(config("https://sk_live@api.stripe.com"), Err(UserInfo)));
        assert!(matches!(config("https://:pw@api.stripe.com"), Err(UserInfo)));
        assert!(matches!(config("https://api.stripe.com?x=1"), Err(QueryOrFragment)));
        assert!(matches!(config("https://api.stripe.com#x"), Err(QueryOrFragment)));
        let zero = HttpConfig::new("https://api.stripe.com", Duration::ZERO);
        assert!(matches!(zero, Err(InvalidHttpConfig::ZeroTimeout)));
    }

    #[test]
    fn a_path_prefix_is_kept_and_a_segment_cannot_leave_its_place() {
        let client = |url: &str| HttpClient::new(&config(url).unwrap(), HeaderMap::new(), &Identity::new()).unwrap();
        let url = client("https://proxy.example/stripe/").url(&["v1", "refunds"]);
        assert_eq!(url.as_str(), "https://proxy.example/stripe/v1/refunds");
        let url = client("https://api.stripe.com").url(&["v1", "payment_intents", "a/b?c"]);
        assert_eq!(url.as_str(), "https://api.stripe.com/v1/payment_intents/a%2Fb%3Fc");
    }

    proptest! {
        #[test]
        fn whatever_url_is_accepted_is_https_or_this_machine(url in "(https?|ftp)?:?/{0,3}[a-z0-9@:.\\[\\]#?/ ]{0,24}") {
            if let Ok(config) = config(&url) {
                let host = config.base_url.host_str().unwrap_or_default();
                prop_assert!(config.base_url.scheme() == "https" || is_loopback(host));
                prop_assert!(config.base_url.username().is_empty() && config.base_url.query().is_none());
            }
        }
    }
}
