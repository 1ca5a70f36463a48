//! `If-Match` and `If-None-Match` (RFC 9110, 13.1) for resources whose entity tag is a version.

use lambda_http::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

/// The entity tag of a version.
pub fn etag(version: u64) -> HeaderValue {
    // Digits in quotes, which every header takes.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What a writer has seen, by their `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen(Tags);

/// Why nobody knows what a writer has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// The header is absent.
    Missing,
    /// It is no list of entity tags.
    Malformed,
}

impl Seen {
    /// What `If-Match` says.
    pub fn of(headers: &HeaderMap) -> Result<Self, Unseen> {
        if !headers.contains_key(IF_MATCH) {
            return Err(Unseen::Missing);
        }
        Tags::of(headers, &IF_MATCH).map(Self).ok_or(Unseen::Malformed)
    }

    /// Whether it is this version that they have seen; a weak tag says of none that it is the same byte by byte.
    pub fn is(&self, version: u64) -> bool {
        self.0.hold(|tag| !tag.weak && tag.names(version))
    }
}

/// Whether a reader has this version already, by `If-None-Match`; one that says nothing is passed over.
pub fn has_already(headers: &HeaderMap, version: u64) -> bool {
    headers.contains_key(IF_NONE_MATCH)
        && Tags::of(headers, &IF_NONE_MATCH).is_some_and(|tags| tags.hold(|tag| tag.names(version)))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    weak: bool,
    text: String,
}

impl Tag {
    fn names(&self, version: u64) -> bool {
        self.text == version.to_string()
    }
}

impl Tags {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut these = Vec::new();
        for value in headers.get_all(name) {
            let text = value.to_str().ok()?.trim();
            if text == "*" {
                return Some(Self::Any);
            }
            these.extend(list(text)?);
        }
        (!these.is_empty()).then_some(Self::These(these))
    }

    fn hold(&self, wanted: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(wanted),
        }
    }
}

/// `"1", W/"2"`: a comma may stand inside the quotes too.
fn list(mut text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    while !text.is_empty() {
        let (weak, quoted) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let (tag, rest) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { weak, text: tag.to_owned() });
        text = match rest.trim_start() {
            "" => "",
            rest => rest.strip_prefix(',')?.trim_start(),
        };
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn seen(values: &[&str]) -> Result<Seen, Unseen> {
        Seen::of(&headers(&IF_MATCH, values))
    }

    #[test]
    fn a_writer_says_which_version_they_have_seen() {
        assert_eq!(etag(7), "\"7\"");
        for values in [&["\"7\""][..], &["\"6\", \"7\""], &["\"6\"", "\"7\""], &["*"], &[" \"a,b\" ,\"7\" "]] {
            assert!(seen(values).unwrap().is(7), "{values:?}");
        }
        for values in [&["\"6\""][..], &["W/\"7\""], &["\"07\""], &["\"\""]] {
            assert!(!seen(values).unwrap().is(7), "{values:?}");
        }
    }

    #[test]
    fn what_is_no_entity_tag_is_malformed() {
        assert_eq!(seen(&[]), Err(Unseen::Missing));
        for value in ["", "7", "\"7", "7\"", "\"6\" \"7\"", "w/\"7\"", "W/7", "\"7\";x", ",\"7\"", "\u{e9}"] {
            assert_eq!(seen(&[value]), Err(Unseen::Malformed), "{value}");
        }
    }

    #[test]
    fn a_reader_says_what_they_have_and_weakly_will_do() {
        let has = |values: &[&str]| has_already(&headers(&IF_NONE_MATCH, values), 7);
        assert!(has(&["\"7\""]) && has(&["W/\"7\""]) && has(&["*"]) && has(&["\"6\", W/\"7\""]));
        assert!(!has(&[]) && !has(&["\"6\""]) && !has(&["7"]) && !has(&[""]));
    }

    proptest! {
        #[test]
        fn who_may_change_a_version_has_it_already(bytes in proptest::collection::vec(32u8.., 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(IF_MATCH, value.clone()), (IF_NONE_MATCH, value)]);
                let may_change = Seen::of(&headers).is_ok_and(|seen| seen.is(1));
                prop_assert!(!may_change || has_already(&headers, 1));
            }
        }
    }
}
