use super::*;
use serde_json::{Value, json};
use std::time::Duration;

const NOW: i64 = 1_700_000_000_500;

/// A machine of these states that begins with the state `A`.
fn machine(states: &Value) -> Machine {
    load(states).expect("a machine")
}

fn load(states: &Value) -> Result<Machine, LoadError> {
    Machine::load(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states}).to_string(), &[])
}

fn start(machine: &Machine, input: Value) -> Execution {
    Execution::new(
        machine,
        "arn:aws:states:eu-central-1:000000000000:execution:m:one",
        input,
        NOW,
        fastrand::Rng::with_seed(1),
    )
}

fn run(states: &Value, input: Value) -> Next {
    start(&machine(states), input).next(NOW)
}

fn succeeded(output: Value) -> Next {
    Next::Succeeded { output }
}

fn task(fields: Value) -> Value {
    let mut task = json!({"Type": "Task", "Resource": "r", "Arguments": {}, "End": true});
    let Value::Object(fields) = fields else { panic!("fields") };
    if fields.contains_key("Next") {
        task.as_object_mut().unwrap().remove("End");
    }
    task.as_object_mut().unwrap().extend(fields);
    task
}

#[track_caller]
fn refused(states: &Value, reason: &str) {
    let error = load(states).expect_err(reason).to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn a_pass_state_hands_its_input_on_or_its_output() {
    let states = json!({
        "A": {"Type": "Pass", "Comment": "not data", "Next": "B"},
        "B": {"Type": "Pass", "Output": {"was": "{% $states.input.n %}", "list": ["{% 1 + 1 %}", null], "text": "plain"}, "End": true},
    });
    assert_eq!(run(&states, json!({"n": 1})), succeeded(json!({"was": 1, "list": [2, null], "text": "plain"})));
}

#[test]
fn variables_are_assigned_together_and_outlive_their_state() {
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": "{% $states.input %}"}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "C"},
        "C": {"Type": "Succeed", "Output": "{% [$states.input, $x, $y] %}"},
    });
    assert_eq!(run(&states, json!(2)), succeeded(json!([1, 2, 1])));
}

#[test]
fn the_context_names_execution_and_state() {
    let states = json!({"A": {"Type": "Succeed", "Output": "{% $states.context %}"}});
    let Next::Succeeded { output } = run(&states, json!(7)) else { panic!("it succeeds") };
    assert_eq!(output["Execution"]["Id"], "arn:aws:states:eu-central-1:000000000000:execution:m:one");
    assert_eq!(output["Execution"]["Name"], "one");
    assert_eq!(output["Execution"]["StartTime"], "2023-11-14T22:13:20.500Z");
    assert_eq!(output["Execution"]["Input"], 7);
    assert_eq!(output["State"]["Name"], "A");
}

#[test]
fn a_choice_takes_the_first_rule_that_holds_with_that_rules_assignments() {
    let states = json!({
        "A": {"Type": "Choice", "Assign": {"way": "default"}, "Default": "Z", "Choices": [
            {"Condition": "{% $states.input = 1 %}", "Assign": {"way": "first"}, "Output": "changed", "Next": "Z"},
            {"Condition": "{% $states.input <= 2 %}", "Assign": {"way": "second"}, "Next": "Z"}]},
        "Z": {"Type": "Succeed", "Output": "{% [$way, $states.input] %}"},
    });
    assert_eq!(run(&states, json!(1)), succeeded(json!(["first", "changed"])));
    assert_eq!(run(&states, json!(2)), succeeded(json!(["second", 2])));
    assert_eq!(run(&states, json!(3)), succeeded(json!(["default", 3])));
}

#[test]
fn a_choice_without_a_way_fails() {
    let states = json!({
        "A": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input = 1 %}", "Next": "Z"}]},
        "Z": {"Type": "Succeed"},
    });
    let Next::Failed(error) = run(&states, json!(2)) else { panic!("it fails") };
    assert_eq!(error.error, "States.NoChoiceMatched");
}

#[test]
fn a_condition_that_is_no_boolean_fails() {
    let states = json!({
        "A": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input %}", "Next": "Z"}]},
        "Z": {"Type": "Succeed"},
    });
    let Next::Failed(error) = run(&states, json!("yes")) else { panic!("it fails") };
    assert_eq!(error.error, "States.QueryEvaluationError");
}

#[test]
fn a_fail_state_ends_with_its_error_and_cause() {
    let states = json!({"A": {"Type": "Fail", "Error": "Terminal", "Cause": "{% $string({'why': $states.input}) %}"}});
    assert_eq!(run(&states, json!("x")), Next::Failed(TaskError::new("Terminal", r#"{"why":"x"}"#)));
}

#[test]
fn an_undefined_field_fails_the_execution_and_says_which() {
    let states = json!({"A": {"Type": "Pass", "Output": {"a": "{% $states.input.missing %}"}, "End": true}});
    let Next::Failed(error) = run(&states, json!({})) else { panic!("it fails") };
    assert_eq!(error.error, "States.QueryEvaluationError");
    assert!(error.cause.contains("$states.input.missing"), "{}", error.cause);
}

#[test]
fn a_wait_announces_its_pause_and_goes_on_afterwards() {
    let states = json!({
        "A": {"Type": "Wait", "Seconds": "{% $states.input * 2 %}", "Next": "B"},
        "B": {"Type": "Wait", "Timestamp": "{% $fromMillis($millis() + 1900) %}", "Assign": {"x": 1}, "Output": "{% $states.input + 1 %}", "End": true},
    });
    let machine = machine(&states);
    let mut execution = start(&machine, json!(3));
    assert_eq!(execution.next(NOW), Next::Wait(Duration::from_secs(6)));
    assert_eq!(execution.next(NOW + 6000), Next::Wait(Duration::from_millis(1500)), "only up to the second");
    assert_eq!(execution.next(NOW + 7500), succeeded(json!(4)));
    assert_eq!(execution.transitions(), 2);
}

#[test]
fn a_moment_that_has_passed_is_not_waited_for() {
    let states = json!({"A": {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": true}});
    assert_eq!(run(&states, json!(0)), Next::Wait(Duration::ZERO));
}

#[test]
fn a_task_is_called_with_its_arguments_and_its_result_is_the_output() {
    let states = json!({"A": task(json!({
        "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 30,
        "Arguments": {"FunctionName": "f", "Payload": {"n": "{% $states.input.n %}", "at": "{% $millis() %}"}}}))});
    let mut execution = start(&machine(&states), json!({"n": 1}));
    let call = TaskCall {
        state: "A".to_owned(),
        resource: "arn:aws:states:::lambda:invoke".to_owned(),
        arguments: json!({"FunctionName": "f", "Payload": {"n": 1, "at": NOW}}),
        timeout_seconds: Some(30),
    };
    assert_eq!(execution.next(NOW), Next::Task(call.clone()));
    assert_eq!(execution.next(NOW + 1), Next::Task(call), "asked again, it says the same");
    execution.answer(NOW, Ok(json!({"Payload": 2}))).unwrap();
    assert_eq!(execution.next(NOW), succeeded(json!({"Payload": 2})));
    assert_eq!(execution.answer(NOW, Ok(json!(3))), Err(Unasked), "a late answer reaches nobody");
    assert_eq!(execution.next(NOW), succeeded(json!({"Payload": 2})));
}

#[test]
fn a_task_knows_how_long_its_state_has_lasted_retries_included() {
    let states = json!({"A": task(json!({
        "Retry": [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 2}],
        "Output": "{% $millis() - $toMillis($states.context.State.EnteredTime) %}",
    }))});
    let mut execution = start(&machine(&states), json!(0));
    execution.next(NOW);
    execution.answer(NOW + 10, Err(TaskError::new("Retryable", ""))).unwrap();
    assert_eq!(execution.next(NOW + 10), Next::Wait(Duration::from_secs(2)));
    execution.next(NOW + 2010);
    execution.answer(NOW + 2500, Ok(json!(1))).unwrap();
    assert_eq!(execution.next(NOW + 2500), succeeded(json!(2500)));
}

#[test]
fn chance_is_drawn_anew_in_each_state() {
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"first": "{% $random() %}"}, "Next": "B"},
        "B": {"Type": "Pass", "Output": ["{% $first %}", "{% $random() %}"], "End": true},
    });
    let Next::Succeeded { output } = run(&states, json!(0)) else { panic!("it succeeds") };
    let drawn: Vec<f64> = serde_json::from_value(output.clone()).unwrap();
    assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)), "{drawn:?}");
    assert_ne!(output[0], output[1]);
}

#[test]
fn output_and_assignments_of_a_task_see_its_result() {
    let states = json!({
        "A": task(json!({"Assign": {"x": "{% $states.result.x %}"}, "Output": "{% $states.result.y %}", "Next": "B"})),
        "B": {"Type": "Succeed", "Output": "{% [$x, $states.input] %}"},
    });
    let mut execution = start(&machine(&states), json!(0));
    execution.next(NOW);
    execution.answer(NOW, Ok(json!({"x": 1, "y": 2}))).unwrap();
    assert_eq!(execution.next(NOW), succeeded(json!([1, 2])));
}

#[test]
fn retries_back_off_up_to_their_cap_and_then_the_error_passes() {
    let retry = json!([{"ErrorEquals": ["Retryable"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10, "MaxAttempts": 3}]);
    let mut execution = start(&machine(&json!({"A": task(json!({"Retry": retry}))})), json!(0));
    for pause in [2, 6, 10] {
        assert!(matches!(execution.next(NOW), Next::Task(_)));
        execution.answer(NOW, Err(TaskError::new("Retryable", "down"))).unwrap();
        assert_eq!(execution.next(NOW), Next::Wait(Duration::from_secs(pause)));
    }
    assert!(matches!(execution.next(NOW), Next::Task(_)));
    execution.answer(NOW, Err(TaskError::new("Retryable", "down"))).unwrap();
    assert_eq!(execution.next(NOW), Next::Failed(TaskError::new("Retryable", "down")));
    assert_eq!(execution.transitions(), 4);
}

#[test]
fn each_retrier_counts_for_itself_and_a_new_state_counts_anew() {
    let retry = json!([{"ErrorEquals": ["One"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]);
    let states = json!({"A": task(json!({"Retry": retry, "Next": "B"})), "B": task(json!({"Retry": retry}))});
    let mut execution = start(&machine(&states), json!(0));
    for _ in ["A", "B"] {
        for error in ["One", "Other"] {
            assert!(matches!(execution.next(NOW), Next::Task(_)));
            execution.answer(NOW, Err(TaskError::new(error, ""))).unwrap();
            assert_eq!(execution.next(NOW), Next::Wait(Duration::from_secs(1)), "the default interval");
        }
        execution.next(NOW);
        execution.answer(NOW, Ok(json!(0))).unwrap();
    }
    assert_eq!(execution.next(NOW), succeeded(json!(0)));
}

#[test]
fn a_retrier_without_attempts_shields_an_error_from_the_next_retrier() {
    let retry = json!([{"ErrorEquals": ["Final"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]);
    let mut execution = start(&machine(&json!({"A": task(json!({"Retry": retry}))})), json!(0));
    execution.next(NOW);
    execution.answer(NOW, Err(TaskError::new("Final", ""))).unwrap();
    assert_eq!(execution.next(NOW), Next::Failed(TaskError::new("Final", "")));
}

#[test]
fn full_jitter_draws_a_pause_between_nothing_and_the_backoff_from_the_injected_chance() {
    let retry = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 8, "JitterStrategy": "FULL"}]);
    let machine = machine(&json!({"A": task(json!({"Retry": retry}))}));
    let pause = |seed| {
        let mut execution = Execution::new(&machine, "e", json!(0), NOW, fastrand::Rng::with_seed(seed));
        execution.next(NOW);
        execution.answer(NOW, Err(TaskError::new("E", ""))).unwrap();
        let Next::Wait(pause) = execution.next(NOW) else { panic!("it waits") };
        pause
    };
    assert!((0..100).all(|seed| pause(seed) < Duration::from_secs(8)));
    assert!((0..100).any(|seed| pause(seed) > Duration::from_secs(6)));
    assert_eq!(pause(7), pause(7));
}

#[test]
fn a_catcher_sees_the_error_and_takes_over() {
    let states = json!({
        "A": task(json!({"Catch": [
            {"ErrorEquals": ["Terminal"], "Next": "B"},
            {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Cause %}", "Assign": {"e": "{% $states.errorOutput.Error %}"}, "Next": "C"}]})),
        "B": {"Type": "Succeed"},
        "C": {"Type": "Succeed", "Output": "{% [$e, $states.input] %}"},
    });
    let machine = machine(&states);
    for (error, output) in
        [("Terminal", json!({"Error": "Terminal", "Cause": "no"})), ("States.Timeout", json!(["States.Timeout", "no"]))]
    {
        let mut execution = start(&machine, json!(0));
        execution.next(NOW);
        execution.answer(NOW, Err(TaskError::new(error, "no"))).unwrap();
        assert_eq!(execution.next(NOW), succeeded(output));
    }
}

#[test]
fn an_expression_that_fails_in_a_task_is_caught_like_its_error() {
    for broken in
        [json!({"Arguments": "{% $states.input.missing %}"}), json!({"Output": "{% $states.result.missing %}"})]
    {
        let mut fields = broken;
        fields["Catch"] = json!([{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}]);
        let mut execution =
            start(&machine(&json!({"A": task(fields), "B": {"Type": "Succeed", "Output": "caught"}})), json!({}));
        if let Next::Task(_) = execution.next(NOW) {
            execution.answer(NOW, Ok(json!({}))).unwrap();
        }
        assert_eq!(execution.next(NOW), succeeded(json!("caught")));
    }
}

#[test]
fn a_task_failed_catcher_leaves_time_outs_alone_and_nobody_catches_a_runtime_error() {
    for (names, error) in [("States.TaskFailed", "States.Timeout"), ("States.ALL", "States.Runtime")] {
        let states =
            json!({"A": task(json!({"Catch": [{"ErrorEquals": [names], "Next": "B"}]})), "B": {"Type": "Succeed"}});
        let mut execution = start(&machine(&states), json!(0));
        execution.next(NOW);
        execution.answer(NOW, Err(TaskError::new(error, ""))).unwrap();
        assert_eq!(execution.next(NOW), Next::Failed(TaskError::new(error, "")));
    }
}

#[test]
fn comments_may_stand_in_each_rule_but_an_argument_of_that_name_is_data() {
    let states = json!({
        "A": task(json!({
            "Arguments": {"Comment": "sent"},
            "Retry": [{"Comment": "why", "ErrorEquals": ["E"]}],
            "Catch": [{"Comment": "why", "ErrorEquals": ["E"], "Next": "B"}],
            "Next": "B"})),
        "B": {"Type": "Choice", "Choices": [{"Comment": "why", "Condition": "{% true %}", "Next": "A"}]},
    });
    let Next::Task(call) = run(&states, json!(0)) else { panic!("it calls") };
    assert_eq!(call.arguments, json!({"Comment": "sent"}));
}

#[test]
fn a_clone_goes_its_own_way() {
    let states = json!({"A": task(json!({}))});
    let mut killed = start(&machine(&states), json!(0));
    killed.next(NOW);
    let mut zombie = killed.clone();
    drop(killed);
    zombie.answer(NOW, Ok(json!("late"))).unwrap();
    assert_eq!(zombie.next(NOW), succeeded(json!("late")));
}

#[test]
fn events_are_counted_as_step_functions_writes_them() {
    let retry = json!([{"ErrorEquals": ["Retryable"], "MaxAttempts": 1}]);
    let mut work = task(json!({"Retry": retry, "Next": "Nap"}));
    work.as_object_mut().unwrap().remove("End");
    let states = json!({"A": work, "Nap": {"Type": "Wait", "Seconds": 1, "Next": "Done"}, "Done": {"Type": "Succeed"}});
    let mut execution = start(&machine(&states), json!(0));
    execution.next(NOW);
    assert_eq!(execution.events(), 1 + 5, "the start; entered, scheduled, started, succeeded, exited");
    execution.answer(NOW, Err(TaskError::new("Retryable", ""))).unwrap();
    execution.next(NOW);
    execution.next(NOW);
    assert_eq!(execution.events(), 1 + 5 + 3, "scheduled, started and failed once more");
    execution.answer(NOW, Ok(json!(1))).unwrap();
    execution.next(NOW);
    execution.next(NOW);
    assert_eq!(execution.events(), 1 + 5 + 3 + 2 + 2);
}

#[test]
fn a_loop_without_effects_ends() {
    let Next::Failed(error) = run(&json!({"A": {"Type": "Pass", "Next": "A"}}), json!(0)) else { panic!("it fails") };
    assert_eq!(error.error, "States.Runtime");
}

#[test]
fn substitutions_fill_the_definition_before_it_is_read() {
    let text = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "TimeoutSeconds": ${Limit}, "States": {"A": {"Type": "Succeed", "Output": "{% '${Name}' %}"}}}"#;
    assert_eq!(Machine::placeholders(text).into_iter().collect::<Vec<_>>(), ["Limit", "Name"]);
    let machine = Machine::load(text, &[("Limit", "60"), ("Name", "orders")]).unwrap();
    assert_eq!(machine.timeout_seconds(), Some(60));
    assert_eq!(start(&machine, json!(0)).next(NOW), succeeded(json!("orders")));
    let error = Machine::load(text, &[("Limit", "60")]).unwrap_err();
    assert!(matches!(error, LoadError::Unsubstituted(name) if name == "Name"));
}

#[test]
fn what_the_simulation_does_not_run_is_refused_by_name() {
    refused(&json!({"A": {"Type": "Map", "End": true}}), "`Map`");
    refused(&json!({"A": {"Type": "Pass", "ResultPath": "$", "End": true}}), "`ResultPath`");
    refused(&json!({"A": task(json!({"HeartbeatSeconds": 5}))}), "`HeartbeatSeconds`");
    refused(&json!({"A": task(json!({"Retry": [{"ErrorEquals": ["E"], "Jitter": "FULL"}]}))}), "`Jitter`");
    refused(&json!({"A": {"Type": "Pass", "Output": "{% $sum([1]) %}", "End": true}}), "the function `$sum`");
    refused(&json!({"A": {"Type": "Pass", "Output": "is {% 1 %}", "End": true}}), "must begin with `{%`");
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    assert!(matches!(Machine::load(text, &[]), Err(LoadError::NotJsonata)));
}

#[test]
fn a_definition_that_would_fail_only_later_is_refused() {
    refused(&json!({"A": {"Type": "Pass", "Next": "Nowhere"}}), "no state Nowhere");
    refused(&json!({"A": task(json!({"Next": "Nowhere"}))}), "no state Nowhere");
    refused(&json!({"A": task(json!({"Catch": [{"ErrorEquals": ["E"], "Next": "Nowhere"}]}))}), "no state Nowhere");
    refused(
        &json!({"A": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Nowhere"}]}}),
        "no state Nowhere",
    );
    refused(&json!({"B": {"Type": "Succeed"}}), "StartAt names no state");
    refused(&json!({"A": {"Type": "Succeed", "Output": "{% $typo %}"}}), "no state assigns $typo");
    refused(&json!({"A": task(json!({"Arguments": {"deep": ["{% $typo %}"]}}))}), "no state assigns $typo");
    refused(&json!({"A": {"Type": "Pass"}}), "either Next or End");
    refused(&json!({"A": {"Type": "Pass", "Next": "A", "End": true}}), "either Next or End");
    refused(&json!({"A": {"Type": "Wait", "End": true}}), "either Seconds or Timestamp");
    refused(&json!({"A": {"Type": "Choice", "Choices": []}}), "Choices is empty");
    refused(&json!({"A": {"Type": "Pass", "Assign": {"states": 1}, "End": true}}), "$states is reserved");
    refused(&json!({"A": task(json!({"Retry": [{"ErrorEquals": ["Lambda.*"]}]}))}), "`Lambda.*`");
    refused(&json!({"A": task(json!({"Retry": [{"ErrorEquals": []}]}))}), "ErrorEquals is empty");
    refused(&json!({"A": task(json!({"Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]}))}), "at least 1");
    let early = json!([{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]);
    refused(&json!({"A": task(json!({"Retry": early}))}), "alone and last");
}
