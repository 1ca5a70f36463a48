"""A gate that changes its state tells the bus and the operators so, once, by no other write than the change itself."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from machine import client as http
from machine import settings
from support.platform import Platform
from support.waiting import until

WHY = 'the provider said "no\\way",\nand <twice>'


@contextmanager
def _on_the_bus(platform: Platform, gate: str) -> Iterator[str]:
    """A queue that hears all of the gate's events while the body runs: its URL."""
    events, bus, rule = platform.aws("events"), platform.stack["bus"], f"test-{uuid.uuid4().hex[:8]}"
    with platform.queue() as (url, arn):
        pattern = json.dumps({"source": ["new-science.resilience"], "detail": {"data": {"gate": [gate]}}})
        events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "test", "Arn": arn}])
        try:
            yield url
        finally:
            events.remove_targets(Rule=rule, EventBusName=bus, Ids=["test"])
            events.delete_rule(Name=rule, EventBusName=bus)


def _heard(platform: Platform, url: str, about: str, generation: Callable[[dict], int], last: int) -> list[dict]:
    """What a queue hears about a gate until each generation to the last has come, in that order; queues keep none."""
    heard: list[dict] = []
    while not set(range(1, last + 1)) <= {generation(message) for message in heard}:
        text = platform.received(url)
        if about in text:
            heard.append(json.loads(text))
    return sorted(heard, key=generation)


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
    with _on_the_bus(platform, gate) as bus, platform.listening(platform.stack["topics"]["operators"]) as operators:
        platform.put("gates", **_item(gate, 0, "closed"))
        platform.put("gates", **opened)
        platform.put("gates", **_item(gate, 1, "open", tat=1))
        platform.put("gates", **_item(gate, 1, "open", tat=2))
        platform.put("gates", **_item(gate, 2, "half_open", changed="CircuitHalfOpened"))
        platform.put("gates", **_item(gate, 3, "closed", changed="CircuitClosed"))
        platform.put("gates", **_item(gate, 3, "closed", tat=3))
        # One gate's records keep their order: once this change is told, whatever was to be told before it has been.
        platform.put("gates", **_item(gate, 4, "forced_open", changed="CircuitOpened"))
        told = _heard(platform, bus, gate, lambda event: event["detail"]["data"]["generation"], last=4)
        notices = _heard(platform, operators, f"circuit of {gate} ", lambda notice: notice["generation"], last=4)
    assert [event["detail"]["eventId"] for event in told] == [f"{gate}:{generation}" for generation in (1, 2, 3, 4)]
    changes = ["CircuitOpened", "CircuitHalfOpened", "CircuitClosed", "CircuitOpened"]
    assert [event["detail-type"] for event in told] == changes
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
    states = ["open", "half_open", "closed", "forced_open"]
    assert notices == [
        {
            "notice": f"{name}: the circuit of {gate} is {state} now, at generation {generation}.",
            "gate": gate,
            "state": state,
            "generation": generation,
        }
        for generation, (name, state) in enumerate(zip(changes, states, strict=True), start=1)
    ], "and nothing about people, as nothing there is encrypted"


def test_an_item_that_begins_with_a_change_is_told_too(platform: Platform, gate: str) -> None:
    with _on_the_bus(platform, gate) as bus:
        platform.put("gates", **_item(gate, 1, "forced_open", by="a person", changed="CircuitOpened"))
        event = json.loads(platform.received(bus))
    assert (event["detail-type"], event["detail"]["data"]["state"]) == ("CircuitOpened", "forced_open")


@pytest.fixture
def payment(platform: Platform) -> Iterator[str]:
    """The payment provider's gate, closed before and after, and its alarm, quiet: the alarm's name."""
    alarm = f"{settings.name('gate-payment')}-open"
    platform.forget_gates()
    until(lambda: _state(platform, alarm) != "ALARM", seconds=180, what=f"{alarm} is quiet")
    yield alarm
    _order(platform, "force-close")
    platform.forget_gates()


def _state(platform: Platform, alarm: str) -> str:
    described = platform.aws("cloudwatch").describe_alarms(AlarmNames=[alarm])
    return described["MetricAlarms"][0]["StateValue"]


def _order(platform: Platform, action: str) -> None:
    answer = platform.operate("POST", "/ops/breakers/payment", {"action": action, "why": "a test says so"})
    http.expect(answer, 200, f"POST /ops/breakers/payment {action}")


def test_an_open_circuit_rings_without_the_bus(platform: Platform, payment: str) -> None:
    with platform.listening(platform.stack["topics"]["operators"]) as operators:
        _order(platform, "force-open")
        while payment not in (notice := platform.received(operators, seconds=180)):
            continue
    assert (json.loads(notice)["AlarmName"], json.loads(notice)["NewStateValue"]) == (payment, "ALARM")
