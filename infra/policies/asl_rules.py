"""Rules on a state machine. A rule takes the definition and yields findings; `RULES` lists them all."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from policies import jsonata
from policies.findings import Finding

Definition = dict[str, Any]
Rule = Callable[[Definition], Iterator[Finding]]

ERROR_NAME = re.compile(r"^[A-Za-z]\w*(\.\w+)*$")
MOST_ATTEMPTS = 30
MOST_WAITS_FOR_A_BUCKET = 5000
"""A full bucket is waited for: at half a minute each, the workflow's own time-out comes first."""
HTTP_TASK = "arn:aws:states:::http:invoke"


def tasks(definition: Definition) -> Iterator[tuple[str, dict[str, Any]]]:
    """The states that call something."""
    return ((name, state) for name, state in definition["States"].items() if state["Type"] == "Task")


def expressions(node: Any) -> Iterator[str]:
    """Every JSONata expression in a state."""
    if isinstance(node, dict):
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)
    elif isinstance(node, str) and node.startswith("{%"):
        yield node.removeprefix("{%").removesuffix("%}")


def workflow_ends(definition: Definition) -> Iterator[Finding]:
    """JSONata throughout, and a bound on the whole."""
    if definition.get("QueryLanguage") != "JSONata":
        yield Finding("(workflow)", "asl-jsonata", "QueryLanguage is not JSONata")
    if not isinstance(definition.get("TimeoutSeconds"), int):
        yield Finding("(workflow)", "asl-timeout", "the workflow has no TimeoutSeconds")


def states_say_why(definition: Definition) -> Iterator[Finding]:
    """Each state is commented, and a step without compensation says why."""
    for name, state in definition["States"].items():
        comment = state.get("Comment", "")
        if not comment:
            yield Finding(name, "asl-comment", "no Comment")
        elif state["Type"] == "Task" and not re.search(r"compensation|Reads only|lease ends", comment, re.IGNORECASE):
            yield Finding(name, "asl-compensation", "does not say what undoes it, or why nothing does")


def tasks_end(definition: Definition) -> Iterator[Finding]:
    """Each attempt is bounded in time."""
    for name, task in tasks(definition):
        if not isinstance(task.get("TimeoutSeconds"), int):
            yield Finding(name, "asl-timeout", "no TimeoutSeconds")


def retries_are_bounded(definition: Definition) -> Iterator[Finding]:
    """Each task retries, a known number of times, with jitter and a longest delay. A call to a third party never does:
    the second call would have no reservation."""
    for name, task in tasks(definition):
        if task.get("Resource") == HTTP_TASK:
            if task.get("Retry"):
                yield Finding(name, "asl-retry", "a Retry of an HTTP task calls a third party without a reservation")
            continue
        if not any(retrier.get("MaxAttempts", 3) for retrier in task.get("Retry", [])):
            yield Finding(name, "asl-retry", "no Retry")
        for retrier in task.get("Retry", []):
            attempts = retrier.get("MaxAttempts")
            most = MOST_WAITS_FOR_A_BUCKET if retrier["ErrorEquals"] == ["RateLimited"] else MOST_ATTEMPTS
            if not isinstance(attempts, int) or attempts > most:
                yield Finding(name, "asl-retry", f"MaxAttempts is not a number up to {most}")
            elif attempts and ("MaxDelaySeconds" not in retrier or retrier.get("JitterStrategy") != "FULL"):
                yield Finding(name, "asl-retry", "a Retry without MaxDelaySeconds or full jitter")


def failures_are_caught(definition: Definition) -> Iterator[Finding]:
    """Each task's failures lead somewhere, the last catcher takes what is left, and error names are exact."""
    for name, task in tasks(definition):
        catchers = task.get("Catch", [])
        if not catchers or catchers[-1]["ErrorEquals"] != ["States.ALL"]:
            yield Finding(name, "asl-catch", "the last catcher is not States.ALL")
        for error in (error for one in catchers + task.get("Retry", []) for error in one["ErrorEquals"]):
            if not ERROR_NAME.match(error):
                yield Finding(name, "asl-error-name", f"`{error}` is no exact error name; there are no wildcards")


def expressions_keep_to_the_subset(definition: Definition) -> Iterator[Finding]:
    """See `jsonata`."""
    for name, state in definition["States"].items():
        for expression in expressions(state):
            for violation in jsonata.violations(expression):
                yield Finding(name, "asl-subset", f"{violation} in `{expression.strip()}`")


RULES: list[Rule] = [
    workflow_ends,
    states_say_why,
    tasks_end,
    retries_are_bounded,
    failures_are_caught,
    expressions_keep_to_the_subset,
]


def check(definition: Definition) -> list[Finding]:
    """Everything that the rules find in a state machine."""
    return sorted(finding for rule in RULES for finding in rule(definition))
