"""Each rule on state machines finds its bad example; ours have none."""

import copy
import json

import pytest

from policies import asl_rules, jsonata, loading

RETRY = {"ErrorEquals": ["Retryable"], "MaxAttempts": 3, "MaxDelaySeconds": 8, "JitterStrategy": "FULL"}
GOOD = {
    "QueryLanguage": "JSONata",
    "TimeoutSeconds": 60,
    "StartAt": "Work",
    "States": {
        "Work": {
            "Comment": "No compensation: it changes nothing.",
            "Type": "Task",
            "TimeoutSeconds": 5,
            "Arguments": {"n": "{% $states.input[0].n + 1 %}"},
            "Retry": [RETRY],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            "End": True,
        },
        "Failed": {"Comment": "It could not be done.", "Type": "Fail"},
    },
}


def rules(definition):
    return {finding.rule for finding in asl_rules.check(definition)}


def without(*path):
    definition = copy.deepcopy(GOOD)
    node = definition
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return definition


def changed(**task):
    definition = copy.deepcopy(GOOD)
    definition["States"]["Work"].update(task)
    return definition


BAD = [
    ("asl-jsonata", without("QueryLanguage")),
    ("asl-timeout", without("TimeoutSeconds")),
    ("asl-timeout", without("States", "Work", "TimeoutSeconds")),
    ("asl-comment", without("States", "Failed", "Comment")),
    ("asl-compensation", changed(Comment="Charges.")),
    ("asl-retry", without("States", "Work", "Retry")),
    ("asl-retry", changed(Retry=[{"ErrorEquals": ["Retryable"]}])),
    ("asl-retry", changed(Retry=[RETRY | {"MaxAttempts": 99999}])),
    ("asl-retry", changed(Retry=[RETRY | {"MaxAttempts": 31}])),
    ("asl-retry", changed(Retry=[RETRY | {"ErrorEquals": ["RateLimited"], "MaxAttempts": 5001}])),
    ("asl-retry", changed(Retry=[RETRY | {"ErrorEquals": ["RateLimited", "Retryable"], "MaxAttempts": 31}])),
    ("asl-retry", changed(Resource=asl_rules.HTTP_TASK)),
    ("asl-retry", changed(Retry=[RETRY | {"JitterStrategy": "NONE"}])),
    ("asl-retry", changed(Retry=[{key: RETRY[key] for key in RETRY if key != "MaxDelaySeconds"}])),
    ("asl-retry", changed(Retry=[{"ErrorEquals": ["Terminal"], "MaxAttempts": 0}])),
    ("asl-catch", without("States", "Work", "Catch")),
    ("asl-catch", changed(Catch=[{"ErrorEquals": ["Retryable"], "Next": "Failed"}])),
    ("asl-error-name", changed(Retry=[RETRY | {"ErrorEquals": ["States.Http.StatusCode.5*"]}])),
    ("asl-subset", changed(Arguments={"n": "{% $sum($states.input.n) %}"})),
]


@pytest.mark.parametrize(("rule", "definition"), BAD)
def test_a_bad_state_machine_is_found(rule, definition):
    assert rule in rules(definition)


def test_a_good_state_machine_passes():
    assert rules(GOOD) == set()


def test_a_full_bucket_may_be_waited_for():
    assert rules(changed(Retry=[RETRY, RETRY | {"ErrorEquals": ["RateLimited"], "MaxAttempts": 5000}])) == set()


def test_a_call_to_a_third_party_needs_no_retry():
    definition = changed(Resource=asl_rules.HTTP_TASK)
    del definition["States"]["Work"]["Retry"]
    assert rules(definition) == set()


@pytest.mark.parametrize("path", loading.STATE_MACHINES, ids=lambda path: path.name)
def test_our_state_machines_pass(path):
    assert asl_rules.check(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "expression",
    [
        "$map(x, function($v) { $v })",
        "$x := 1",
        "a.b[c = 1]",
        "a ~> $string",
        "a^(b)",
        "**.b",
        "a.*",
        "a.%.b",
        "a.(b; c)",
        "`odd name`",
        "$eval('1')",
        "[1..3]",
    ],
)
def test_what_the_interpreter_does_not_know_is_refused(expression):
    assert list(jsonata.violations(expression))


@pytest.mark.parametrize(
    "expression",
    [
        "$exists($states.input[0].body) ? $string($states.input[0].body) : 'no message'",
        "$a * 2 % 3 - 1 >= 4 and $b in ['x', 'y'] or $not($c != \"z\")",
        "{'state': 'open', 'n': $gen + 1, 'list': [1, 2]}",
        "'a' & $fromMillis($millis()) & $type($n)",
        "$millis() - $toMillis($states.context.State.EnteredTime) + $floor($random() * 3)",
        "$contains($states.errorOutput.Error, 'Http')",
    ],
)
def test_what_the_interpreter_knows_passes(expression):
    assert list(jsonata.violations(expression)) == []
