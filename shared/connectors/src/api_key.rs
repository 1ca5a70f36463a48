//! The secret that opens a vendor's API.

use reqwest::header::HeaderValue;

/// An API key. It has no `Debug`, `Display` or `Serialize` on purpose: it cannot reach a log, an error or a message.
#[derive(Clone)]
pub struct ApiKey {
    bearer: HeaderValue,
    plain: HeaderValue,
}

/// A key that cannot be an API key. It does not hold the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key is one or more visible ASCII characters, without spaces or line ends")]
pub struct InvalidApiKey;

impl ApiKey {
    /// Takes the key as the vendor shows it, such as `sk_test_…`.
    ///
    /// # Errors
    /// [`InvalidApiKey`] when it is empty or has a space, a line end (a secret pasted with its newline) or a character
    /// that no HTTP header carries.
    pub fn new(key: &str) -> Result<Self, InvalidApiKey> {
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidApiKey);
        }
        let sensitive = |text: String| {
            let mut value = HeaderValue::try_from(text).map_err(|_| InvalidApiKey)?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok(Self { bearer: sensitive(format!("Bearer {key}"))?, plain: sensitive(key.to_owned())? })
    }

    /// The value of the `Authorization` header, marked sensitive so that the HTTP client does not show it either.
    pub(crate) fn bearer(self) -> HeaderValue {
        self.bearer
    }

    /// The key alone, as a header such as `x-api-key` wants it; marked sensitive too.
    pub(crate) fn plain(self) -> HeaderValue {
        self.plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_becomes_a_bearer_header_that_hides_itself() {
        let header = ApiKey::new("sk_test_local").unwrap().bearer();
        assert_eq!(header, "Bearer sk_test_local");
        assert!(!format!("{header:?}").contains("sk_test"));
    }

    #[test]
    fn a_key_with_anything_odd_in_it_is_refused() {
        for odd in ["", " ", "sk_test\n", "sk test", "sk_tést", "\u{7f}"] {
            assert!(ApiKey::new(odd).is_err(), "{odd:?}");
        }
    }
}
