//! Real threads and processes race for tokens and permits, through admission and on a real table.

use crate::gates::{dependency, on_a_table};
use crate::place::sdk;
use admission::observer::Unobserved;
use admission::{Admission, AdmitError};
use aws::gates::DynamoGates;
use aws::system::System;
use domain::breaker::BreakerState;
use domain::gate::admit::{Permit, PermitKind, Reason};
use domain::gate::config::{GateConfig, Knobs};
use domain::gate::report::Outcome;
use domain::gate::store::Gates;
use domain::time::Clock;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

type Racing = Admission<DynamoGates, System, Unobserved>;

const BURST: usize = 40;
const TABLE: &str = "GATES_RACE_TABLE";

/// So slow a rate that no token comes back during a test.
fn config(knobs: &Value) -> GateConfig {
    let mut all = json!({
        "ratePerSecond": 0.0001, "burst": BURST, "overlap": 0, "callTimeoutMs": 30_000, "storeUnreachable": "refuse",
        "minimumNumberOfCalls": 5, "minimumFailures": 5, "permittedCallsInHalfOpen": 3, "successesToClose": 3,
        "breakDurationMs": 300, "clockSkewMs": 10,
    });
    for (name, value) in knobs.as_object().unwrap() {
        all[name] = value.clone();
    }
    let knobs: Knobs = serde_json::from_value(all).unwrap();
    GateConfig::new(dependency("raced"), &knobs).unwrap()
}

fn admission(store: DynamoGates, knobs: &Value) -> Racing {
    Admission::new(store, System, Unobserved, [config(knobs)])
}

async fn ask(admission: &Racing) -> Result<Permit, AdmitError> {
    admission.admit("raced", 1, System.now().plus(Duration::from_secs(20))).await
}

/// Asks so many times from so many tasks at once; each task is a process of its own to the gate: it shares no memory.
async fn race(store: &DynamoGates, knobs: &Value, tasks: usize, asks: usize) -> Vec<Permit> {
    let racers: Vec<_> = (0..tasks)
        .map(|_| {
            let admission = admission(store.clone(), knobs);
            tokio::spawn(async move {
                let mut granted = Vec::new();
                for _ in 0..asks {
                    match ask(&admission).await {
                        Ok(permit) => granted.push(permit),
                        Err(AdmitError::NotPermitted(refusal)) => {
                            assert!(
                                matches!(refusal.reason, Reason::Rate | Reason::Permits | Reason::Open),
                                "{refusal}"
                            );
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                granted
            })
        })
        .collect();
    let mut permits = Vec::new();
    for racer in racers {
        permits.extend(racer.await.unwrap());
    }
    permits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_race_for_tokens_get_the_burst_and_not_one_more() {
    on_a_table(|store, _| async move {
        let permits = race(&store, &json!({}), 16, 8).await;
        assert_eq!(permits.len(), BURST);
        let numbers: BTreeSet<u64> = permits.iter().filter_map(number).collect();
        assert_eq!(numbers, (1..=BURST as u64).collect(), "every call has a number of its own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shards_share_the_burst_among_them() {
    on_a_table(|store, _| async move {
        let permits = race(&store, &json!({"shards": 4}), 16, 16).await;
        assert_eq!(permits.len(), BURST);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_race_for_permits_get_three_and_their_successes_close_the_gate() {
    on_a_table(|store, _| async move {
        let knobs = json!({});
        let first = admission(store.clone(), &knobs);
        for _ in 0..5 {
            let permit = ask(&first).await.unwrap();
            first.report(&permit, Outcome::Failure).await.unwrap();
        }
        let opened = store.read(&dependency("raced"), 0).await.unwrap().unwrap();
        assert_eq!((opened.state, opened.opens), (BreakerState::Open, 1));
        assert!(matches!(ask(&first).await, Err(AdmitError::NotPermitted(no)) if no.reason == Reason::Open));
        while System.now() < opened.until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let permits = race(&store, &knobs, 16, 2).await;
        assert_eq!(permits.len(), 3, "{permits:?}");
        assert!(permits.iter().all(|permit| matches!(permit.kind, PermitKind::Trial { .. })));
        let reports = permits.into_iter().map(|permit| {
            let admission = admission(store.clone(), &knobs);
            tokio::spawn(async move { admission.report(&permit, Outcome::Success).await.unwrap() })
        });
        for report in reports.collect::<Vec<_>>() {
            report.await.unwrap();
        }
        let closed = store.read(&dependency("raced"), 0).await.unwrap().unwrap();
        assert_eq!((closed.state, closed.sequence, closed.opens), (BreakerState::Closed, 0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_failures_at_once_one_opens() {
    on_a_table(|store, _| async move {
        let permits = race(&store, &json!({}), 16, 1).await;
        assert_eq!(permits.len(), 16);
        let generation = permits[0].generation;
        let reports = permits.into_iter().map(|permit| {
            let admission = admission(store.clone(), &json!({}));
            tokio::spawn(async move { admission.report(&permit, Outcome::Failure).await.unwrap() })
        });
        for report in reports.collect::<Vec<_>>() {
            report.await.unwrap();
        }
        let gate = store.read(&dependency("raced"), 0).await.unwrap().unwrap();
        assert_eq!((gate.state, gate.generation, gate.opens), (BreakerState::Open, generation + 1, 1));
    })
    .await;
}

/// The test starts itself as several processes; each prints a line for each permit that it got.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_race_for_tokens_get_the_burst_and_not_one_more() {
    if let Ok(table) = std::env::var(TABLE) {
        let store = DynamoGates::new(&sdk().await, table);
        for _ in race(&store, &json!({}), 4, 8).await {
            println!("granted");
        }
        return;
    }
    on_a_table(|_, table| async move {
        let child = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "gates_race::processes_that_race_for_tokens_get_the_burst_and_not_one_more"])
                .arg("--nocapture")
                .env(TABLE, &table)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..4).map(|_| child()).collect();
        let mut granted = 0;
        for child in children {
            let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
            assert!(output.status.success());
            granted += String::from_utf8(output.stdout).unwrap().matches("granted").count();
        }
        assert_eq!(granted, BURST);
    })
    .await;
}

/// The call's number in its generation.
fn number(permit: &Permit) -> Option<u64> {
    match permit.kind {
        PermitKind::Counted { sequence } => Some(sequence),
        _ => None,
    }
}
