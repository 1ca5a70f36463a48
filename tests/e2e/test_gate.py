"""The gates of third parties on the deployed platform: functions reserve and report, people look and switch."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from machine import client as http
from machine import settings
from support.gates import Gate
from support.platform import Platform, invoke
from support.waiting import until

RATE, BURST, ALL_TOKENS = 10, 10, 8
"""Of the fraud provider's gate on this machine, see infra/local/machine/deploy.py; a fifth of the burst is overlap."""
MINIMUM_CALLS = 10
"""Fewer are not judged, by default."""


class Fraud(Gate):
    """The fraud provider's gate, as state machines and operators use it."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "fraud")

    def ask(self, **more: Any) -> dict[str, Any]:
        """Ask for a call of some tokens, or, after the wait, once more."""
        function = self.platform.stack["functions"]["reserve-call"]
        return invoke(self.platform.aws("lambda"), function, {"dependency": "fraud"} | more)

    def report(self, permit: dict[str, Any], outcome: str) -> None:
        """Say how the call ended."""
        function = self.platform.stack["functions"]["report-call"]
        said = invoke(self.platform.aws("lambda"), function, {"permit": permit, "outcome": outcome})
        assert said == {"reported": True}

    def shown(self) -> dict[str, Any]:
        """What operators see."""
        answer = self.platform.operate("GET", "/ops/breakers/fraud")
        return http.expect(answer, 200, "GET /ops/breakers/fraud")

    def order(self, action: str) -> dict[str, Any]:
        """What operators do."""
        answer = self.platform.operate("POST", "/ops/breakers/fraud", {"action": action, "why": "a test says so"})
        return http.expect(answer, 200, f"POST /ops/breakers/fraud {action}")


@pytest.fixture
def gate(platform: Platform) -> Iterator[Fraud]:
    """A gate that nobody has called; a working one afterwards."""
    gate = Fraud(platform)
    gate.renew()
    platform.forget_gates()
    yield gate
    gate.renew()


def test_callers_who_race_get_no_more_slots_than_burst_and_rate(gate: Fraud) -> None:
    callers, tokens = 100, 5
    with ThreadPoolExecutor(16) as pool:
        reserved = list(pool.map(lambda _: gate.ask(tokens=tokens), range(callers)))
    assert {answer["decision"] for answer in reserved} == {"call", "wait"}, "whoever can wait is not refused"
    assert len({answer["permit"]["id"] for answer in reserved}) == callers
    slots = sorted(answer["permit"]["callAt"] for answer in reserved)
    # A slot in the future is moved to the next whole second, so it may be up to a second nearer to those after it.
    for first, begin in enumerate(slots):
        for last in range(first, callers):
            seconds, taken = (slots[last] - begin) / 1000, tokens * (last - first + 1)
            assert taken <= BURST + RATE * (seconds + 1.05), f"{taken} tokens in {seconds} s"
    assert gate.item()["seq"] == callers, "each call has its own number"


def test_a_slot_is_rechecked_and_void_once_the_circuit_has_changed(gate: Fraud) -> None:
    waiting = until(lambda: _waiting(gate), what="a slot in the future")
    permit = waiting["permit"]
    assert waiting["callAt"].endswith("Z")
    assert permit["callAt"] % 1000 == 0
    rechecked = until(lambda: _decided(gate, permit), what="the slot", every=0.02)
    assert rechecked["permit"] == permit
    gate.order("force-close")
    assert gate.ask(recheck=permit) == {"decision": "again"}, "it is of an older generation"


def _waiting(gate: Fraud) -> dict[str, Any] | None:
    answer = gate.ask(tokens=ALL_TOKENS)
    return answer if answer["decision"] == "wait" else None


def _decided(gate: Fraud, permit: dict[str, Any]) -> dict[str, Any] | None:
    answer = gate.ask(recheck=permit)
    return answer if answer["decision"] == "call" else None


def test_a_circuit_opens_at_the_threshold_refuses_and_is_tried_and_closes(gate: Fraud) -> None:
    permits = [gate.reserve()["permit"] for _ in range(MINIMUM_CALLS)]
    for permit in permits[:4]:
        gate.report(permit, "failure")
    assert gate.item()["state"] == "closed", "four of ten failures are fewer than the least that opens"
    gate.report(permits[4], "failure")
    opened = gate.item()
    assert (opened["state"], opened["by"], opened["why"]) == ("open", "gate", "5 of 10 calls failed.")

    # A break that does not end before this machine gets to ask.
    later = opened["until"] + 600_000
    gate.change(until=later)
    for _ in range(3):
        refused = gate.reserve()
        assert (refused["decision"], refused["reason"]) == ("refused", "open")
        assert refused["retryAfter"] > 500
    assert gate.item()["seq"] == opened["seq"], "no call was admitted"

    gate.change(until=opened["until"] - 600_000)
    trial = until(lambda: _trial(gate), what="a trial call")
    half_open = gate.item()
    assert (half_open["state"], half_open["gen"]) == ("half_open", opened["gen"] + 1)
    assert "the lease of the permits ends" in make("breaker", "DEP=fraud").stdout
    other = until(lambda: _trial(gate), what="a second trial call")
    gate.report(trial["permit"], "success")
    assert gate.item()["state"] == "half_open", "one success is not enough"
    gate.report(other["permit"], "success")
    closed = gate.item()
    assert (closed["state"], closed["gen"]) == ("closed", opened["gen"] + 2)
    gate.report(permits[5], "failure")
    assert gate.shown()["window"] == {"calls": 0, "failures": 0, "slow": 0}, "late reports change nothing"
    metrics = gate.platform.logs("report-call")
    assert all(name in metrics for name in ("CircuitOpened", "CircuitClosed", "CircuitState"))


def _trial(gate: Fraud) -> dict[str, Any] | None:
    # A function that was told "open" a moment ago says so for a second without asking.
    answer = gate.reserve()
    return answer if answer["decision"] == "call" and answer["reportSuccess"] else None


def test_a_person_switches_a_circuit_over_http_and_everybody_obeys(gate: Fraud) -> None:
    gate.reserve()
    forced = gate.order("force-open")
    assert (forced["state"], forced["nextSlot"]) == ("forced_open", None)
    assert forced["by"].startswith("arn:aws:iam::")
    assert gate.reserve()["reason"] == "open"
    assert gate.shown()["why"] == "a test says so"
    assert gate.order("disable")["state"] == "disabled"
    until(lambda: gate.reserve()["decision"] == "call", what="a call")
    closed = gate.order("force-close")
    assert (closed["state"], closed["generation"]) == ("closed", forced["generation"] + 2)
    assert [entry["order"] for entry in closed["audit"]] == ["force-close", "disable", "force-open"]
    listed = http.expect(gate.platform.operate("GET", "/ops/breakers"), 200, "GET /ops/breakers")["breakers"]
    assert [breaker["dependency"] for breaker in listed] == ["fraud", "loyalty", "payment"]


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`make ops …`, as a person would type it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", "ops", *arguments],
        cwd=settings.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_ops_breaker_shows_and_switches_a_circuit(gate: Fraud) -> None:
    untouched = make("breaker", "DEP=fraud")
    assert untouched.returncode == 0, untouched.stderr
    assert "fraud: closed" in untouched.stdout
    assert "never called" in untouched.stdout
    why = 'costs $HOME, says "ada"'
    forced = make("breaker", "DEP=fraud", "ACTION=force-open", f"WHY={why}")
    assert forced.returncode == 0, forced.stderr
    assert "fraud: forced open" in forced.stdout
    assert gate.item()["why"] == why
    assert gate.reserve()["reason"] == "open"
    shown = make("BREAKER=fraud").stdout
    for told in ("forced open", why, "generation", "window", "trials", "tokens", "next slot", "audit", "do next"):
        assert told in shown
    everything = make("breaker").stdout
    assert "fraud: forced open" in everything
    assert "payment: " in everything
    for arguments, told in [
        (["DEP=fraud", "ACTION=force-open"], "Say why"),
        (["DEP=fraud", "ACTION=dance", "WHY=x"], "dance"),
        (["ACTION=disable", "WHY=x"], "Say which"),
        (["DEP=fraud", "ACTION=disable", "WHY=" + "x" * 501], "501 characters long"),
        (["DEP=weather"], "no such breaker"),
    ]:
        refused = make("breaker", *arguments)
        assert refused.returncode != 0
        assert told in refused.stderr
    assert make("breaker", "DEP=fraud", "ACTION=force-close", "WHY=over").returncode == 0
    assert gate.item()["state"] == "closed"


def test_nobody_sees_or_switches_a_circuit_unsigned(platform: Platform) -> None:
    for method, route, body in [
        ("GET", "/ops/breakers", None),
        ("GET", "/ops/breakers/fraud", None),
        ("POST", "/ops/breakers/fraud", {"action": "force-open", "why": "x"}),
    ]:
        answer = http.call(method, platform.stack["api"] + route, body)
        assert answer.status == 403, f"{method} {route}"
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_order_that_is_none_is_refused_by_name(platform: Platform) -> None:
    for body, told in [({"action": "disable"}, "why"), ({"action": "dance", "why": "x"}, "action")]:
        answer = platform.operate("POST", "/ops/breakers/fraud", body)
        assert (answer.status, told in answer.body["detail"]) == (400, True)
    for method, body in [("GET", None), ("POST", {"action": "disable", "why": "x"})]:
        assert platform.operate(method, "/ops/breakers/weather", body).status == 404


def test_an_input_that_does_not_fit_is_named_bad_input(platform: Platform, gate: Fraud) -> None:
    for function, request in [
        ("reserve-call", {"dependency": "nobody"}),
        ("reserve-call", {"dependency": "fraud", "tokens": 0}),
        ("reserve-call", {"dependency": "fraud", "tokens": BURST + 1}),
        ("reserve-call", {"dependency": "fraud", "recheck": {"id": "x"}}),
        ("report-call", {"permit": {}, "outcome": "success"}),
    ]:
        with pytest.raises(AssertionError, match="BadInput"):
            invoke(platform.aws("lambda"), platform.stack["functions"][function], request)
    assert gate.item() == {}, "nothing was written"
