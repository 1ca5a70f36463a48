//! The files that go to AWS are inside the subset that the simulation runs, and it runs them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so")]

use admission::classify::http_status;
use domain::gate::report::Outcome;
use serde_json::{Value, json};
use simulation::{Execution, Machine, Next, TaskError, lambda_answer};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/statemachines")
}

/// The machine in this file, with `1` for every substitution: it fits a text and where a definition wants a number.
fn load(name: &str) -> Machine {
    let text = std::fs::read_to_string(folder().join(format!("{name}.asl.json"))).expect(name);
    let substitutions: Vec<_> = Machine::placeholders(&text).into_iter().map(|name| (name, "1")).collect();
    Machine::load(&text, &substitutions).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs to the end with these answers, by state; answers the output and the number of transitions.
fn run(machine: &Machine, input: Value, answers: &[(&str, Value)]) -> (Value, usize) {
    let mut now = 1_700_000_000_000;
    let id = "arn:aws:states:eu-central-1:000000000000:execution:m:one";
    let mut execution = Execution::new(machine, id, input, now, fastrand::Rng::with_seed(1));
    loop {
        match execution.next(now) {
            Next::Task(call) => {
                let (_, answer) = answers.iter().find(|(state, _)| *state == call.state).expect(&call.state);
                execution.answer(now, Ok(answer.clone())).expect("the task waits");
            }
            Next::Wait(pause) => now += i64::try_from(pause.as_millis()).expect("a short pause"),
            Next::Succeeded { output } => return (output, execution.transitions()),
            Next::Failed(error) => panic!("{}: {error}", execution.state()),
        }
    }
}

/// The tasks that are called on the way to the end, in order.
fn calls(machine: &Machine, input: Value, answers: &[(&str, Value)]) -> Vec<String> {
    let mut now = 1_700_000_000_000;
    let mut execution = Execution::new(machine, "arn:m:one", input, now, fastrand::Rng::with_seed(1));
    let mut called = Vec::new();
    loop {
        match execution.next(now) {
            Next::Task(call) => {
                let (_, answer) = answers.iter().find(|(state, _)| *state == call.state).expect(&call.state);
                execution.answer(now, Ok(answer.clone())).expect("the task waits");
                called.push(call.state);
            }
            Next::Wait(pause) => now += i64::try_from(pause.as_millis()).expect("a short pause"),
            Next::Succeeded { .. } => return called,
            Next::Failed(error) => panic!("{}: {error}", execution.state()),
        }
    }
}

#[test]
fn every_state_machine_of_ours_loads_and_ends_by_itself() {
    let names: Vec<String> = std::fs::read_dir(folder())
        .expect("infra/statemachines")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".asl.json")?.to_owned()))
        .collect();
    for name in names.iter().map(String::as_str).chain(["fragments/gated-call"]) {
        assert!(load(name).timeout_seconds().is_some(), "{name} has no TimeoutSeconds");
    }
    for name in ["subscribe", "open-circuit", "roll-back-route"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing among {names:?}");
    }
}

/// What Claim answers about an intent that begins.
fn claimed() -> Value {
    let intent = json!({"intentId": "i", "charge": "i#1", "customer": "ada", "tier": "premium", "amount": 900,
        "currency": "eur", "paymentMethod": "pm_cardVisa4242"});
    lambda_answer(json!({"next": "fraud-check", "intent": intent}))
}

#[test]
fn a_subscription_takes_at_most_ten_transitions() {
    let answers = [
        ("Claim", claimed()),
        (
            "ReserveFraudCall",
            lambda_answer(json!({"decision": "call", "permit": {}, "reportSuccess": false, "slowAfterMs": 5000})),
        ),
        ("FraudCheck", json!({"ResponseBody": {"verdict": "pass", "score": 3}})),
        ("Charge", lambda_answer(json!({"outcome": "captured"}))),
        ("Unblock", lambda_answer(json!({"decision": "granted"}))),
        ("Activate", lambda_answer(json!({"outcome": "active", "evidence": "healthy"}))),
    ];
    let (output, transitions) = run(&load("subscribe"), json!([{"body": "{}"}]), &answers);
    assert_eq!(output, json!({"outcome": "active", "evidence": "healthy", "intentId": "i"}));
    assert!(transitions <= 10, "{transitions} transitions");
}

#[test]
fn the_alarm_opens_the_circuit() {
    let nothing = json!({});
    let answers = [
        ("ReadRecord", nothing.clone()),
        ("WriteOpen", nothing.clone()),
        ("TakeLease", nothing.clone()),
        ("LookBefore", json!({"CurrentState": "RUNNING"})),
        ("MarkStop", nothing.clone()),
        ("StopPipe", nothing.clone()),
        ("LookAfter", json!({"CurrentState": "STOPPED"})),
        ("Project", nothing.clone()),
        ("Applied", nothing.clone()),
        ("Release", nothing.clone()),
        ("Notify", nothing),
    ];
    let alarm = json!({"detail": {"state": {"reason": "too many"}}});
    let (output, _) = run(&load("open-circuit"), alarm.clone(), &answers);
    assert_eq!(output["generation"], 1);
    let called = calls(&load("open-circuit"), alarm, &answers);
    let order: Vec<_> = answers.iter().map(|(state, _)| *state).collect();
    assert_eq!(called, order, "record, lease, mark, Pipe, banner, record again, lease, operators: in this order");
}

#[test]
fn the_alarm_steers_a_route_back_unless_a_person_did_since() {
    let machine = load("roll-back-route");
    let alarm = json!({"route": "search", "since": "2023-11-14T22:13:20Z", "why": "too many"});
    let record = |mode: &str, since: i64| {
        json!({"Item": {
            "mode": {"S": mode}, "percent": {"N": "10"}, "rev": {"N": "3"}, "since": {"N": since.to_string()},
            "by": {"S": "ada"},
        }})
    };
    let calls_for = |record: Value| {
        let answers = [("ReadRecord", record), ("WriteBack", json!({})), ("Notify", json!({}))];
        calls(&machine, alarm.clone(), &answers)
    };
    let rings = 1_700_000_000_000;
    for mode in ["shadow", "canary", "modern"] {
        assert_eq!(calls_for(record(mode, rings - 1)), ["ReadRecord", "WriteBack", "Notify"], "{mode}");
        assert_eq!(calls_for(record(mode, rings)), ["ReadRecord"], "{mode}, steered since");
    }
    assert_eq!(calls_for(record("monolith", 1)), ["ReadRecord"]);
    assert_eq!(calls_for(json!({})), ["ReadRecord"], "nobody has steered it yet");
}

/// The state machines that call a third party through its gate, each with its state that makes the call.
const GATED: [(&str, &str); 2] = [("subscribe", "FraudCheck"), ("fragments/gated-call", "Call")];

/// What a gate says that stays as it is: `call`, to a trial; or `again`, after a slot that was missed.
fn decision(word: &str) -> Value {
    lambda_answer(json!({"decision": word, "permit": {}, "callAt": "2020-01-01T00:00:00Z", "retryAfter": 1,
        "reportSuccess": true, "slowAfterMs": 5000}))
}

/// How many events `name` has after it tried for a day to get its call through. The gate answers `reserved`, then
/// `rechecked`, and the provider pushes back; nothing takes any time but the waits of the state machine itself.
fn events_of_a_day(name: &str, reserved: &str, rechecked: &str, seed: u64) -> Result<usize, TaskError> {
    const DAY: i64 = 86_400_000;
    let start = 1_700_000_000_000;
    let mut now = start;
    let input = json!([{"body": "{}"}]);
    let mut execution = Execution::new(&load(name), "arn:m:one", input, now, fastrand::Rng::with_seed(seed));
    while now < start + DAY {
        match execution.next(now) {
            Next::Task(call) => {
                let answer = match call.state.as_str() {
                    "Claim" => Ok(claimed()),
                    "ReserveFraudCall" | "Reserve" => Ok(decision(reserved)),
                    "RecheckFraudCall" | "Recheck" => Ok(decision(rechecked)),
                    "FraudCheck" | "Call" => Err(TaskError::new("States.Http.StatusCode.429", "")),
                    "ReportFraudCall" | "Report" => Ok(lambda_answer(json!({"reported": true}))),
                    other => panic!("{name} calls {other}"),
                };
                execution.answer(now, answer).expect("the task waits");
            }
            Next::Wait(pause) => now += i64::try_from(pause.as_millis()).expect("a short pause"),
            Next::Succeeded { output } => panic!("{name} ends: {output}"),
            Next::Failed(error) => return Err(error),
        }
    }
    Ok(execution.events())
}

#[test]
fn a_day_of_waiting_for_a_gate_stays_within_the_events_of_an_execution() {
    // What the Comments of the files say of a round, and its two decisions.
    let rounds = [(9, "later", ""), (18, "wait", "again"), (23, "call", ""), (32, "wait", "call")];
    for (name, _) in GATED {
        for (events, reserved, rechecked) in rounds {
            for seed in 0..8 {
                let all = events_of_a_day(name, reserved, rechecked, seed)
                    .unwrap_or_else(|error| panic!("{name}, {reserved} {rechecked}: {error}"));
                let rounds = all / events;
                assert!((600..720).contains(&rounds), "{name}, {reserved} {rechecked}: {all} events");
            }
        }
    }
}

/// The outcome that `name` reports of a call that ended with this status, and an error of its own.
fn reported(name: &str, call: &str, status: u16) -> Option<String> {
    let now = 1_700_000_000_000;
    let input = json!([{"body": "{}"}]);
    let mut execution = Execution::new(&load(name), "arn:m:one", input, now, fastrand::Rng::with_seed(1));
    loop {
        let Next::Task(task) = execution.next(now) else { return None };
        let answer = match task.state.as_str() {
            "Claim" => Ok(claimed()),
            state if state == call => Err(TaskError::new(format!("States.Http.StatusCode.{status}"), "")),
            "ReportFraudCall" | "Report" => {
                return task.arguments["Payload"]["outcome"].as_str().map(ToOwned::to_owned);
            }
            _ => Ok(decision("call")),
        };
        execution.answer(now, answer).expect("the task waits");
    }
}

#[test]
fn a_status_means_to_a_state_machine_what_it_means_to_our_clients() {
    for (name, call) in GATED {
        for status in 300..=999 {
            let word = match http_status(status, None) {
                // A redirection is no answer, and nobody's failure.
                Outcome::Success | Outcome::Ignored => "ignored",
                Outcome::PushedBack(_) => "pushedBack",
                Outcome::Failure => "failure",
                Outcome::Slow => panic!("a status says nothing about time"),
            };
            assert_eq!(reported(name, call, status).as_deref(), Some(word), "{name}: {status}");
        }
    }
}
