//! What an answer says about the provider: the policy of a [`GateLayer`](crate::layer::GateLayer).

use domain::gate::report::Outcome;
use domain::retry_after;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use std::time::Duration;

/// A policy: how a call ended, as far as the gate is concerned. Every closure
/// `|result: Result<&Answer, &Error>| -> Outcome` is one.
///
/// Time is not its business: a call over the gate's time-out never comes here, and a success that took too long becomes
/// [`Outcome::Slow`] afterwards.
pub trait Classify<A, E> {
    /// The outcome of a call that ended with this answer, or this error.
    fn classify(&self, result: Result<&A, &E>) -> Outcome;
}

impl<A, E, F: Fn(Result<&A, &E>) -> Outcome> Classify<A, E> for F {
    fn classify(&self, result: Result<&A, &E>) -> Outcome {
        self(result)
    }
}

/// The policy for clients that answer [`http::Response`]: [`http_status`], and every error is a failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpResponses;

impl<B, E> Classify<http::Response<B>, E> for HttpResponses {
    fn classify(&self, result: Result<&http::Response<B>, &E>) -> Outcome {
        result.map_or(Outcome::Failure, |response| http_answer(response.status(), response.headers()))
    }
}

/// [`http_status`] of an answer whose headers may hold a `Retry-After`; for clients with an answer type of their own.
pub fn http_answer(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER).and_then(|value| retry_after::parse(value, text(DATE)));
    http_status(status.as_u16(), retry_after)
}

/// What a status says about the provider (RFC 9110, RFC 6585, RFC 8470). `retry_after` is what its `Retry-After` asks for.
///
/// | status | outcome | why |
/// | --- | --- | --- |
/// | 1xx, 2xx, 3xx | success | It answered. |
/// | 429 | push-back | It works, and asks everybody to wait. |
/// | 408 | failure | It, or something before it, did not even get our request in time. |
/// | 5xx, and what is no status | failure | It says that it cannot; RFC 9110 wants a status beyond 599 read as 5xx. |
/// | every other 4xx | ignored | It works, and what we sent is wrong. |
///
/// - **503 with `Retry-After`** is a failure, no push-back: a push-back counts for nothing in the window, and an outage
///   that announces itself would never open the circuit. How long to stay away from a broken provider is what the break is
///   for.
/// - **425** (Too Early) is about the caller's early data, not about the provider's health: ignored.
/// - **401 and 403** are ignored: the provider works, our credentials do not, and no break mends them. A provider that
///   pushes back by 403, or answers 403 for whatever is wrong with itself, needs a policy of its own.
pub fn http_status(status: u16, retry_after: Option<Duration>) -> Outcome {
    match status {
        100..=399 => Outcome::Success,
        429 => Outcome::PushedBack(retry_after),
        408 => Outcome::Failure,
        400..=499 => Outcome::Ignored,
        _ => Outcome::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    #[test]
    fn what_the_provider_cannot_do_is_a_failure() {
        for status in [408, 500, 501, 502, 503, 504, 505, 511, 599, 600, 999, 0, 99] {
            assert_eq!(http_status(status, None), Outcome::Failure, "{status}");
        }
    }

    #[test]
    fn what_we_did_wrong_is_ignored() {
        for status in [400, 401, 402, 403, 404, 407, 409, 410, 412, 418, 422, 425, 428, 430, 431, 451, 499] {
            assert_eq!(http_status(status, None), Outcome::Ignored, "{status}");
        }
    }

    #[test]
    fn an_answer_is_a_success_whatever_it_says() {
        for status in [100, 101, 200, 204, 206, 301, 304, 399] {
            assert_eq!(http_status(status, None), Outcome::Success, "{status}");
        }
    }

    #[test]
    fn only_429_pushes_back_and_an_outage_that_names_its_end_is_still_an_outage() {
        let wait = Some(Duration::from_secs(7));
        assert_eq!(http_status(429, wait), Outcome::PushedBack(wait));
        assert_eq!(http_status(429, None), Outcome::PushedBack(None));
        assert_eq!(http_status(503, wait), Outcome::Failure);
        assert_eq!(http_status(403, wait), Outcome::Ignored);
    }

    #[test]
    fn a_response_is_read_by_its_status_and_headers_and_an_error_is_a_failure() {
        let outcome = |response: http::response::Builder| {
            HttpResponses.classify(Ok::<_, &std::io::Error>(&response.body(()).unwrap()))
        };
        let pushed_back = |seconds| Outcome::PushedBack(Some(Duration::from_secs(seconds)));
        assert_eq!(outcome(Response::builder().status(204)), Outcome::Success);
        assert_eq!(outcome(Response::builder().status(404).header("retry-after", "9")), Outcome::Ignored);
        assert_eq!(outcome(Response::builder().status(502)), Outcome::Failure);
        assert_eq!(outcome(Response::builder().status(429)), Outcome::PushedBack(None));
        assert_eq!(outcome(Response::builder().status(429).header("retry-after", "9")), pushed_back(9));
        let by_date = Response::builder()
            .status(429)
            .header("date", "Sun, 06 Nov 1994 12:00:00 GMT")
            .header("retry-after", "Sun, 06 Nov 1994 12:01:30 GMT");
        assert_eq!(outcome(by_date), pushed_back(90));
        let unreadable = Response::builder().status(429).header("retry-after", b"\xff".as_slice());
        assert_eq!(outcome(unreadable), Outcome::PushedBack(None));
        let broken = std::io::Error::other("broken");
        assert_eq!(HttpResponses.classify(Err::<&Response<()>, _>(&broken)), Outcome::Failure);
    }

    #[test]
    fn a_closure_is_a_policy() {
        let policy = |result: Result<&u8, &String>| result.map_or(Outcome::Failure, |_| Outcome::Success);
        assert_eq!(policy.classify(Ok(&1)), Outcome::Success);
        assert_eq!(policy.classify(Err(&String::new())), Outcome::Failure);
    }
}
