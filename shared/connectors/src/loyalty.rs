//! The loyalty programme: `POST /v1/members` with `{"customer", "tier", "reference"}`, answered by `{"memberId", "points"}`, 201 for
//! a new member and 200 for one that it knows. The key goes in `Authorization: Bearer …`.

use crate::api_key::ApiKey;
use crate::http::{Answer, HttpClient, HttpConfig, InvalidHttpConfig, NoAnswer, SendError, Wire};
use admission::classify::http_status;
use domain::gate::report::Outcome;
use domain::loyalty::{Enrolment, EnrolmentError, LoyaltyProgramme, MemberId};
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer, Service};

/// A name longer than this is no member's.
const LONGEST_ID: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    member_id: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
}

/// The loyalty programme at the configured base URL.
pub struct Loyalty {
    http: HttpClient,
}

impl Loyalty {
    /// A connector whose requests pass `layer`; for a [`GateLayer`](admission::layer::GateLayer) the policy is [`outcome`].
    ///
    /// # Errors
    /// [`InvalidHttpConfig::Client`] when this machine cannot do TLS.
    pub fn behind<L>(config: &HttpConfig, key: ApiKey, layer: &L) -> Result<Self, InvalidHttpConfig>
    where
        L: Layer<Wire>,
        L::Service: Service<Request, Response = Answer, Error: Into<SendError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, key.bearer())]);
        Ok(Self { http: HttpClient::new(config, headers, layer)? })
    }
}

impl LoyaltyProgramme for Loyalty {
    async fn enrol(&self, enrolment: &Enrolment) -> Result<MemberId, EnrolmentError> {
        let Enrolment { customer, tier, reference } = enrolment;
        let body = json!({"customer": customer, "tier": tier, "reference": reference});
        match self.http.send(self.http.post_json(&["v1", "members"], &body)).await {
            Ok(answer) => member(&answer),
            Err(SendError::NoAnswer(no_answer)) => Err(unknown(no_answer.to_string())),
            Err(SendError::NotPermitted(refusal)) if refusal.reason.passes_by_itself() => {
                Err(EnrolmentError::RateLimited { retry_after: Some(refusal.retry_after) })
            }
            Err(held_back) => Err(EnrolmentError::NotPermitted { reason: held_back.to_string() }),
        }
    }
}

fn member(answer: &Answer) -> Result<MemberId, EnrolmentError> {
    match answer.status {
        200..=299 => match serde_json::from_slice::<Member>(&answer.body) {
            Ok(Member { member_id }) if is_id(&member_id) => Ok(MemberId(member_id)),
            _ => Err(unknown("the answer names no member".to_owned())),
        },
        429 => Err(EnrolmentError::RateLimited { retry_after: answer.retry_after }),
        // Our credentials are refused: a person must mend that, and until then nobody is enrolled.
        status @ (401 | 403 | 407) => Err(unknown(format!("HTTP {status}: the programme refuses our credentials"))),
        400..=499 if answer.status != 408 => match serde_json::from_slice::<Refusal>(&answer.body) {
            Ok(Refusal { code }) if is_id(&code) => Err(EnrolmentError::Rejected { code }),
            // Not in the programme's form, so something between us answered.
            _ => Err(unknown(format!("HTTP {} without a code of the programme", answer.status))),
        },
        status => Err(unknown(format!("HTTP {status}"))),
    }
}

/// What is logged and stored looks like a name, or it could be content.
fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

fn unknown(reason: String) -> EnrolmentError {
    EnrolmentError::Unknown { reason }
}

/// What a call says about the programme's health: the policy of the gate before it. No answer, and one that is not in the
/// programme's form, are failures; the rest is as [`http_status`] says.
pub fn outcome(result: Result<&Answer, &NoAnswer>) -> Outcome {
    match result {
        Ok(answer) => match (answer.status, member(answer)) {
            (401 | 403 | 407 | 408, _) => http_status(answer.status, answer.retry_after),
            (200..=499, Err(EnrolmentError::Unknown { .. })) => Outcome::Failure,
            (status, _) => http_status(status, answer.retry_after),
        },
        Err(_) => Outcome::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, request_id: None, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_a_member_is_a_member() {
        let enrolled = Ok(MemberId("m_000001".to_owned()));
        assert_eq!(member(&answer(201, r#"{"memberId":"m_000001","points":100}"#)), enrolled);
        assert_eq!(member(&answer(200, r#"{"memberId":"m_000001"}"#)), enrolled);
        for body in ["", "<html>", "{}", r#"{"memberId":""}"#, r#"{"memberId":"a b"}"#] {
            let answer = answer(200, body);
            assert!(matches!(member(&answer), Err(EnrolmentError::Unknown { .. })), "{body}");
            assert_eq!(outcome(Ok(&answer)), Outcome::Failure, "{body}");
        }
    }

    #[test]
    fn a_refusal_for_good_has_the_programmes_code() {
        let refused = Err(EnrolmentError::Rejected { code: "not-eligible".to_owned() });
        let said = answer(409, r#"{"code":"not-eligible"}"#);
        assert_eq!((member(&said), outcome(Ok(&said))), (refused, Outcome::Ignored));
        let between = answer(404, "<html>no such page</html>");
        assert!(matches!(member(&between), Err(EnrolmentError::Unknown { .. })));
        assert_eq!(outcome(Ok(&between)), Outcome::Failure);
    }

    #[test]
    fn an_outage_is_told_from_a_refusal() {
        for status in [302, 408, 500, 503, 599, 401, 403, 407] {
            assert!(matches!(member(&answer(status, "")), Err(EnrolmentError::Unknown { .. })), "{status}");
        }
        assert_eq!(member(&answer(429, "")), Err(EnrolmentError::RateLimited { retry_after: None }));
        assert_eq!(outcome(Ok(&answer(429, ""))), Outcome::PushedBack(None));
        assert_eq!(outcome(Ok(&answer(401, ""))), Outcome::Ignored);
        assert_eq!(outcome(Ok(&answer(503, ""))), Outcome::Failure);
        assert_eq!(outcome(Err(&NoAnswer("no answer in time".to_owned()))), Outcome::Failure);
    }
}
