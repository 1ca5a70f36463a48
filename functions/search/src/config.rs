//! The variables of this service's functions.

use domain::cursor::Signer;
use lambda::config::{ConfigError, Variables};
use std::path::PathBuf;
use std::time::Duration;

/// The shortest key that signs cursors, in bytes.
const SHORTEST_KEY: usize = 32;

/// Which engine has the index, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// A domain of Amazon OpenSearch Service.
    OpenSearch {
        /// Where it is.
        url: String,
        /// The index's alias.
        index: String,
    },
    /// The embedded engine, its index in a bucket.
    Embedded {
        /// Which bucket.
        bucket: String,
    },
}

/// `SEARCH_ENGINE` (`opensearch` or `embedded`); for the first `OPENSEARCH_URL` (https, or this machine) and
/// `SEARCH_INDEX` (the alias), for the second `SNAPSHOT_BUCKET`.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn engine(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Engine, ConfigError> {
    match env.text("SEARCH_ENGINE")?.as_str() {
        "opensearch" => Ok(Engine::OpenSearch {
            url: env.checked("OPENSEARCH_URL", |url| {
                let here = ["http://127.0.0.1:", "http://localhost:"].iter().any(|here| url.starts_with(here));
                if here || url.starts_with("https://") { Ok(url) } else { Err("must begin with https://") }
            })?,
            index: env.checked("SEARCH_INDEX", |index| {
                let plain = index.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if plain { Ok(index) } else { Err("must be lower-case letters, digits and hyphens") }
            })?,
        }),
        "embedded" => Ok(Engine::Embedded { bucket: env.text("SNAPSHOT_BUCKET")? }),
        _ => Err(ConfigError::Wrong { name: "SEARCH_ENGINE", rule: "must be opensearch or embedded".to_owned() }),
    }
}

/// `FRESH_SECONDS` (0 to 300): how old the embedded engine's answers may be.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn fresh(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Duration, ConfigError> {
    env.seconds("FRESH_SECONDS", 0..=300)
}

/// Where this process keeps its copy of the embedded index; on one machine functions have one disk in common.
pub fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("search-{}", std::process::id()))
}

/// The cursors' key can be guessed.
#[derive(Debug, thiserror::Error)]
#[error("the cursors' key must have at least {SHORTEST_KEY} bytes")]
pub struct ShortKey;

/// The signer with the key that a secret holds.
///
/// # Errors
/// [`ShortKey`], without a word of it.
pub fn signer(key: &str) -> Result<Signer, ShortKey> {
    if key.len() < SHORTEST_KEY { Err(ShortKey) } else { Ok(Signer::new(key.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Engine, ConfigError> {
        engine(&Variables::from(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    #[test]
    fn each_engine_says_where_it_is() {
        for url in ["https://search.example.com", "http://127.0.0.1:9200"] {
            let variables = [("SEARCH_ENGINE", "opensearch"), ("OPENSEARCH_URL", url), ("SEARCH_INDEX", "articles")];
            assert_eq!(with(&variables), Ok(Engine::OpenSearch { url: url.to_owned(), index: "articles".to_owned() }));
        }
        let variables = [("SEARCH_ENGINE", "embedded"), ("SNAPSHOT_BUCKET", "a-bucket")];
        assert_eq!(with(&variables), Ok(Engine::Embedded { bucket: "a-bucket".to_owned() }));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let opensearch = ("SEARCH_ENGINE", "opensearch");
        let url = ("OPENSEARCH_URL", "https://search.example.com");
        for (variables, name) in [
            (&[][..], "SEARCH_ENGINE"),
            (&[("SEARCH_ENGINE", "sphinx")], "SEARCH_ENGINE"),
            (&[opensearch], "OPENSEARCH_URL"),
            (&[opensearch, ("OPENSEARCH_URL", "http://search.example.com")], "OPENSEARCH_URL"),
            (&[opensearch, url], "SEARCH_INDEX"),
            (&[opensearch, url, ("SEARCH_INDEX", "*")], "SEARCH_INDEX"),
            (&[("SEARCH_ENGINE", "embedded")], "SNAPSHOT_BUCKET"),
        ] {
            let error = with(variables).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        assert!(signer(&"k".repeat(SHORTEST_KEY - 1)).is_err());
        assert!(signer(&"k".repeat(SHORTEST_KEY)).is_ok());
    }
}
