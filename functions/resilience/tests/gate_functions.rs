//! `reserve-call` and `report-call`, as a state machine sees them: JSON in, JSON out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod machine;

use domain::gate::Gate;
use domain::gate::bucket::Micros;
use lambda::task::{TaskError, answer};
use machine::{Machine, gates};
use resilience::report::Report;
use resilience::reserve::Reserve;
use serde_json::{Value, json};
use std::time::Duration;
use testing::turn::Trip;

/// Both functions over one table.
struct Functions {
    machine: Machine,
    policy: &'static str,
}

impl Functions {
    fn new(policy: &'static str) -> Self {
        Self { machine: Machine::default(), policy }
    }

    /// One token a second, one at once, two seconds of patience; opens at the second failure.
    fn knobs(&self) -> Value {
        json!({
            "ratePerSecond": 1, "burst": 1, "callTimeoutMs": 1000, "slowCallDurationMs": 800, "maxWaitMs": 2000,
            "storeUnreachable": self.policy, "minimumNumberOfCalls": 2, "minimumFailures": 2,
            "permittedCallsInHalfOpen": 1, "successesToClose": 1, "breakDurationMs": 10_000,
        })
    }

    async fn try_reserve(&self, input: Value) -> Result<Value, TaskError> {
        // A cold start each time: what a process remembers must not matter.
        let admission = self.machine.admission(gates(&json!({"fraud": self.knobs()})));
        let service = Reserve { admission, clock: self.machine.clone() };
        answer(|request| service.handle(request), input).await.map(|said| serde_json::to_value(said).unwrap())
    }

    async fn try_report(&self, input: Value) -> Result<Value, TaskError> {
        let admission = self.machine.admission(gates(&json!({"fraud": self.knobs()})));
        let service = Report { admission, clock: self.machine.clone() };
        answer(|request| service.handle(request), input).await.map(|said| serde_json::to_value(said).unwrap())
    }

    async fn reserve(&self) -> Value {
        self.try_reserve(json!({"dependency": "fraud"})).await.unwrap()
    }

    async fn recheck(&self, permit: &Value) -> Value {
        self.try_reserve(json!({"dependency": "fraud", "recheck": permit})).await.unwrap()
    }

    async fn report(&self, permit: &Value, outcome: &str) {
        let said = self.try_report(json!({"permit": permit, "outcome": outcome})).await.unwrap();
        assert_eq!(said, json!({"reported": true}));
    }

    fn pass(&self, millis: u64) {
        self.machine.clock.advance(Duration::from_millis(millis));
    }

    fn gate(&self) -> Gate {
        self.machine.store.gate("fraud", 0).unwrap()
    }

    /// A circuit that two failures have opened.
    async fn opened(policy: &'static str) -> Self {
        let functions = Self::new(policy);
        for _ in 0..2 {
            let reserved = functions.reserve().await;
            assert_eq!(reserved["decision"], "call");
            functions.report(&reserved["permit"], "failure").await;
            functions.pass(1000);
        }
        functions
    }
}

#[tokio::test]
async fn a_call_that_may_begin_now_is_told_so() {
    let reserved = Functions::new("refuse").reserve().await;
    let fields: Vec<&str> = reserved.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["decision", "permit", "reportSuccess", "slowAfterMs"]);
    assert_eq!((&reserved["decision"], &reserved["reportSuccess"]), (&json!("call"), &json!(false)));
    assert_eq!(reserved["slowAfterMs"], 800);
}

#[tokio::test]
async fn a_slot_in_the_future_begins_at_a_whole_second_and_is_rechecked_then() {
    let functions = Functions::new("refuse");
    functions.pass(250);
    functions.reserve().await;
    let reserved = functions.reserve().await;
    assert_eq!((&reserved["decision"], &reserved["callAt"]), (&json!("wait"), &json!("2027-01-15T08:00:02Z")));
    assert_eq!((&reserved["reportSuccess"], &reserved["slowAfterMs"]), (&json!(false), &json!(800)));
    let permit = &reserved["permit"];
    assert_eq!(functions.recheck(permit).await, json!({"decision": "again"}), "too early");
    functions.pass(1750);
    let rechecked = functions.recheck(permit).await;
    assert_eq!(
        rechecked,
        json!({"decision": "call", "permit": permit, "reportSuccess": false, "slowAfterMs": 800}),
        "the permit is as it was"
    );
    functions.pass(251);
    assert_eq!(functions.recheck(permit).await, json!({"decision": "again"}), "too late");
}

#[tokio::test]
async fn a_waiter_does_not_call_once_the_circuit_has_opened() {
    let functions = Functions::new("refuse");
    let first = functions.reserve().await;
    let second = functions.reserve().await;
    let third = functions.reserve().await;
    assert_eq!((&second["decision"], &third["decision"]), (&json!("wait"), &json!("wait")));
    functions.report(&first["permit"], "failure").await;
    functions.pass(1000);
    assert_eq!(functions.recheck(&second["permit"]).await["decision"], "call");
    functions.report(&second["permit"], "slow").await;
    functions.report(&second["permit"], "failure").await;
    functions.pass(1000);
    assert_eq!(functions.recheck(&third["permit"]).await, json!({"decision": "again"}));
}

#[tokio::test]
async fn a_full_bucket_says_later_and_never_refuses() {
    let functions = Functions::new("refuse");
    for decision in ["call", "wait", "wait"] {
        assert_eq!(functions.reserve().await["decision"], decision);
    }
    assert_eq!(functions.reserve().await, json!({"decision": "later", "retryAfter": 1, "reason": "rate"}));
}

#[tokio::test]
async fn a_push_back_holds_everybody_back_for_as_long_as_the_provider_says() {
    let noon = "Fri, 15 Jan 2027 08:01:00 GMT";
    for (retry_after, seconds) in [
        (json!(60), 61),
        (json!("60"), 61),
        (json!(59.5), 61),
        (json!(noon), 61),
        (json!("soon"), 2),
        (json!(-1), 2),
        (json!({"seconds": 60}), 2),
        (Value::Null, 2),
    ] {
        let functions = Functions::new("refuse");
        let permit = functions.reserve().await["permit"].clone();
        let report = json!({"permit": permit, "outcome": "pushedBack", "retryAfter": retry_after});
        functions.try_report(report).await.unwrap();
        // The hold ends a clock skew later; what waits for less than the gate's longest wait gets a slot then.
        let reserved = functions.reserve().await;
        let expected = if seconds > 2 {
            json!({"decision": "later", "retryAfter": seconds, "reason": "hold"})
        } else {
            json!("2027-01-15T08:00:02Z")
        };
        let said = if seconds > 2 { reserved } else { reserved["callAt"].clone() };
        assert_eq!(said, expected, "{retry_after}");
    }
}

#[tokio::test]
async fn an_open_circuit_refuses_and_says_when_to_ask_again() {
    let functions = Functions::opened("refuse").await;
    let tat = functions.gate().tat;
    let refused = functions.reserve().await;
    assert_eq!((&refused["decision"], &refused["reason"]), (&json!("refused"), &json!("open")));
    assert!((9..=12).contains(&refused["retryAfter"].as_u64().unwrap()), "{refused}");
    assert_eq!(refused.get("permit"), None);
    assert_eq!(functions.gate().tat, tat, "a refused call takes no token");
}

#[tokio::test]
async fn a_trial_must_report_its_success_and_closes_the_circuit_by_it() {
    let functions = Functions::opened("refuse").await;
    functions.pass(12_000);
    let trial = functions.reserve().await;
    assert_eq!((&trial["decision"], &trial["reportSuccess"]), (&json!("call"), &json!(true)));
    functions.pass(1000);
    let other = functions.reserve().await;
    assert_eq!((&other["decision"], &other["reason"]), (&json!("refused"), &json!("permits")));
    functions.report(&trial["permit"], "success").await;
    assert_eq!(functions.gate().state.as_str(), "closed");
    assert_eq!(functions.reserve().await["reportSuccess"], false);
}

#[tokio::test]
async fn a_trial_that_fails_is_slow_or_is_pushed_back_opens_the_circuit_again() {
    for outcome in ["failure", "slow", "pushedBack"] {
        let functions = Functions::opened("refuse").await;
        functions.pass(12_000);
        let trial = functions.reserve().await;
        functions.report(&trial["permit"], outcome).await;
        assert_eq!((functions.gate().state.as_str(), functions.gate().opens), ("open", 2), "{outcome}");
    }
}

#[tokio::test]
async fn an_ignored_outcome_and_a_success_are_no_failures() {
    let functions = Functions::new("refuse");
    for outcome in ["ignored", "success", "ignored", "success"] {
        let reserved = functions.reserve().await;
        functions.report(&reserved["permit"], outcome).await;
        functions.pass(1000);
    }
    assert_eq!((functions.gate().state.as_str(), functions.gate().failures.len()), ("closed", 0));
}

#[tokio::test]
async fn while_the_table_gives_no_answer_the_policy_decides() {
    let functions = Functions::new("allow");
    functions.machine.turns.trip(Trip::BeforeEffect);
    let reserved = functions.reserve().await;
    assert_eq!((&reserved["decision"], &reserved["reportSuccess"]), (&json!("call"), &json!(false)));
    functions.report(&reserved["permit"], "failure").await;
    assert_eq!(functions.machine.store.gate("fraud", 0), None, "a call that asked nobody is not counted");

    let functions = Functions::new("refuse");
    functions.machine.turns.trip(Trip::BeforeEffect);
    assert_eq!(functions.reserve().await, json!({"decision": "refused", "retryAfter": 1, "reason": "store"}));
}

#[tokio::test]
async fn the_policy_decides_for_those_who_waited_too() {
    for (policy, decision) in [("allow", "call"), ("refuse", "refused")] {
        let functions = Functions::new(policy);
        functions.reserve().await;
        let permit = functions.reserve().await["permit"].clone();
        functions.pass(1000);
        functions.machine.turns.trip(Trip::BeforeEffect);
        assert_eq!(functions.recheck(&permit).await["decision"], decision);
    }
}

#[tokio::test]
async fn a_report_that_the_table_does_not_take_can_be_repeated() {
    let functions = Functions::new("allow");
    let permit = functions.reserve().await["permit"].clone();
    functions.machine.turns.trip(Trip::BeforeEffect);
    let report = json!({"permit": permit, "outcome": "failure"});
    assert!(matches!(functions.try_report(report.clone()).await, Err(TaskError::Retryable(_))));
    functions.try_report(report).await.unwrap();
    assert_eq!(functions.gate().failures.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_permit_survives_its_way_through_a_state_machine() {
    let functions = Functions::new("refuse");
    let permit = functions.reserve().await["permit"].clone();
    let text = serde_json::to_string(&permit).unwrap();
    let read: domain::gate::admit::Permit = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), permit);
    functions.report(&serde_json::from_str(&text).unwrap(), "failure").await;
    assert_eq!(functions.gate().failures.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn an_input_that_no_gate_can_grant_is_bad_and_takes_nothing() {
    let functions = Functions::new("allow");
    let permit = functions.reserve().await["permit"].clone();
    let tat: Micros = functions.gate().tat;
    let changed = |field: &str, value: Value| {
        let mut permit = permit.clone();
        permit[field] = value;
        permit
    };
    let inputs = [
        json!({"dependency": "nobody"}),
        json!({"dependency": "fraud", "tokens": 0}),
        json!({"dependency": "fraud", "tokens": 2}),
        json!({"dependency": "fraud", "tokens": -1}),
        json!({"dependency": "fraud", "tokens": 1.5}),
        json!({"dependency": "fraud", "tokens": "1"}),
        json!({"dependency": "fraud", "tokens": null}),
        json!({"dependency": "fraud", "patience": 1}),
        json!({"dependency": "fraud", "recheck": null}),
        json!({"dependency": "fraud", "recheck": {}}),
        json!({"dependency": "fraud", "recheck": "permit"}),
        json!({"dependency": "fraud", "recheck": permit, "tokens": 1}),
        json!({"dependency": "fraud", "recheck": changed("dependency", json!("payment"))}),
        // Of another version of this software.
        json!({"dependency": "fraud", "recheck": changed("format", json!(2))}),
        json!({"dependency": "fraud", "recheck": changed("kind", json!("golden"))}),
        json!({"dependency": "fraud", "recheck": changed("kind", json!({"counted": {}}))}),
        json!({"dependency": "fraud", "recheck": changed("generation", Value::Null)}),
        json!({}),
        json!("fraud"),
        Value::Null,
    ];
    for input in inputs {
        let said = functions.try_reserve(input.clone()).await;
        assert!(matches!(said, Err(TaskError::BadInput(_))), "{input}: {said:?}");
    }
    assert_eq!(functions.gate().tat, tat, "no token was taken");
}

#[tokio::test]
async fn a_report_that_does_not_fit_is_bad_and_counts_nothing() {
    let functions = Functions::new("allow");
    let permit = functions.reserve().await["permit"].clone();
    let mut foreign = permit.clone();
    foreign["dependency"] = json!("nobody");
    let mut newer = permit.clone();
    newer["format"] = json!(2);
    let before = functions.gate();
    for input in [
        json!({"permit": permit, "outcome": "sunny"}),
        json!({"permit": permit}),
        json!({"permit": permit, "outcome": "failure", "mood": "bad"}),
        json!({"permit": foreign, "outcome": "failure"}),
        json!({"permit": newer, "outcome": "failure"}),
        json!({"permit": null, "outcome": "failure"}),
        json!({"outcome": "failure"}),
        json!([]),
    ] {
        let said = functions.try_report(input.clone()).await;
        assert!(matches!(said, Err(TaskError::BadInput(_))), "{input}: {said:?}");
    }
    assert_eq!(functions.gate(), before);
}

#[tokio::test]
async fn a_permit_of_a_shard_that_is_gone_is_forfeited() {
    let functions = Functions::new("allow");
    let mut permit = functions.reserve().await["permit"].clone();
    permit["shard"] = json!(9);
    assert_eq!(functions.recheck(&permit).await, json!({"decision": "again"}));
    functions.report(&permit, "failure").await;
    assert!(functions.gate().failures.is_empty());
}
