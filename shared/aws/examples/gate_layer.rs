//! An HTTP client behind a gate, by a `tower::Layer`. Makes ten calls.
//!
//! The table is made by any means that gives it the key `pk`; gates make their own items:
//!
//! ```sh
//! aws dynamodb create-table --table-name gates --billing-mode PAY_PER_REQUEST \
//!   --attribute-definitions AttributeName=pk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH
//! GATES_TABLE=gates URL=https://example.com/ cargo run -p aws --example gate_layer
//! ```
//!
//! `AWS_ENDPOINT_URL_DYNAMODB` names another DynamoDB than that of the region and the credentials in the environment. Run
//! it several times at once: they share the gate. Let `URL` point to nothing: the circuit opens, for all of them. What
//! keeps the table from answering is said on standard error.

use admission::Admission;
use admission::classify::http_answer;
use admission::layer::GateLayer;
use admission::observer::Unobserved;
use aws::gates::DynamoGates;
use aws::system::System;
use domain::gate::config::{Dependency, GateConfig};
use domain::gate::report::Outcome;
use domain::time::Clock;
use reqwest::{Client, Method, Request, Response, Url};
use std::error::Error;
use std::time::Duration;
use tower::{Service, ServiceBuilder, ServiceExt};

/// Two calls per second, three at once; opens for ten seconds when at least three calls, and half of the last ten, failed.
fn gates() -> Result<[GateConfig; 1], Box<dyn Error>> {
    let knobs = serde_json::from_value(serde_json::json!({
        "ratePerSecond": 2, "burst": 3, "maxWaitMs": 10_000, "callTimeoutMs": 5000, "storeUnreachable": "refuse",
        "slidingWindowSize": 10, "minimumNumberOfCalls": 3, "minimumFailures": 3,
        "breakDurationMs": 10_000,
    }))?;
    Ok([GateConfig::new(Dependency::try_from("example".to_owned())?, &knobs)?])
}

/// What an answer says about the provider. The client answers when the headers are there: a body that hangs is not seen.
fn by_status(result: Result<&Response, &reqwest::Error>) -> Outcome {
    result.map_or(Outcome::Failure, |answer| http_answer(answer.status(), answer.headers()))
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("say {name}=…"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let (table, url) = (variable("GATES_TABLE")?, Url::parse(&variable("URL")?)?);
    let store = DynamoGates::new(&aws::config::load().await, table);
    let admission = Admission::new(store, System, Unobserved, gates()?);

    let gate = GateLayer::new(admission, "example", by_status)?.max_wait(Duration::from_secs(10));
    let mut client = ServiceBuilder::new().layer(gate).service(Client::new());

    for call in 1..=10 {
        let began = System.now();
        let end = client.ready().await?.call(Request::new(Method::GET, url.clone())).await;
        let took = System.now().0 - began.0;
        match end {
            Ok(answer) => println!("call {call}: HTTP {}, {took} ms with its wait", answer.status().as_u16()),
            Err(error) => println!("call {call}: {error}"),
        }
    }
    Ok(())
}
