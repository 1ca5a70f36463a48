//! The monolith, asked for exactly what a reader asked for: nothing is added but who they are, nothing is interpreted.

use crate::http::{HttpConfig, InvalidHttpConfig, NoAnswer, broken, read_body};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use reqwest::{Method, Url};
use std::fmt::Write;

/// What a function can still answer with (6 MB, in base64).
const MAX_BODY: usize = 4 * 1024 * 1024;
/// All but what RFC 3986 calls unreserved.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// They are about one connection (RFC 9110, 7.6.1), or are made anew for the next.
const NOT_PASSED_ON: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HOST,
    CONTENT_LENGTH,
    EXPECT,
];

/// A reader's request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// GET, …
    pub method: String,
    /// As it was written, percent-encoded.
    pub path: String,
    /// Names and values, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

/// The monolith's answer, whatever the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; a redirect is the reader's to follow.
    pub status: u16,
    /// Names, in lower case, and values, without those that are about the connection.
    pub headers: Vec<(String, String)>,
    /// At most 4 MiB.
    pub body: Vec<u8>,
}

/// The monolith at the configured base URL; no request can reach another host.
#[derive(Debug, Clone)]
pub struct Monolith {
    client: reqwest::Client,
    base_url: Url,
}

impl Monolith {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// [`InvalidHttpConfig::Client`] when this machine cannot do TLS.
    pub fn new(config: &HttpConfig) -> Result<Self, InvalidHttpConfig> {
        let client = config.client().build().map_err(InvalidHttpConfig::Client)?;
        Ok(Self { client, base_url: config.base_url().clone() })
    }

    /// Asks once, and reads the whole answer.
    ///
    /// # Errors
    /// [`NoAnswer`]: the monolith may have seen the request, or not.
    pub async fn ask(&self, request: Request) -> Result<Answer, NoAnswer> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| NoAnswer("the request's method is no method".to_owned()))?;
        let url = self.url(&request.path, &request.query);
        let sent = self.client.request(method, url).headers(passed_on(request.headers)).body(request.body);
        let mut response = sent.send().await.map_err(|error| broken(&error))?;
        let body = read_body(&mut response, MAX_BODY).await?;
        let headers = response.headers().iter().filter(|(name, _)| is_passed_on(name, response.headers()));
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Answer { status: response.status().as_u16(), headers, body })
    }

    fn url(&self, path: &str, query: &[(String, String)]) -> Url {
        let mut url = self.base_url.clone();
        // `set_path`, as a path that begins with two slashes would be taken for a host by `join`.
        url.set_path(&format!("{}{path}", self.base_url.path().trim_end_matches('/')));
        let mut text = String::new();
        for (name, value) in query {
            let separator = if text.is_empty() { "" } else { "&" };
            let (name, value) = (utf8_percent_encode(name, QUERY), utf8_percent_encode(value, QUERY));
            write!(text, "{separator}{name}={value}").unwrap_or_default();
        }
        url.set_query(Some(text.as_str()).filter(|text| !text.is_empty()));
        url
    }
}

fn passed_on(headers: Vec<(String, String)>) -> HeaderMap {
    let valid = headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    let mut all = HeaderMap::new();
    for (name, value) in valid {
        all.append(name, value);
    }
    let kept = all.iter().filter(|(name, _)| is_passed_on(name, &all));
    // `collect` would keep the last of several values.
    kept.fold(HeaderMap::new(), |mut kept, (name, value)| {
        kept.append(name.clone(), value.clone());
        kept
    })
}

fn is_passed_on(name: &HeaderName, all: &HeaderMap) -> bool {
    let connection = all.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let is_named =
        connection.flat_map(|value| value.split(',')).any(|word| name.as_str().eq_ignore_ascii_case(word.trim()));
    !is_named && !NOT_PASSED_ON.contains(name)
}

/// A header's bytes are characters of ISO 8859-1 (RFC 9110, 5.5), unless they are UTF-8.
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn monolith(base_url: &str) -> Monolith {
        Monolith::new(&HttpConfig::new(base_url, Duration::from_secs(1)).unwrap()).unwrap()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn path_and_query_arrive_as_they_were_asked_for() {
        let url = monolith("https://www.example.com/site/")
            .url("/a%2Fb/c%20d", &pairs(&[("q", "a&b"), ("q", "ü +"), ("e", "")]));
        assert_eq!(url.as_str(), "https://www.example.com/site/a%2Fb/c%20d?q=a%26b&q=%C3%BC%20%2B&e=");
        assert_eq!(monolith("https://www.example.com").url("/", &[]).as_str(), "https://www.example.com/");
    }

    #[test]
    fn what_is_about_the_connection_ends_with_it() {
        let headers = passed_on(pairs(&[
            ("Cookie", "a=1"),
            ("Connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Host", "other.example"),
            ("Content-Length", "7"),
            ("Accept", "text/html"),
            ("Accept", "*/*"),
            ("bad name", "x"),
            ("bad-value", "a\nb"),
        ]));
        let left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(left, [("cookie", "a=1"), ("accept", "text/html"), ("accept", "*/*")]);
    }

    proptest! {
        #[test]
        fn no_path_and_no_query_reach_another_host(path in "[/\\\\@:.?#%a-z0-9\\[\\] ]{0,40}", value in ".{0,20}") {
            let url = monolith("https://www.example.com:8443").url(&path, &[("q".to_owned(), value.clone())]);
            prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("www.example.com"), Some(8443)));
            prop_assert!(url.username().is_empty());
            let read: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(read, vec![("q".to_owned(), value)]);
        }
    }
}
