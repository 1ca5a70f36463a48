"""Executions of state machines: how they are started, how they end, what they did; and machines of a test's own."""

import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from support.waiting import until


@dataclass(frozen=True)
class Execution:
    """One execution, asked anew each time."""

    client: Any
    arn: str

    @property
    def name(self) -> str:
        """What it was named by its starter."""
        return self.arn.rpartition(":")[2]

    def describe(self) -> dict[str, Any]:
        """What Step Functions says of it now."""
        return self.client.describe_execution(executionArn=self.arn)

    @property
    def status(self) -> str:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
        return self.describe()["status"]

    def ended(self, seconds: float = 60.0) -> "Execution":
        """Wait for its end."""
        until(lambda: self.status != "RUNNING", seconds, f"the end of {self.arn}")
        return self

    @property
    def output(self) -> dict[str, Any]:
        """The output of an execution that succeeded."""
        described = self.describe()
        assert described["status"] == "SUCCEEDED", f"{described['status']}: {described.get('error')} {self.failure}"
        return json.loads(described["output"])

    @property
    def failure(self) -> dict[str, Any]:
        """Error and cause of an execution that failed; a cause in JSON is read."""
        described = self.describe()
        cause = described.get("cause", "")
        with contextlib.suppress(ValueError):
            cause = json.loads(cause)
        return {"error": described.get("error"), "cause": cause}

    def history(self) -> list[dict[str, Any]]:
        """Every event, the oldest first."""
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"]]

    def states(self) -> list[str]:
        """The states that it entered, in order."""
        entered = (event.get("stateEnteredEventDetails") for event in self.history())
        return [details["name"] for details in entered if details]

    def errors(self) -> list[str]:
        """The errors of its tasks that failed so far, retried ones too."""
        failed = (event.get("taskFailedEventDetails") for event in self.history())
        return [details["error"] for details in failed if details]

    def outputs_of(self, state: str) -> list[Any]:
        """What a state put out, once for each time that it was left."""
        left = (event.get("stateExitedEventDetails") for event in self.history())
        return [json.loads(details["output"]) for details in left if details and details["name"] == state]

    @cached_property
    def transitions(self) -> int:
        """What a Standard workflow is billed for: the start, and every state that it entered."""
        return 1 + len(self.states())

    def in_state(self, state: str, times: int = 1) -> "Execution":
        """Wait until it has entered `state` for the n-th time and is still in it."""
        until(
            lambda: self.states().count(state) >= times and self.states()[-1] == state,
            what=f"{self.name} in {state}, {times} times",
        )
        return self

    def stop(self) -> "Execution":
        """Abort it, as a person or a deployment may."""
        self.client.stop_execution(executionArn=self.arn, error="Stopped", cause="a test stopped it")
        return self


@dataclass(frozen=True)
class Machine:
    """A state machine."""

    client: Any
    arn: str

    def start(self, given: str, name: str | None = None) -> Execution:
        """Start an execution with `given`, a JSON text."""
        started = self.client.start_execution(stateMachineArn=self.arn, name=name or str(uuid.uuid4()), input=given)
        return Execution(self.client, started["executionArn"])

    def run(self, given: str, seconds: float = 60.0) -> Execution:
        """Start an execution and wait for its end."""
        return self.start(given).ended(seconds)

    def executions(self) -> list[dict[str, Any]]:
        """All its executions, as the list shows them."""
        pages = self.client.get_paginator("list_executions").paginate(stateMachineArn=self.arn)
        return [execution for page in pages for execution in page["executions"]]

    def definition(self) -> dict[str, Any]:
        """The deployed definition, its substitutions made."""
        return json.loads(self.client.describe_state_machine(stateMachineArn=self.arn)["definition"])

    def changed(self, change: Callable[[dict[str, Any]], None]) -> "Machine":
        """A copy with another name, its definition changed in one point. It lasts as long as the local cloud does."""
        definition = self.definition()
        change(definition)
        described = self.client.describe_state_machine(stateMachineArn=self.arn)
        copy = self.client.create_state_machine(
            name=f"{described['name']}-{uuid.uuid4().hex[:8]}",
            roleArn=described["roleArn"],
            definition=json.dumps(definition),
        )
        return Machine(self.client, copy["stateMachineArn"])


def hold_before(state: str, seconds: int = 600) -> Callable[[dict[str, Any]], None]:
    """A change: an execution waits in `Hold` where it would have entered `state`."""

    def change(definition: dict[str, Any]) -> None:
        text = json.dumps(definition)
        redirected = json.loads(text.replace(f'"Next": "{state}"', '"Next": "Hold"'))
        definition.clear()
        definition.update(redirected)
        if definition["StartAt"] == state:
            definition["StartAt"] = "Hold"
        definition["States"]["Hold"] = {"Type": "Wait", "Seconds": seconds, "Next": state}

    return change


def twice(state: str) -> Callable[[dict[str, Any]], None]:
    """A change: `state` is entered a second time with the same input, as if its first answer had been lost."""

    def change(definition: dict[str, Any]) -> None:
        first = definition["States"][state]
        second = json.loads(json.dumps(first))
        first["Output"] = "{% $states.input %}"
        first["Next"] = f"{state}Again"
        first.pop("End", None)
        definition["States"][f"{state}Again"] = second

    return change


def answering(state: str, answer: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """A change: `state` does its work, and then says something else."""

    def change(definition: dict[str, Any]) -> None:
        definition["States"][state]["Output"] = answer

    return change


def calling(state: str, **arguments: Any) -> Callable[[dict[str, Any]], None]:
    """A change: other arguments for the task `state`, and no retries, as they would only take time."""

    def change(definition: dict[str, Any]) -> None:
        task = definition["States"][state]
        task["Arguments"] |= arguments
        task.pop("Retry", None)

    return change
