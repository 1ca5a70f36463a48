//! `shadow-compare`: asks the new service what the monolith was asked, and says in what the answers differ.

use crate::event::{Asked, ProxyAnswer};
use crate::observer::{Notice, Observer};
use domain::routes::RouteName;
use domain::routes::compare::{Answer, Difference, compare, digest};
use domain::routes::store::{Mismatch, Mismatches, Services};
use domain::services::{DeadLetters, ServiceError};
use domain::store::StoreError;
use domain::time::Clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The longest body that is kept whole; of a longer one, its digest.
const LONGEST_BODY: usize = 200 * 1024;
/// The longest message that every queue takes, with room for what a sender adds.
const LONGEST_MESSAGE: usize = 250 * 1024;
/// Who holds one of these could act for the reader; the service reads the claims that API Gateway verified instead.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "x-api-key"];
/// Samples of mismatches that are kept of each route.
const PLACES: u8 = 50;
/// For how long.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// What the queue holds: a request, and what the monolith answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// Whose service is to be asked.
    pub route: RouteName,
    /// The event, without what identifies its reader to others.
    pub request: Value,
    /// The monolith's status.
    pub status: u16,
    /// SHA-256 of its body.
    pub digest: String,
    /// Its body, if it is text and not too long.
    pub body: Option<String>,
}

impl Message {
    /// A request and the monolith's answer to it.
    pub fn new(route: RouteName, event: &Value, answer: &ProxyAnswer) -> Self {
        let digest = digest(&answer.bytes().unwrap_or_default());
        let body = answer.body.clone().filter(|body| !answer.is_base64_encoded && body.len() <= LONGEST_BODY);
        Self { route, request: without_credentials(event.clone()), status: answer.status_code, digest, body }
    }

    /// As the queue takes it: without the body where that is too long after all.
    pub fn text(mut self) -> String {
        let text = serde_json::to_string(&self).unwrap_or_default();
        if text.len() <= LONGEST_MESSAGE {
            return text;
        }
        self.body = None;
        serde_json::to_string(&self).unwrap_or_default()
    }

    fn monolith(&self) -> Answer {
        Answer { status: self.status, body: self.body.clone().map(String::into_bytes), digest: self.digest.clone() }
    }
}

fn without_credentials(mut event: Value) -> Value {
    for headers in ["headers", "multiValueHeaders"] {
        if let Some(headers) = event.get_mut(headers).and_then(Value::as_object_mut) {
            headers.retain(|name, _| !CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()));
        }
    }
    event
}

/// Why a message could not be handled; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The dead-letter queue gave no answer.
    #[error(transparent)]
    DeadLetters(#[from] ServiceError),
    /// The table gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The service behind the Lambda `shadow-compare`.
pub struct Comparer<M, T, D, C, O> {
    /// The side that is asked.
    pub services: M,
    /// Where samples go.
    pub mismatches: T,
    /// Where a message goes that can never be handled.
    pub dead_letters: D,
    /// The time.
    pub clock: C,
    /// Who counts.
    pub observer: O,
    /// Names of fields that may differ.
    pub ignored: BTreeSet<String>,
}

impl<M: Services, T: Mismatches, D: DeadLetters, C: Clock, O: Observer> Comparer<M, T, D, C, O> {
    /// Compares one request's answers, or parks the message with the reason.
    ///
    /// # Errors
    /// [`ShadowError`]: the message comes again.
    pub async fn handle(&self, text: &str) -> Result<(), ShadowError> {
        let message: Message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                // The parser's own words quote the message.
                let place = format!("no request to compare (line {}, column {})", error.line(), error.column());
                tracing::warn!(reason = place, "a message goes to the DLQ");
                return Ok(self.dead_letters.park(text, &place).await?);
            }
        };
        let modern = self.modern(&message).await;
        let difference = match &modern {
            Some(answer) => compare(&message.monolith(), answer, &self.ignored),
            None => Some(Difference::Failed),
        };
        let now = self.clock.now();
        if let Some(difference) = difference {
            let modern = modern.map(|answer| answer.status);
            let mismatch =
                Mismatch { difference, request: line(&message.request), monolith: message.status, modern, at: now };
            tracing::info!(
                route = message.route.as_str(),
                shadow.difference = difference.as_str(),
                shadow.monolith = mismatch.monolith,
                shadow.modern = mismatch.modern,
                "the two sides differ"
            );
            self.mismatches.keep(message.route, place(&mismatch.request), &mismatch, now.plus(KEPT)).await?;
        }
        self.observer.notice(now, message.route, Notice::Compared { difference });
        Ok(())
    }

    async fn modern(&self, message: &Message) -> Option<Answer> {
        let answer = self.services.ask(message.route, &message.request).await;
        let answer = answer.inspect_err(|error| {
            tracing::warn!(route = message.route.as_str(), error = %error, "the new service gave no usable answer");
        });
        let answer = ProxyAnswer::deserialize(answer.ok()?).ok()?;
        Some(Answer::new(answer.status_code, answer.bytes()?))
    }
}

/// Path and query, for a person who asks both sides again.
fn line(request: &Value) -> String {
    let Ok(asked) = Asked::parse(request) else { return String::new() };
    let query = asked.multi_value_query_string_parameters.unwrap_or_default();
    let pairs: Vec<String> =
        query.iter().flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={value}"))).collect();
    let separator = if pairs.is_empty() { "" } else { "?" };
    format!("{} {}{separator}{}", asked.http_method, asked.path, pairs.join("&"))
}

/// The same request has the same place, so that a popular one does not drive out all others.
fn place(request: &str) -> u8 {
    u8::from_str_radix(&digest(request.as_bytes())[..2], 16).unwrap_or_default() % PLACES
}
