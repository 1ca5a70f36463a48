//! The monolith's side of a request.

use crate::event::{Asked, NotAsked, ProxyAnswer};
use connectors::NoAnswer;
use connectors::monolith::{Monolith, Request};
use std::future::Future;

/// Why the monolith's side has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonolithError {
    /// The request cannot be passed on as it is.
    #[error(transparent)]
    NotAsked(#[from] NotAsked),
    /// It may have seen the request, or not.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// Whoever answers as the monolith.
pub trait MonolithSide {
    /// Asks for what the reader asked for.
    fn ask(&self, asked: &Asked) -> impl Future<Output = Result<ProxyAnswer, MonolithError>> + Send;
}

impl MonolithSide for Monolith {
    async fn ask(&self, asked: &Asked) -> Result<ProxyAnswer, MonolithError> {
        let answer = Self::ask(self, request(asked)?).await?;
        Ok(ProxyAnswer::new(answer.status, answer.headers, answer.body))
    }
}

/// The reader's request, with what the monolith cannot see any more: who asks, for which host, by which protocol.
fn request(asked: &Asked) -> Result<Request, NotAsked> {
    let flat = |values: &crate::event::Values| {
        let pairs = values.iter().flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
        pairs.collect::<Vec<_>>()
    };
    let mut headers = asked.multi_value_headers.as_ref().map(flat).unwrap_or_default();
    let known = [
        // API Gateway appends the address to what the reader sent; here, as wherever it did not.
        ("x-forwarded-for", Some(asked.address()), false),
        ("x-forwarded-proto", Some("https"), false),
        // The reader's own word for this would be believed.
        ("x-forwarded-host", asked.request_context.domain_name.as_deref(), true),
    ];
    for (name, value, replaces) in known {
        if replaces {
            headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        }
        let is_there = headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some(value) = value.filter(|value| !value.is_empty() && !is_there) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(Request {
        method: asked.http_method.clone(),
        path: asked.path.clone(),
        query: asked.multi_value_query_string_parameters.as_ref().map(flat).unwrap_or_default(),
        headers,
        body: asked.bytes()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(headers: &serde_json::Value) -> Asked {
        Asked::parse(&json!({
            "httpMethod": "GET", "path": "/search%20", "multiValueHeaders": headers,
            "multiValueQueryStringParameters": {"tag": ["mars", "a&b"], "q": [""]},
            "body": "AP8=", "isBase64Encoded": true,
            "requestContext": {"domainName": "www.example.com", "identity": {"sourceIp": "10.0.0.9"}},
        }))
        .unwrap()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_monolith_sees_what_the_reader_asked() {
        let request = request(&asked(&json!({"Cookie": ["a=1", "b=2"]}))).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/search%20"));
        assert_eq!(request.query, [pair("q", ""), pair("tag", "mars"), pair("tag", "a&b")]);
        assert_eq!(request.body, [0, 255]);
        assert_eq!(
            request.headers,
            [
                pair("Cookie", "a=1"),
                pair("Cookie", "b=2"),
                pair("x-forwarded-for", "10.0.0.9"),
                pair("x-forwarded-proto", "https"),
                pair("x-forwarded-host", "www.example.com"),
            ]
        );
    }

    #[test]
    fn what_api_gateway_says_of_the_reader_stays_and_the_readers_own_word_for_the_host_does_not() {
        let said = json!({"X-Forwarded-For": ["1.2.3.4, 10.0.0.9"], "X-Forwarded-Host": ["evil"], "X-Forwarded-Proto": ["http"]});
        let request = request(&asked(&said)).unwrap();
        assert_eq!(
            request.headers,
            [
                pair("X-Forwarded-For", "1.2.3.4, 10.0.0.9"),
                pair("X-Forwarded-Proto", "http"),
                pair("x-forwarded-host", "www.example.com"),
            ]
        );
    }
}
