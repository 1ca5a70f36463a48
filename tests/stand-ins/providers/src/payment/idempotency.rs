//! The idempotency store: one answer per key, whatever it was.
//!
//! As at Stripe, an answer is saved once the request's execution began, a 4xx or 500 included, and replayed to everybody who
//! comes with the same key and the same parameters. What was refused before (a wrong parameter, a key in use, a provider
//! that could not be reached) is not saved.

use std::collections::HashMap;

use axum::http::StatusCode;
use serde_json::Value;

use super::error::Error;

/// The longest key that Stripe takes.
const MAX_KEY_LENGTH: usize = 255;

/// An answer as it was first given.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON body.
    pub body: Value,
}

/// What a request is compared by: its path and its parameters, in any order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    path: String,
    parameters: Vec<(String, String)>,
}

impl Fingerprint {
    /// Of a request to `path`.
    pub fn new(path: impl Into<String>, mut parameters: Vec<(String, String)>) -> Self {
        parameters.sort();
        Self { path: path.into(), parameters }
    }
}

/// What to do with a request that carries a key.
#[derive(Debug, PartialEq)]
pub enum Admission {
    /// It is the first: execute it, then [`Store::save`].
    First,
    /// It was executed before: this was the answer.
    Replay(Answer),
}

/// Keys and their answers; an answer that is not there yet is still being worked on.
#[derive(Debug, Default)]
pub struct Store(HashMap<String, (Fingerprint, Option<Answer>)>);

impl Store {
    /// Takes `key` for a request, or says what happened to it before.
    pub fn admit(&mut self, key: &str, fingerprint: &Fingerprint) -> Result<Admission, Error> {
        if key.is_empty() || key.len() > MAX_KEY_LENGTH {
            return Err(Error::invalid(format!("Idempotency keys are from 1 to {MAX_KEY_LENGTH} characters long.")));
        }
        match self.0.get(key) {
            None => {
                self.0.insert(key.to_owned(), (fingerprint.clone(), None));
                Ok(Admission::First)
            }
            Some((first, _)) if first.path != fingerprint.path => Err(Error::key_reused(format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
                fingerprint.path, first.path
            ))),
            Some((first, _)) if first != fingerprint => Err(Error::key_reused(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
            ))),
            Some((_, None)) => Err(Error::key_in_use(key)),
            Some((_, Some(answer))) => Ok(Admission::Replay(answer.clone())),
        }
    }

    /// Keeps the answer to the first request with `key`.
    pub fn save(&mut self, key: &str, answer: &Answer) {
        if let Some((_, saved)) = self.0.get_mut(key) {
            *saved = Some(answer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::{Admission, Answer, Fingerprint, Store};

    fn fingerprint(path: &str, amount: &str) -> Fingerprint {
        Fingerprint::new(path, vec![("amount".to_owned(), amount.to_owned())])
    }

    #[test]
    fn a_key_answers_the_same_for_ever_a_500_included() {
        let mut store = Store::default();
        let request = fingerprint("/v1/payment_intents", "1200");
        assert_eq!(store.admit("k1", &request), Ok(Admission::First));
        assert_eq!(store.admit("k1", &request).map_err(|error| error.status), Err(StatusCode::CONFLICT));
        let answer = Answer { status: StatusCode::INTERNAL_SERVER_ERROR, body: json!({"error": {}}) };
        store.save("k1", &answer);
        assert_eq!(store.admit("k1", &request), Ok(Admission::Replay(answer)));
        assert_eq!(store.admit("k2", &request), Ok(Admission::First));
    }

    #[test]
    fn a_key_belongs_to_one_path_and_one_set_of_parameters() {
        let mut store = Store::default();
        assert_eq!(store.admit("k1", &fingerprint("/v1/payment_intents", "1200")), Ok(Admission::First));
        for other in [fingerprint("/v1/refunds", "1200"), fingerprint("/v1/payment_intents", "1")] {
            let refused = store.admit("k1", &other).map_err(|error| error.body()["error"]["type"].clone());
            assert_eq!(refused, Err(json!("idempotency_error")));
        }
        assert!(store.admit(&"k".repeat(256), &fingerprint("/v1/refunds", "1")).is_err());
    }
}
