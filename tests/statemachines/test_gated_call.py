"""The example of a gated call, deployed as somebody else would: each path of the fragment by name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support import example
from support.executions import Execution, Machine, answering, calling, hold_before
from support.gates import Gate, saying
from support.intents import now_ms
from support.platform import Platform

ASKED = ["Reserve", "Admission"]
CALLED = [*ASKED, "Call", "Called"]
REPORTED = ["Report", "Reported"]
FORWARD_MS = 750
"""A bucket whose `tat` lies so far ahead has one slot, at once: capacity 16 less one, at 20 a second."""
REQUEST: dict[str, Any] = {
    **{"intent": "i", "charge": "i#1", "customer": "ada", "tier": "premium"},
    **{"amount": 4900, "currency": "eur", "paymentMethod": "pm_cardVisa4242"},
}


@pytest.fixture(scope="module")
def machine(platform: Platform) -> Machine:
    """The example, deployed once."""
    return example.gated_call(platform)


@pytest.fixture(autouse=True)
def gate(platform: Platform) -> Iterator[Gate]:
    """The gate, new before and after."""
    gate = Gate(platform, "fraud")
    gate.renew()
    yield gate
    gate.renew()


def way(execution: Execution) -> list[str]:
    """The states after the first."""
    first, *states = execution.states()
    assert first == "Begin"
    return states


def run(machine: Machine, **changes: Any) -> Execution:
    """One call, to its end."""
    return machine.run(json.dumps(REQUEST | changes))


def test_a_call_of_a_closed_circuit_costs_no_report(machine: Machine, gate: Gate) -> None:
    before = gate.item()["seq"]
    execution = run(machine)
    assert execution.output["verdict"] == "pass"
    assert way(execution) == [*CALLED, "Done"]
    assert gate.item()["seq"] == before + 1


def test_a_slot_in_the_future_is_waited_for_and_rechecked(machine: Machine, gate: Gate) -> None:
    gate.change(tat=(now_ms() + 2000 + FORWARD_MS) * 1000)
    execution = run(machine)
    assert execution.output["verdict"] == "pass"
    assert way(execution) == [*ASKED, "AwaitSlot", "Recheck", "Admission", "Call", "Called", "Done"]


def test_a_slot_that_was_missed_is_reserved_again_for_the_same_request(machine: Machine, gate: Gate) -> None:
    gate.change(tat=(now_ms() + 1500 + FORWARD_MS) * 1000)
    execution = run(machine.changed(hold_before("Recheck", seconds=4)), paymentMethod="pm_fraudsterNo1")
    assert execution.output["verdict"] == "reject"
    waited = [*ASKED, "AwaitSlot", "Hold", "Recheck", "Admission", "AwaitBucket"]
    assert way(execution) == [*waited, *CALLED, "Done"]


def test_a_full_bucket_is_waited_for(machine: Machine, gate: Gate) -> None:
    gate.change(tat=(now_ms() + 600_000 + FORWARD_MS + 3000) * 1000)
    execution = machine.start(json.dumps(REQUEST)).in_state("AwaitBucket")
    gate.change(tat=0)
    assert execution.ended().output["verdict"] == "pass"
    assert way(execution) == [*ASKED, "AwaitBucket", *CALLED, "Done"]


def test_an_open_circuit_is_named_and_nobody_calls(machine: Machine, gate: Gate) -> None:
    gate.open(now_ms() + 3_600_000)
    execution = run(machine)
    assert way(execution) == [*ASKED, "Failed"]
    assert execution.failure == {"error": "CallNotPermitted", "cause": "The gate permits no call: open."}


def test_a_trial_reports_its_success(machine: Machine, gate: Gate) -> None:
    gate.open(now_ms() - 1)
    execution = run(machine)
    assert execution.output["verdict"] == "pass"
    assert way(execution) == [*CALLED, *REPORTED, "Done"]
    assert len(gate.item()["successes"]) == 1


def test_an_outage_of_the_provider_is_reported(platform: Platform, machine: Machine, gate: Gate) -> None:
    with platform.failing("fraud", "unavailable", count=1):
        execution = run(machine)
    assert way(execution) == [*CALLED, *REPORTED, "Failed"]
    assert execution.failure["error"] == "States.Http.StatusCode.503"
    assert sum(gate.item()["failures"].values()) == 1


@pytest.mark.parametrize(("status", "told"), [(425, []), (599, REPORTED)], ids=["425", "599"])
def test_a_status_of_the_provider_is_its_failure_or_ours(
    machine: Machine, gate: Gate, status: int, told: list[str]
) -> None:
    with saying(status) as provider:
        execution = run(machine.changed(calling("Call", ApiEndpoint=provider)))
    assert way(execution) == [*CALLED, *told, "Failed"]
    assert execution.failure["error"] == f"States.Http.StatusCode.{status}"
    assert bool(gate.item().get("failures")) == bool(told)


def test_a_provider_that_pushes_back_again_and_again_is_waited_for(
    platform: Platform, machine: Machine, gate: Gate
) -> None:
    before = now_ms()
    with platform.failing("fraud", "rate-limited", count=5, delayMs=1000):
        execution = run(machine)
    assert execution.output["verdict"] == "pass"
    states = [state for state in way(execution) if state not in ("AwaitSlot", "Recheck")]
    assert states[:7] == [*CALLED, *REPORTED, "AwaitBucket"]
    assert states[-3:] == ["Call", "Called", "Done"]
    assert (states.count("Call"), states.count("Report")) == (6, 5)
    item = gate.item()
    assert item["notBefore"] > before, "it wanted a pause, from everybody"
    assert not item.get("failures")


def test_a_slow_answer_is_reported_and_is_an_answer(machine: Machine, gate: Gate) -> None:
    def impatient(definition: dict) -> None:
        definition["States"]["Reserve"]["Assign"]["slowAfterMs"] = 0

    execution = run(machine.changed(impatient))
    assert execution.output["verdict"] == "pass"
    assert way(execution) == [*CALLED, *REPORTED, "Done"]
    assert sum(gate.item()["slow"].values()) == 1


def test_a_request_that_is_refused_is_ours_and_only_a_trial_says_so(machine: Machine, gate: Gate) -> None:
    arguments = machine.definition()["States"]["Call"]["Arguments"]
    wrong = machine.changed(calling("Call", ApiEndpoint=f"{arguments['ApiEndpoint']}/nowhere"))
    execution = run(wrong)
    assert way(execution) == [*CALLED, "Failed"]
    gate.open(now_ms() - 1)
    assert way(run(wrong)) == [*CALLED, *REPORTED, "Failed"]
    assert len(gate.item()["successes"]) == 1


def test_a_call_that_could_not_be_sent_says_nothing_about_anybody(machine: Machine, gate: Gate) -> None:
    gate.open(now_ms() - 1)
    arn = machine.definition()["States"]["Call"]["Arguments"]["Authentication"]["ConnectionArn"]
    gone = calling("Call", Authentication={"ConnectionArn": arn.replace("connection/", "connection/gone-")})
    assert way(run(machine.changed(gone))) == [*CALLED, "Failed"]
    assert "successes" not in gate.item()


def test_a_report_that_fails_does_not_lose_the_answer(machine: Machine, gate: Gate) -> None:
    gate.open(now_ms() - 1)
    execution = run(machine.changed(calling("Report", FunctionName="nobody")))
    assert execution.output["verdict"] == "pass"
    assert way(execution) == [*CALLED, *REPORTED, "Done"]


@pytest.mark.parametrize("state", ["Reserve", "Recheck"])
def test_a_gate_that_cannot_be_asked_or_says_an_unknown_word_fails(machine: Machine, gate: Gate, state: str) -> None:
    gate.change(tat=(now_ms() + 1500 + FORWARD_MS) * 1000)
    execution = run(machine.changed(calling(state, FunctionName="nobody")))
    assert execution.states()[-2:] == [state, "Failed"]
    gate.change(tat=(now_ms() + 1500 + FORWARD_MS) * 1000)
    execution = run(machine.changed(answering(state, {"decision": "dance"})))
    assert execution.states()[-2:] == ["Admission", "Failed"]
    assert execution.failure["error"] == "UnexpectedAnswer"
