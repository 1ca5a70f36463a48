"""The way back of a failed attempt, for executions that the platform's own rule does not watch."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from support.executions import Execution, Machine
from support.platform import Platform


class Deaths:
    """The status events of a test's own state machine, in a queue of the test's own."""

    def __init__(self, platform: Platform, queue: str) -> None:
        self._platform = platform
        self._queue = queue

    def of(self, execution: Execution) -> str:
        """Wait for the event of its end: the text that `intent-recovery` would be handed."""
        while True:
            text = self._platform.received(self._queue)
            if json.loads(text)["detail"]["executionArn"] == execution.arn:
                return text

    def report(self, execution: Execution) -> str:
        """Wait for the event and hand it to `intent-recovery`."""
        event = self.of(execution)
        self._platform.send(event, "recovery")
        return event


@contextmanager
def deaths(platform: Platform, machine: Machine) -> Iterator[Deaths]:
    """Hear of the executions of `machine` that end badly, by the pattern of the platform's own rule."""
    events, rule = platform.aws("events"), f"test-{uuid.uuid4().hex[:8]}"
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine.arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    with platform.queue() as (url, arn):
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, Targets=[{"Id": "test", "Arn": arn}])
        try:
            yield Deaths(platform, url)
        finally:
            events.remove_targets(Rule=rule, Ids=["test"])
            events.delete_rule(Name=rule)
