//! A REST API's request as a function gets it, and the answer that it wants
//! (API Gateway developer guide, "Lambda proxy integrations"): as much of both as steering needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A header or a query parameter has several values.
pub type Values = BTreeMap<String, Vec<String>>;

/// The part of the event that steering reads; the service gets the event itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// GET, …
    pub http_method: String,
    /// Without the stage, percent-encoded.
    pub path: String,
    /// Names as the reader wrote them.
    #[serde(default)]
    pub multi_value_headers: Option<Values>,
    /// Decoded. The order of different names is lost before a function sees it.
    #[serde(default)]
    pub multi_value_query_string_parameters: Option<Values>,
    /// Text, or base64.
    #[serde(default)]
    pub body: Option<String>,
    /// Which of the two.
    #[serde(default)]
    pub is_base64_encoded: bool,
    /// What API Gateway knows besides.
    #[serde(default)]
    pub request_context: Context,
}

/// See [`Asked`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// Names the request in problems.
    pub request_id: Option<String>,
    /// The host that was asked.
    pub domain_name: Option<String>,
    /// Who asks.
    pub identity: Identity,
}

/// See [`Asked`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// The address.
    pub source_ip: Option<String>,
}

/// An event that no REST API sends. Never holds a word of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// It has no method or no path.
    #[error("this is no event of a REST API")]
    NoEvent,
    /// It says that its body is base64.
    #[error("the body is not base64")]
    Body,
}

impl Asked {
    /// Reads an event.
    ///
    /// # Errors
    /// [`NotAsked::NoEvent`].
    pub fn parse(event: &Value) -> Result<Self, NotAsked> {
        Self::deserialize(event).map_err(|_| NotAsked::NoEvent)
    }

    /// The values of a header, whatever the case of its name.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let headers = self.multi_value_headers.iter().flatten();
        headers
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values)
            .map(String::as_str)
    }

    /// Where the request comes from.
    pub fn address(&self) -> &str {
        self.request_context.identity.source_ip.as_deref().unwrap_or_default()
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// [`NotAsked::Body`].
    pub fn bytes(&self) -> Result<Vec<u8>, NotAsked> {
        let text = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { STANDARD.decode(text).map_err(|_| NotAsked::Body) } else { Ok(text.into()) }
    }
}

/// What a function answers, and API Gateway hands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyAnswer {
    /// The HTTP status.
    pub status_code: u16,
    /// Headers with one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Headers with any number of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_headers: Option<Values>,
    /// Text, or base64.
    #[serde(default)]
    pub body: Option<String>,
    /// Which of the two.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

impl ProxyAnswer {
    /// An answer of these bytes: as text where they are text, which API Gateway hands on whatever the reader accepts.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        let mut named = Values::new();
        for (name, value) in headers {
            named.entry(name).or_default().push(value);
        }
        let (body, is_base64_encoded) = match String::from_utf8(body) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
        };
        Self {
            status_code: status,
            headers: None,
            multi_value_headers: Some(named),
            body: Some(body),
            is_base64_encoded,
        }
    }

    /// Problem details (RFC 9457) for a request that nobody could answer.
    pub fn problem(status: u16, title: &str, detail: &str, asked: Option<&Asked>) -> Self {
        let instance = asked.and_then(|asked| asked.request_context.request_id.as_deref());
        let mut body = json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        let mut headers = vec![
            ("content-type".to_owned(), "application/problem+json".to_owned()),
            ("cache-control".to_owned(), "no-store".to_owned()),
        ];
        if let Some(id) = instance {
            body["instance"] = json!(format!("urn:request:{id}"));
            headers.push(("x-request-id".to_owned(), id.to_owned()));
        }
        Self::new(status, headers, body.to_string().into_bytes())
    }

    /// Adds a value to a header, beside those that are there.
    pub fn add_header(&mut self, name: &str, value: String) {
        // API Gateway would drop a single value in favour of several under the same name.
        let is_same = |key: &String| key.eq_ignore_ascii_case(name);
        let single =
            self.headers.as_mut().and_then(|headers| headers.remove(&headers.keys().find(|key| is_same(key))?.clone()));
        let several = self.multi_value_headers.get_or_insert_default();
        let key = several.keys().find(|key| is_same(key)).cloned().unwrap_or_else(|| name.to_owned());
        let values = several.entry(key).or_default();
        for value in single.into_iter().chain([value]) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }

    /// The body's bytes; none where it is no base64 though it says so.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { STANDARD.decode(text).ok() } else { Some(text.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_without_headers_query_and_body_is_one() {
        let asked = Asked::parse(&json!({
            "httpMethod": "GET", "path": "/search", "multiValueHeaders": null, "body": null,
            "requestContext": {"identity": {"sourceIp": "10.0.0.1"}, "stage": "prod"},
        }));
        let asked = asked.unwrap();
        assert_eq!((asked.address(), asked.header("cookie").count(), asked.bytes()), ("10.0.0.1", 0, Ok(Vec::new())));
    }

    #[test]
    fn what_is_no_event_is_refused_without_its_words() {
        for event in [json!(null), json!([]), json!({"secret": 1}), json!({"httpMethod": 7, "path": "secret"})] {
            let refused = Asked::parse(&event).unwrap_err();
            assert!(!refused.to_string().contains("secret"));
        }
        let asked = Asked { body: Some("%".to_owned()), is_base64_encoded: true, ..Asked::default() };
        assert_eq!(asked.bytes(), Err(NotAsked::Body));
    }

    #[test]
    fn a_header_is_found_in_any_case_with_all_its_values() {
        let headers = Values::from([
            ("Cookie".to_owned(), vec!["a=1".to_owned(), "b=2".to_owned()]),
            ("cookie".to_owned(), vec!["c=3".to_owned()]),
        ]);
        let asked = Asked { multi_value_headers: Some(headers), ..Asked::default() };
        assert_eq!(asked.header("COOKIE").collect::<Vec<_>>(), ["a=1", "b=2", "c=3"]);
    }

    #[test]
    fn a_value_that_is_added_takes_none_away() {
        let mut answer: ProxyAnswer = serde_json::from_value(json!({
            "statusCode": 200, "headers": {"Set-Cookie": "a=1", "etag": "1"}, "body": "x",
        }))
        .unwrap();
        answer.add_header("set-cookie", "b=2".to_owned());
        answer.add_header("set-cookie", "c=3".to_owned());
        let headers = answer.multi_value_headers.unwrap();
        assert_eq!(headers["set-cookie"], ["a=1", "b=2", "c=3"]);
        assert_eq!(answer.headers.unwrap().into_keys().collect::<Vec<_>>(), ["etag"]);
    }

    proptest! {
        #[test]
        fn a_body_arrives_byte_for_byte(bytes in any::<Vec<u8>>()) {
            let answer = ProxyAnswer::new(200, Vec::new(), bytes.clone());
            prop_assert_eq!(answer.bytes(), Some(bytes.clone()));
            prop_assert_eq!(answer.is_base64_encoded, String::from_utf8(bytes).is_err());
        }
    }
}
