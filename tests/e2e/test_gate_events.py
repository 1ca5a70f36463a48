"""A gate that changes its state tells the bus and the operators so, once, by no other write than the change itself."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.platform import Platform

WHY = 'the provider said "no\\way",\nand <twice>'


@contextmanager
def _on_the_bus(platform: Platform) -> Iterator[str]:
    """A queue that hears all of the gates' events while the body runs: its URL."""
    events, bus, rule = platform.aws("events"), platform.stack["bus"], f"test-{uuid.uuid4().hex[:8]}"
    with platform.queue() as (url, arn):
        pattern = json.dumps({"source": ["new-science.resilience"]})
        events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "test", "Arn": arn}])
        try:
            yield url
        finally:
            events.remove_targets(Rule=rule, EventBusName=bus, Ids=["test"])
            events.delete_rule(Name=rule, EventBusName=bus)


@pytest.fixture
def gate() -> str:
    """A gate of the test's own."""
    return f"GATE#test-{uuid.uuid4().hex[:8]}#0"


def _item(gate: str, generation: int, state: str, **more: Any) -> dict[str, Any]:
    since = int(time.time() * 1000)
    fields = {"pk": gate, "state": state, "gen": generation, "until": since + 30_000, "since": since}
    return fields | {"by": "gate", "why": WHY, "tat": since} | more


def test_a_change_of_state_is_told_once_and_a_call_is_not(platform: Platform, gate: str) -> None:
    opened = _item(gate, 1, "open", changed="CircuitOpened")
    with _on_the_bus(platform) as bus, platform.listening(platform.stack["topics"]["operators"]) as operators:
        platform.put("gates", **_item(gate, 0, "closed"))
        platform.put("gates", **opened)
        platform.put("gates", **_item(gate, 1, "open", tat=1))
        platform.put("gates", **_item(gate, 1, "open", tat=2))
        platform.put("gates", **_item(gate, 2, "half_open", changed="CircuitHalfOpened"))
        platform.put("gates", **_item(gate, 3, "closed", changed="CircuitClosed"))
        told = [json.loads(platform.received(bus)) for _ in range(3)]
        notices = [json.loads(platform.received(operators)) for _ in range(3)]
        assert platform.is_empty(bus), "each change is told once"
        assert platform.is_empty(operators), "each change is told once"
    # Queues keep no order.
    told.sort(key=lambda event: event["detail"]["data"]["generation"])
    assert [event["detail-type"] for event in told] == ["CircuitOpened", "CircuitHalfOpened", "CircuitClosed"]
    assert {event["source"] for event in told} == {"new-science.resilience"}
    assert told[0]["detail"] == {
        "eventId": f"{gate}:1",
        "occurredAt": opened["since"],
        "correlationId": gate,
        "version": 1,
        "data": {
            "gate": gate,
            "state": "open",
            "generation": 1,
            "until": opened["until"],
            "by": "gate",
            "why": WHY,
        },
    }
    notices.sort(key=lambda notice: notice["data"]["generation"])
    assert [notice["notice"] for notice in notices] == [
        f"CircuitOpened: the circuit of {gate} is open now, at generation 1.",
        f"CircuitHalfOpened: the circuit of {gate} is half_open now, at generation 2.",
        f"CircuitClosed: the circuit of {gate} is closed now, at generation 3.",
    ]
    assert notices[0]["data"] == told[0]["detail"]["data"]


def test_an_item_that_begins_with_a_change_is_told_too(platform: Platform, gate: str) -> None:
    with _on_the_bus(platform) as bus:
        platform.put("gates", **_item(gate, 1, "forced_open", by="a person", changed="CircuitOpened"))
        event = json.loads(platform.received(bus))
    assert (event["detail-type"], event["detail"]["data"]["state"]) == ("CircuitOpened", "forced_open")
