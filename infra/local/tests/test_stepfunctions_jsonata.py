"""JSONata states: variables, conditions, branches, waits, run-time errors."""

import json
import time

import pytest
from conftest import Cloud


def _output(cloud: Cloud, states: dict, given: object = None) -> object:
    """What the machine that starts with the first of these states puts out."""
    execution = cloud.run({"StartAt": next(iter(states)), "States": states}, given)
    assert execution["status"] == "SUCCEEDED", (execution.get("error"), execution.get("cause"))
    return json.loads(execution["output"])


def _assign(*more: tuple[str, dict]) -> dict:
    return {
        "One": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Two"},
        "Two": {"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Next": "Done"},
        "Done": {"Type": "Succeed", "Output": {"a": "{% $a %}", "b": "{% $b %}"}},
        **dict(more),
    }


def test_variables_are_assigned_all_at_once(cloud: Cloud) -> None:
    assert _output(cloud, _assign()) == {"a": 2, "b": 1}


def test_upstream_still_assigns_them_one_after_the_other(stock: Cloud) -> None:
    states = _assign(("Done", {"Type": "Pass", "Output": {"a": "{% $a %}", "b": "{% $b %}"}, "End": True}))
    assert _output(stock, states) == {"a": 2, "b": 2}


def test_upstream_still_ignores_the_output_of_succeed(stock: Cloud) -> None:
    assert _output(stock, {"Done": {"Type": "Succeed", "Output": "changed"}}, {"given": 1}) == {"given": 1}


def _choice(default_output: object) -> dict:
    return {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $states.input.n > 10 %}",
                    "Output": "large",
                    "Assign": {"why": "more than ten"},
                    "Next": "Done",
                }
            ],
            "Default": "Done",
            "Output": default_output,
            "Assign": {"why": "default"},
        },
        "Done": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $why %}"]},
    }


@pytest.mark.parametrize(("n", "expected"), [(11, ["large", "more than ten"]), (1, ["small", "default"])])
def test_a_choice_has_outputs_and_variables(cloud: Cloud, n: int, expected: list) -> None:
    assert _output(cloud, _choice("small"), {"n": n}) == expected


def test_a_condition_must_be_a_boolean(cloud: Cloud) -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% 'yes' %}", "Next": "Done"}], "Default": "Done"}
    execution = cloud.run({"StartAt": "Choose", "States": {"Choose": choice, "Done": {"Type": "Succeed"}}})
    assert execution["error"] == "States.QueryEvaluationError"


def test_no_choice_matched_is_an_error(cloud: Cloud) -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Done"}]}
    execution = cloud.run({"StartAt": "Choose", "States": {"Choose": choice, "Done": {"Type": "Succeed"}}})
    assert execution["error"] == "States.NoChoiceMatched"


@pytest.mark.parametrize("expression", ["{% $states.input.missing %}", "{% 1 + 'a' %}", "{% $unknown() %}"])
def test_a_run_time_error_ends_the_execution(cloud: Cloud, expression: str) -> None:
    execution = cloud.run({"StartAt": "Bad", "States": {"Bad": {"Type": "Pass", "Output": expression, "End": True}}})
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_run_time_error_of_a_task_can_be_caught(cloud: Cloud) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": cloud.function("answer = {}"), "Payload": {}},
        "Output": "{% $states.result.Payload.missing %}",
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Succeed", "Output": "{% $states.input.Error %}"}
    assert _output(cloud, {"Task": task, "Caught": caught}) == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    "until",
    [{"Seconds": "{% $states.input.seconds %}"}, {"Timestamp": "{% $fromMillis($states.input.at) %}"}],
)
def test_a_wait_is_computed(cloud: Cloud, until: dict) -> None:
    machine = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", **until, "End": True}}}
    execution = cloud.run(machine, {"seconds": 1, "at": int(time.time() * 1000) + 2500})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    took = (execution["stopDate"] - execution["startDate"]).total_seconds()
    assert 0.8 < took < 15


def _waits_for_the_milliseconds(cloud: Cloud) -> bool:
    """Whether a Wait until 999 ms past this second lasts that long; near the second's end it would not tell."""
    wait = {"Type": "Wait", "Timestamp": "{% $fromMillis($floor($millis() / 1000) * 1000 + 999) %}", "End": True}
    while True:
        execution = cloud.run({"StartAt": "Wait", "States": {"Wait": wait}})
        if execution["startDate"].microsecond < 400_000:
            return (execution["stopDate"] - execution["startDate"]).total_seconds() > 0.5


def test_the_timestamp_of_a_wait_is_cut_to_seconds(cloud: Cloud) -> None:
    assert not _waits_for_the_milliseconds(cloud)


def test_upstream_still_waits_for_the_milliseconds(stock: Cloud) -> None:
    assert _waits_for_the_milliseconds(stock)


def test_numbers_and_times_are_what_tables_want(cloud: Cloud) -> None:
    before = int(time.time() * 1000)
    values = {
        "now": "{% $millis() %}",
        "text": "{% $string($millis()) %}",
        "later": "{% $string($millis() + 90 * 1000) %}",
        "product": "{% 5 * 2 %}",
        "parsed": "{% $parse('{\"a\": null}') %}",
        "none": "{% null %}",
    }
    output = _output(cloud, {"Done": {"Type": "Succeed", "Output": values}})
    assert before <= output["now"] <= int(time.time() * 1000)
    assert isinstance(output["now"], int)
    assert output["text"].isdigit()
    assert output["later"].isdigit()
    assert json.dumps(output["product"]) == "10"
    assert output["parsed"] == {"a": None}
    assert output["none"] is None


def test_branches_get_arguments_and_keep_their_variables(cloud: Cloud) -> None:
    def branch(value: int) -> dict:
        set_own = {"Type": "Pass", "Assign": {"own": value}, "Next": "Out"}
        out = {"Type": "Succeed", "Output": "{% $states.input.base + $own + $outer %}"}
        return {"StartAt": "Set", "States": {"Set": set_own, "Out": out}}

    states = {
        "Outer": {"Type": "Pass", "Assign": {"outer": 1000, "own": 0}, "Next": "Fork"},
        "Fork": {
            "Type": "Parallel",
            "Arguments": {"base": "{% $states.input.n * 100 %}"},
            "Branches": [branch(1), branch(2)],
            "Output": {"sums": "{% $states.result %}"},
            "Assign": {"first": "{% $states.result[0] %}"},
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Output": ["{% $states.input.sums %}", "{% $first %}", "{% $own %}"]},
    }
    assert _output(cloud, states, {"n": 3}) == [[1301, 1302], 1301, 0]


def test_a_failed_branch_can_be_caught(cloud: Cloud) -> None:
    states = {
        "Fork": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Terminal", "Cause": "never"}}}],
            "Catch": [{"ErrorEquals": ["Terminal"], "Output": "{% $states.errorOutput.Cause %}", "Next": "Done"}],
            "End": True,
        },
        "Done": {"Type": "Succeed"},
    }
    assert _output(cloud, states) == "never"


def test_a_map_runs_its_items(cloud: Cloud) -> None:
    item = {"Type": "Succeed", "Output": "{% $states.input.value * 2 %}"}
    states = {
        "Map": {
            "Type": "Map",
            "Items": "{% $states.input.list %}",
            "ItemSelector": {"value": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": {"StartAt": "Double", "States": {"Double": item}},
            "End": True,
        }
    }
    assert _output(cloud, states, {"list": [1, 2, 3]}) == [2, 4, 6]
