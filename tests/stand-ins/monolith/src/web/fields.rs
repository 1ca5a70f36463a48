//! The named values of a query or a form, read strictly: what is not text is refused, not guessed.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};
use percent_encoding::percent_decode;

use super::failure::Failure;

/// More names and values than any page of ours sends.
const MOST: usize = 100;

/// Names and values, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(Vec<(String, String)>);

/// Those of a request's query.
pub struct Query(pub Fields);

/// Those of a request's form.
pub struct Form(pub Fields);

impl Fields {
    /// Reads `name=value&…`, percent-encoded UTF-8 with `+` for a space.
    pub fn parse(encoded: &[u8]) -> Result<Self, Failure> {
        let mut fields = Vec::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = (decoded(&pair[..at])?, decoded(pair.get(at + 1..).unwrap_or_default())?);
            if fields.len() == MOST {
                return Err(bad("There are more than 100 fields."));
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The first value of that name; none where it is empty.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The first value of that name, as it was typed; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.one(name).unwrap_or_default()
    }

    /// All values of that name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

fn decoded(encoded: &[u8]) -> Result<String, Failure> {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(|_| bad("What was sent is not UTF-8."))?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(bad("What was sent holds control characters."));
    }
    Ok(text.replace("\r\n", "\n"))
}

fn bad(detail: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, detail)
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let body = Bytes::from_request(request, state).await;
        let body =
            body.map_err(|refused| Failure::new(refused.status(), "The form could not be read, or is too long."))?;
        Fields::parse(&body).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let fields = Fields::parse(b"q=black+holes&tag=a&tag=b&empty=&odd&text=a%0D%0Ab").unwrap();
        assert_eq!((fields.one("q"), fields.one("empty"), fields.one("odd")), (Some("black holes"), None, None));
        assert_eq!(fields.all("tag"), ["a", "b"]);
        assert_eq!(fields.text("text"), "a\nb");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for hostile in ["q=%FF", "q=%C3%28", "q=a%00b", "%ED%A0%80=1", "q=%1B"] {
            assert_eq!(Fields::parse(hostile.as_bytes()).unwrap_err().status(), StatusCode::BAD_REQUEST, "{hostile}");
        }
        assert!(Fields::parse("a=1&".repeat(101).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(fields) = Fields::parse(&bytes) {
                prop_assert!(!fields.0.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')));
            }
        }
    }
}
