"""`subscribe` and the fraud provider's gate: each decision of the gate, each outcome of the call, and their reports."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.executions import Execution, answering, calling, hold_before
from support.gates import Gate, saying
from support.intents import Wish, handed_over, now_ms
from support.platform import Platform
from support.waiting import until

ASKED = ["ReserveFraudCall", "FraudAdmission"]
CHECKED = [*ASKED, "FraudCheck", "Verdict"]
REPORTED = ["ReportFraudCall", "Verdict"]
PAID = ["Charge", "Unblock", "Activate"]
FORWARD_MS = 750
"""A bucket whose `tat` lies so far ahead has one slot, at once: capacity 16 less one, at 20 a second."""


@pytest.fixture
def gate(platform: Platform) -> Iterator[Gate]:
    """The fraud provider's gate, new before and after."""
    gate = Gate(platform, "fraud")
    gate.renew()
    yield gate
    gate.renew()


def run(platform: Platform, wish: Wish, *changes: Callable[[dict[str, Any]], None]) -> Execution:
    """One execution of `subscribe`, changed, to its end."""
    machine = platform.subscribe
    for change in changes:
        machine = machine.changed(change)
    return machine.run(handed_over(wish.message()))


def way(execution: Execution) -> list[str]:
    """The states after Claim and Route."""
    states = execution.states()
    assert states[:2] == ["Claim", "Route"]
    return states[2:]


def trial(gate: Gate) -> None:
    """The circuit is open, and due for a trial."""
    gate.open(now_ms() - 1)


def test_a_slot_in_the_future_is_waited_for_and_rechecked(platform: Platform, gate: Gate) -> None:
    slot = now_ms() + 2500
    gate.change(tat=(slot + FORWARD_MS) * 1000)
    execution = run(platform, Wish())
    assert execution.output["outcome"] == "active"
    assert way(execution) == [
        *ASKED,
        *("AwaitFraudSlot", "RecheckFraudCall", "FraudAdmission"),
        *("FraudCheck", "Verdict"),
        *PAID,
    ]
    [entered] = [event for event in execution.history() if entered_state(event) == "FraudCheck"]
    assert entered["timestamp"].timestamp() * 1000 >= slot


def entered_state(event: dict[str, Any]) -> str:
    """The state that an event says was entered."""
    return event.get("stateEnteredEventDetails", {}).get("name", "")


def test_a_slot_that_was_missed_is_reserved_again(platform: Platform, gate: Gate) -> None:
    gate.change(tat=(now_ms() + 1500 + FORWARD_MS) * 1000)
    execution = run(platform, Wish(), hold_before("RecheckFraudCall", seconds=4))
    assert execution.output["outcome"] == "active"
    assert way(execution) == [
        *ASKED,
        *("AwaitFraudSlot", "Hold", "RecheckFraudCall", "FraudAdmission"),
        "AwaitFraudBucket",
        *CHECKED,
        *PAID,
    ]


def test_a_full_bucket_is_waited_for_and_fails_nothing(platform: Platform, gate: Gate) -> None:
    wish = Wish()
    # No slot within the longest wait, ten minutes.
    gate.change(tat=(now_ms() + 600_000 + FORWARD_MS + 3000) * 1000)
    execution = platform.subscribe.start(handed_over(wish.message())).in_state("AwaitFraudBucket")
    gate.change(tat=0)
    assert execution.ended().output["outcome"] == "active"
    assert way(execution) == [*ASKED, "AwaitFraudBucket", *CHECKED, *PAID]
    assert platform.row(wish)["attempt"] == 1


def test_a_pause_that_the_provider_asked_for_is_waited_for(platform: Platform, gate: Gate) -> None:
    wish = Wish()
    end = now_ms() + 700_000
    gate.change(notBefore=end, tat=(end + FORWARD_MS) * 1000)
    execution = platform.subscribe.start(handed_over(wish.message())).in_state("AwaitFraudBucket")
    [answer] = execution.outputs_of("ReserveFraudCall")
    assert (answer["decision"], answer["reason"]) == ("later", "hold")
    execution.stop()


def test_an_open_circuit_fails_the_attempt_and_the_provider_is_not_called(platform: Platform, gate: Gate) -> None:
    wish = Wish()
    gate.open(now_ms() + 3_600_000)
    execution = run(platform, wish)
    assert way(execution) == [*ASKED, "DependencyFailed"]
    assert execution.failure["error"] == "Retryable"
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("fraud", "CallNotPermitted")
    assert cause["cause"].endswith("open.")
    gate.change(until=now_ms() - 1)
    assert platform.comes_to(wish, "active")["faults"] == 0, "an outage burns no attempt"


def test_a_circuit_that_opens_during_the_wait_lets_nobody_call(platform: Platform, gate: Gate) -> None:
    wish = Wish()
    gate.change(tat=(now_ms() + 2500 + FORWARD_MS) * 1000)
    execution = platform.subscribe.start(handed_over(wish.message())).in_state("AwaitFraudSlot")
    gate.open(now_ms() + 3_600_000)
    execution.ended()
    assert way(execution) == [
        *ASKED,
        *("AwaitFraudSlot", "RecheckFraudCall", "FraudAdmission"),
        "AwaitFraudBucket",
        *ASKED,
        "DependencyFailed",
    ]
    gate.change(until=now_ms() - 1)
    platform.comes_to(wish, "active")


def test_successful_trials_are_reported_and_close_the_circuit(platform: Platform, gate: Gate) -> None:
    trial(gate)
    generation = gate.item()["gen"]
    for _ in range(2):
        execution = run(platform, Wish())
        assert execution.output["outcome"] == "active"
        assert way(execution) == [*CHECKED, *REPORTED, *PAID]
    item = gate.item()
    assert (item["state"], item["gen"]) == ("closed", generation + 2)


def test_a_trial_that_finds_a_fraudster_is_a_success_of_the_provider(platform: Platform, gate: Gate) -> None:
    trial(gate)
    execution = run(platform, Wish("pm_fraudsterNo1"))
    assert execution.output["outcome"] == "declined"
    assert way(execution)[:7] == [*CHECKED, *REPORTED, "BeginSettling"]
    assert len(gate.item()["successes"]) == 1


def test_a_success_of_a_closed_circuit_is_not_reported(platform: Platform, gate: Gate) -> None:
    before = gate.item()["seq"]
    assert way(run(platform, Wish())) == [*CHECKED, *PAID]
    assert gate.item()["seq"] == before + 1


def test_an_outage_is_reported_and_tried_three_times_each_with_a_reservation(platform: Platform, gate: Gate) -> None:
    wish = Wish()
    before = gate.item()["seq"]
    with platform.failing("fraud", "unavailable"):
        execution = run(platform, wish)
        tried = [*CHECKED, *REPORTED]
        assert way(execution) == [*tried, "PauseFraudCheck", *tried, "PauseFraudCheck", *tried, "DependencyFailed"]
        assert execution.failure["cause"]["error"] == "States.Http.StatusCode.503"
        assert gate.item()["seq"] >= before + 3
        assert sum(gate.item()["failures"].values()) >= 3
    platform.comes_to(wish, "active")


@pytest.mark.parametrize("mode", ["garbage", "unavailable", "hang"])
def test_a_provider_that_fails_once_is_asked_again_in_the_same_execution(
    platform: Platform, gate: Gate, mode: str
) -> None:
    wish = Wish()
    # It hangs for less than the time-out: the connection closes.
    with platform.failing("fraud", mode, count=1, delayMs=1000):
        execution = run(platform, wish)
    assert execution.output["outcome"] == "active"
    states = [state for state in way(execution) if state not in ("AwaitFraudSlot", "RecheckFraudCall")]
    assert states[:7] == [*CHECKED, *REPORTED, "PauseFraudCheck"]
    assert states[-5:] == ["FraudCheck", "Verdict", *PAID]
    assert platform.row(wish)["attempt"] == 1
    assert sum(gate.item()["failures"].values()) == 1


def test_a_provider_that_pushes_back_again_and_again_is_waited_for_and_fails_nothing(
    platform: Platform, gate: Gate
) -> None:
    wish, before = Wish(), now_ms()
    with platform.failing("fraud", "rate-limited", count=5, delayMs=1000):
        execution = run(platform, wish)
    assert execution.output["outcome"] == "active"
    states = [state for state in way(execution) if state not in ("AwaitFraudSlot", "RecheckFraudCall")]
    assert states[:7] == [*CHECKED, *REPORTED, "AwaitFraudBucket"]
    assert states[-5:] == ["FraudCheck", "Verdict", *PAID]
    assert states.count("FraudCheck") == 6
    assert states.count("ReportFraudCall") == 5
    assert "PauseFraudCheck" not in states, "a push-back is no failure"
    assert platform.row(wish)["attempt"] == 1
    item = gate.item()
    assert item["notBefore"] > before, "it wanted a pause, from everybody"
    assert not item.get("failures")


@pytest.mark.parametrize(
    ("status", "end", "failures"), [(425, "AttemptFailed", 0), (599, "DependencyFailed", 3)], ids=["425", "599"]
)
def test_a_status_of_the_provider_is_its_failure_or_ours(
    platform: Platform, gate: Gate, status: int, end: str, failures: int
) -> None:
    with saying(status) as provider:
        execution = run(platform, Wish(), calling("FraudCheck", ApiEndpoint=provider))
    states = execution.states()
    assert states[-1] == end
    assert states.count("FraudCheck") == max(1, failures)
    assert execution.failure["cause"]["error"] == f"States.Http.StatusCode.{status}"
    assert sum(gate.item().get("failures", {}).values()) == failures


def test_a_slow_answer_is_reported_and_used(platform: Platform, gate: Gate) -> None:
    def impatient(definition: dict) -> None:
        definition["States"]["ReserveFraudCall"]["Assign"]["slowAfterMs"] = 0

    execution = run(platform, Wish(), impatient)
    assert execution.output["outcome"] == "active"
    assert way(execution) == [*CHECKED, *REPORTED, *PAID]
    assert sum(gate.item()["slow"].values()) == 1


def nowhere(platform: Platform) -> Callable[[dict[str, Any]], None]:
    """The provider does not know this path: the request is refused, by our fault."""
    return calling("FraudCheck", ApiEndpoint=f"{platform.stack['standIns']['fraud']['url']}/v1/nowhere")


def test_a_request_that_is_refused_fails_at_once_and_counts_for_nothing(platform: Platform, gate: Gate) -> None:
    execution = run(platform, Wish(), nowhere(platform))
    assert way(execution) == [*CHECKED, "AttemptFailed"]
    assert execution.failure["error"] == "Terminal"
    assert not gate.item().get("failures")


def test_a_trial_whose_request_is_refused_is_reported_as_ours(platform: Platform, gate: Gate) -> None:
    trial(gate)
    execution = run(platform, Wish(), nowhere(platform))
    assert way(execution) == [*CHECKED, *REPORTED, "AttemptFailed"]
    assert len(gate.item()["successes"]) == 1


def test_a_trial_that_could_not_be_sent_is_not_reported(platform: Platform, gate: Gate) -> None:
    trial(gate)
    arn = platform.subscribe.definition()["States"]["FraudCheck"]["Arguments"]["Authentication"]["ConnectionArn"]
    gone = calling("FraudCheck", Authentication={"ConnectionArn": arn.replace("connection/", "connection/gone-")})
    execution = run(platform, Wish(), gone)
    assert way(execution) == [*CHECKED, "AttemptFailed"]
    item = gate.item()
    assert item["state"] == "half_open"
    assert "successes" not in item


def test_a_provider_that_does_not_let_us_in_is_down_for_us_and_is_not_asked_again(
    platform: Platform, gate: Gate
) -> None:
    with wrong_key(platform) as connection:
        execution = run(platform, Wish(), calling("FraudCheck", Authentication={"ConnectionArn": connection}))
    assert way(execution) == [*CHECKED, "DependencyFailed"]
    assert execution.failure["cause"]["error"] == "States.Http.StatusCode.401"
    assert not gate.item().get("failures")


@contextmanager
def wrong_key(platform: Platform) -> Iterator[str]:
    """A connection to the fraud provider whose key is in no header that it reads."""
    events, name = platform.aws("events"), f"test-{uuid.uuid4().hex[:8]}"
    created = events.create_connection(
        Name=name,
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-other", "ApiKeyValue": "key"}},
    )
    try:
        yield created["ConnectionArn"]
    finally:
        events.delete_connection(Name=name)


def test_a_report_that_fails_neither_fails_the_saga_nor_loses_the_verdict(platform: Platform, gate: Gate) -> None:
    trial(gate)
    execution = run(platform, Wish(), calling("ReportFraudCall", FunctionName="nobody"))
    assert execution.output["outcome"] == "active"
    assert way(execution) == [*CHECKED, *REPORTED, *PAID]
    assert gate.item()["state"] == "half_open", "the permit returns with its lease"


def test_a_gate_whose_table_gives_no_answer_is_to_blame_and_not_the_provider(platform: Platform, gate: Gate) -> None:
    no_store = {"decision": "refused", "reason": "store", "retryAfter": 1}
    execution = run(platform, Wish(), answering("ReserveFraudCall", no_store))
    assert way(execution) == [*ASKED, "DependencyFailed"]
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("gate", "CallNotPermitted")
    assert cause["cause"].endswith("store.")


@pytest.mark.parametrize("state", ["ReserveFraudCall", "RecheckFraudCall"])
def test_a_gate_that_is_down_for_the_moment_is_a_dependency_that_failed(
    platform: Platform, gate: Gate, state: str
) -> None:
    gate.change(tat=(now_ms() + 2000 + FORWARD_MS) * 1000)
    # Another function in its place, whose provider is down: it ends in `Retryable`, as the gate's would.
    charge = {"action": "charge", "intent": "{% $intent %}"}
    down = calling(state, FunctionName=platform.stack["functions"]["payments-task"], Payload=charge)
    with platform.failing("payment", "unavailable"):
        execution = run(platform, Wish(), down)
    assert execution.states()[-2:] == [state, "DependencyFailed"]
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("gate", "Retryable")


@pytest.mark.parametrize("state", ["ReserveFraudCall", "RecheckFraudCall"])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"Payload": {"dependency": "nobody"}}, "BadInput"),
        ({"FunctionName": "nobody"}, "Lambda.ResourceNotFoundException"),
    ],
    ids=["a dependency without a gate", "no such function"],
)
def test_a_gate_that_is_asked_wrongly_is_our_own_fault(
    platform: Platform, gate: Gate, state: str, wrong: dict[str, Any], error: str
) -> None:
    gate.change(tat=(now_ms() + 2000 + FORWARD_MS) * 1000)
    execution = run(platform, Wish(), calling(state, **wrong))
    assert execution.states()[-2:] == [state, "AttemptFailed"]
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("gate", error)


@pytest.mark.parametrize("state", ["ReserveFraudCall", "RecheckFraudCall"])
def test_a_gate_that_says_an_unknown_word_ends_the_attempt(platform: Platform, gate: Gate, state: str) -> None:
    gate.change(tat=(now_ms() + 2000 + FORWARD_MS) * 1000)
    execution = run(platform, Wish(), answering(state, {"decision": "dance"}))
    assert execution.states()[-2:] == ["FraudAdmission", "AttemptFailed"]
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("gate", "UnexpectedAnswer")


@pytest.fixture
def payment_gate(platform: Platform) -> Iterator[Gate]:
    """The payment provider's gate, new before and after."""
    gate = Gate(platform, "payment")
    gate.renew()
    yield gate
    gate.renew()


def test_an_open_circuit_of_the_payment_provider_fails_the_attempt_at_once(
    platform: Platform, payment_gate: Gate
) -> None:
    wish = Wish()
    payment_gate.open(now_ms() + 3_600_000)
    execution = run(platform, wish)
    assert execution.states()[-2:] == ["Charge", "DependencyFailed"]
    assert execution.errors() == ["CallNotPermitted"], "no Retry"
    cause = execution.failure["cause"]
    assert (cause["dependency"], cause["error"]) == ("payment", "CallNotPermitted")
    payment_gate.change(until=now_ms() - 1)
    assert platform.comes_to(wish, "active")["faults"] == 0
    assert platform.money(wish) == (1, 0)


def test_a_full_bucket_of_the_payment_provider_is_waited_for_and_fails_nothing(
    platform: Platform, payment_gate: Gate
) -> None:
    wish = Wish()
    payment_gate.change(tat=(now_ms() + 60_000) * 1000)
    execution = platform.subscribe.start(handed_over(wish.message())).in_state("Charge")
    until(execution.errors, what="a refusal of the bucket")
    payment_gate.change(tat=0)
    assert execution.ended().output["outcome"] == "active"
    assert set(execution.errors()) == {"RateLimited"}
    assert platform.row(wish)["attempt"] == 1
    assert platform.money(wish) == (1, 0)


def test_a_full_bucket_is_waited_for_while_a_charge_is_settled(platform: Platform, payment_gate: Gate) -> None:
    wish = Wish("pm_declinedByIssuer")
    machine = platform.subscribe.changed(hold_before("SettleCharge", seconds=3))
    execution = machine.start(handed_over(wish.message())).in_state("Hold")
    payment_gate.change(tat=(now_ms() + 60_000) * 1000)
    until(lambda: "RateLimited" in execution.errors(), what="a refusal of the bucket")
    payment_gate.change(tat=0)
    assert execution.ended().output["outcome"] == "declined"
    assert platform.money(wish) == (0, 0)


def test_content_is_not_unblocked_on_any_word_but_captured(platform: Platform) -> None:
    def charged(definition: dict) -> None:
        definition["States"]["Charge"]["Assign"]["charged"] = "declined"

    wish = Wish()
    execution = run(platform, wish, charged)
    assert execution.states()[-2:] == ["Unblock", "AttemptFailed"]
    assert execution.failure["cause"]["error"] == "BadInput"
    assert platform.decision(wish) == ""
