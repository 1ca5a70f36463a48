//! Fraud checks: `POST /v1/checks` with one charge, answered by `{"verdict": "pass" | "reject", "score": 0..100}`. The key
//! goes in `x-api-key`. The state machine `subscribe` makes the same call by an HTTP task.

use crate::api_key::ApiKey;
use crate::http::{Answer, HttpClient, HttpConfig, InvalidHttpConfig, NoAnswer, SendError, Wire};
use admission::classify::http_status;
use domain::choreography::fraud::Verdict;
use domain::events::Order;
use domain::fraud_provider::{FraudError, FraudProvider};
use domain::gate::report::Outcome;
use reqwest::Request;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer, Service};

/// The reason of a rejection, as events and the ledger have it.
const REJECTED: &str = "fraud";

/// The provider's answer. Without the score it is none of this API's.
#[derive(Deserialize)]
struct Check {
    verdict: Word,
    #[serde(rename = "score")]
    _score: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Pass,
    Reject,
}

/// The fraud provider at the configured base URL.
pub struct Fraud {
    http: HttpClient,
}

impl Fraud {
    /// A connector whose requests pass `layer`; for a [`GateLayer`](admission::layer::GateLayer) the policy is
    /// [`outcome`].
    ///
    /// # Errors
    /// [`InvalidHttpConfig::Client`] when this machine cannot do TLS.
    pub fn behind<L>(config: &HttpConfig, key: ApiKey, layer: &L) -> Result<Self, InvalidHttpConfig>
    where
        L: Layer<Wire>,
        L::Service: Service<Request, Response = Answer, Error: Into<SendError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-api-key"), key.plain())]);
        Ok(Self { http: HttpClient::new(config, headers, layer)? })
    }
}

impl FraudProvider for Fraud {
    async fn check(&self, order: &Order) -> Result<Verdict, FraudError> {
        let matter = &order.matter;
        let body = json!({
            "intent": matter.intent(),
            "charge": matter.charge,
            "customer": matter.customer,
            "tier": matter.tier,
            "amount": matter.price.amount,
            "currency": matter.price.currency,
            "paymentMethod": order.payment_method,
        });
        match self.http.send(self.http.post_json(&["v1", "checks"], &body)).await {
            Ok(answer) => verdict(&answer),
            Err(SendError::NoAnswer(no_answer)) => Err(unknown(no_answer.to_string())),
            Err(SendError::NotPermitted(refusal)) if refusal.reason.passes_by_itself() => {
                Err(FraudError::RateLimited { retry_after: Some(refusal.retry_after) })
            }
            Err(held_back) => Err(FraudError::NotPermitted { reason: held_back.to_string() }),
        }
    }
}

fn verdict(answer: &Answer) -> Result<Verdict, FraudError> {
    match answer.status {
        200..=299 => match serde_json::from_slice::<Check>(&answer.body) {
            Ok(Check { verdict: Word::Pass, .. }) => Ok(Verdict::Passed),
            Ok(Check { verdict: Word::Reject, .. }) => Ok(Verdict::Failed { reason: REJECTED.to_owned() }),
            Err(_) => Err(unknown("the answer is no verdict".to_owned())),
        },
        429 => Err(FraudError::RateLimited { retry_after: answer.retry_after }),
        // Our credentials are refused: a person must mend that, and until then nobody is judged.
        status @ (401 | 403 | 407) => Err(unknown(format!("HTTP {status}: the provider refuses our credentials"))),
        status if status == 408 || !(300..=499).contains(&status) => Err(unknown(format!("HTTP {status}"))),
        status => Err(FraudError::Rejected { status }),
    }
}

fn unknown(reason: String) -> FraudError {
    FraudError::Unknown { reason }
}

/// What a call says about the provider's health: the policy of the gate before it. No answer, and one that is no
/// verdict, are failures; the rest is as [`http_status`] says.
pub fn outcome(result: Result<&Answer, &NoAnswer>) -> Outcome {
    match result {
        Ok(answer) => match (answer.status, verdict(answer)) {
            (200..=299, Err(_)) => Outcome::Failure,
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
    fn only_a_verdict_is_a_verdict() {
        assert_eq!(verdict(&answer(200, r#"{"verdict":"pass","score":4}"#)), Ok(Verdict::Passed));
        let rejected = Verdict::Failed { reason: "fraud".to_owned() };
        assert_eq!(verdict(&answer(206, r#"{"verdict":"reject","score":97,"more":1}"#)), Ok(rejected));
        for body in ["", "<html>", "{}", r#"{"verdict":"pass"}"#, r#"{"verdict":"maybe","score":1}"#] {
            let answer = answer(200, body);
            assert!(matches!(verdict(&answer), Err(FraudError::Unknown { .. })), "{body}");
            assert_eq!(outcome(Ok(&answer)), Outcome::Failure, "{body}");
        }
    }

    #[test]
    fn an_outage_is_told_from_our_own_mistake() {
        for status in [408, 500, 503, 599, 401, 403, 407] {
            assert!(matches!(verdict(&answer(status, "")), Err(FraudError::Unknown { .. })), "{status}");
        }
        for status in [302, 400, 404, 422] {
            assert_eq!(verdict(&answer(status, "")), Err(FraudError::Rejected { status }));
        }
        assert_eq!(verdict(&answer(429, "")), Err(FraudError::RateLimited { retry_after: None }));
        assert_eq!(outcome(Ok(&answer(401, ""))), Outcome::Ignored);
        assert_eq!(outcome(Ok(&answer(503, ""))), Outcome::Failure);
        assert_eq!(outcome(Err(&NoAnswer("no answer in time".to_owned()))), Outcome::Failure);
    }
}
