//! A third party behind its gate, by hand: admit → wait → recheck → call → report. Makes ten calls.
//!
//! The table is made by any means that gives it the key `pk`; gates make their own items:
//!
//! ```sh
//! aws dynamodb create-table --table-name gates --billing-mode PAY_PER_REQUEST \
//!   --attribute-definitions AttributeName=pk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH
//! GATES_TABLE=gates URL=https://example.com/ cargo run -p aws --example gate_library
//! ```
//!
//! `AWS_ENDPOINT_URL_DYNAMODB` names another DynamoDB than that of the region and the credentials in the environment. Run
//! it several times at once: they share the gate. Let `URL` point to nothing: the circuit opens, for all of them. What
//! keeps the table from answering is said on standard error.

use admission::classify::http_answer;
use admission::observer::{Observer, Unobserved};
use admission::{Admission, Recheck};
use aws::gates::DynamoGates;
use aws::system::System;
use domain::gate::admit::Permit;
use domain::gate::config::{Dependency, GateConfig};
use domain::gate::report::Outcome;
use domain::gate::store::Gates;
use domain::time::{Clock, Pause};
use std::error::Error;
use std::time::Duration;

/// Two calls per second, three at once; opens for ten seconds when at least three calls, and half of the last ten, failed.
fn gates() -> Result<[GateConfig; 1], Box<dyn Error>> {
    let knobs = serde_json::from_value(serde_json::json!({
        "ratePerSecond": 2, "burst": 3, "maxWaitMs": 10_000, "callTimeoutMs": 5000, "storeUnreachable": "refuse",
        "slidingWindowSize": 10, "minimumNumberOfCalls": 3, "minimumFailures": 3,
        "breakDurationMs": 10_000,
    }))?;
    Ok([GateConfig::new(Dependency::try_from("example".to_owned())?, &knobs)?])
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("say {name}=…"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let (table, url) = (variable("GATES_TABLE")?, variable("URL")?);
    let store = DynamoGates::new(&aws::config::load().await, table);
    let admission = Admission::new(store, System, Unobserved, gates()?);
    let http = reqwest::Client::new();
    for call in 1..=10 {
        let began = System.now();
        let end = gated_call(&admission, &http, &url).await;
        let took = System.now().0 - began.0;
        match end {
            Ok(status) => println!("call {call}: HTTP {status}, {took} ms with its wait"),
            Err(error) => println!("call {call}: {error}"),
        }
    }
    Ok(())
}

async fn gated_call<S: Gates, O: Observer>(
    admission: &Admission<S, System, O>,
    http: &reqwest::Client,
    url: &str,
) -> Result<u16, Box<dyn Error>> {
    let config = admission.config("example")?;
    let permit = permit(admission).await?;
    let began = System.now();
    let answer = http.get(url).timeout(config.call_timeout).send().await;
    let slow = System.now() >= began.plus(config.slow_call_duration);
    let outcome = match &answer {
        Ok(answer) => match http_answer(answer.status(), answer.headers()) {
            Outcome::Success if slow => Outcome::Slow,
            outcome => outcome,
        },
        Err(_) => Outcome::Failure,
    };
    if let Err(error) = admission.report(&permit, outcome).await {
        println!("the outcome could not be reported, and the answer is as good as it was: {error}");
    }
    Ok(answer?.status().as_u16())
}

/// [`Admission::pass`] does this, and waits for the bucket, too.
async fn permit<S: Gates, O: Observer>(admission: &Admission<S, System, O>) -> Result<Permit, Box<dyn Error>> {
    let deadline = System.now().plus(Duration::from_secs(10));
    loop {
        let permit = admission.admit("example", 1, deadline).await?;
        let wait = u64::try_from(permit.call_at.0 - System.now().0).unwrap_or(0);
        if wait == 0 {
            return Ok(permit);
        }
        System.pause(Duration::from_millis(wait)).await;
        // Meanwhile the circuit may have opened, or the provider may have asked for a pause.
        if admission.recheck(&permit).await? == Recheck::Call {
            return Ok(permit);
        }
    }
}
