"""The pipeline breaker while people, probes and alarms pull at it.

Most of it runs on the example stack, whose probe ticks only when a test says so; what customers see, on the platform.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from machine import client as http
from support.breaker import Breaker
from support.executions import Execution
from support.intents import Wish, handed_over, held_by_another, now_ms
from support.platform import Platform
from support.readers import readers, subscribe
from support.waiting import until

EVENT = json.dumps({"detail": {"state": {"value": "ALARM", "reason": "a test says so"}}})


def opened(example: Breaker) -> None:
    """Open the circuit, and let the Pipe settle."""
    assert example.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    settled(example)


def settled(example: Breaker) -> None:
    """As if the settle time and the wait for the next probe were over."""
    record = example.record()
    due = {"nextProbeAt": now_ms() - 1} if "nextProbeAt" in record else {}
    example.write(stoppedAt=now_ms() - 600_000, **due)


def queued(example: Breaker, *texts: str) -> None:
    """Put messages into the queue."""
    for text in texts:
        example.platform.aws("sqs").send_message(QueueUrl=example.queue, MessageBody=text)


def ring(example: Breaker) -> None:
    """Let the alarm go off: executions fail that no Pipe has started."""

    def fail_once_more() -> bool:
        example.worker.run(json.dumps([{"body": "fail"}]))
        return example.alarm_state() == "ALARM"

    until(fail_once_more, what="an alarm that rings")


def test_of_two_probes_at_once_exactly_one_tries(example: Breaker) -> None:
    opened(example)
    before = example.trials()
    queued(example, *["fail"] * 6)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: example.tick(), range(4)))
    assert all(answer["state"] in ("open", "half_open") for answer in answers)
    record = example.comes_to("open")
    # open is generation 1, half-open 2, open again 3: nobody tried a second time.
    assert (record["gen"], record["opens"]) == (3, 1)
    tried = example.trials() - before
    assert len(tried) == 3
    assert all(name.startswith("probe-2-") for name in tried)
    assert "lease" not in record


def test_a_failed_probe_stays_open_and_waits_longer_each_time(example: Breaker) -> None:
    opened(example)
    waits = []
    for opens in range(1, 5):
        queued(example, "fail")
        assert example.tick()["state"] == "open"
        record = example.record()
        assert (record["opens"], record["by"]) == (opens, "probe")
        assert "failed" in record["why"]
        assert example.pipe_state() == "STOPPED"
        waits.append(record["nextProbeAt"] - record["since"])
        settled(example)
    assert waits == sorted(waits)
    assert waits[-1] >= 3 * waits[0], waits


def test_before_its_time_no_probe_tries(example: Breaker) -> None:
    assert example.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    queued(example, "ok")
    example.write(stoppedAt=now_ms())
    assert example.tick()["generation"] == 1, "the Pipe may still deliver what it holds"
    example.write(stoppedAt=now_ms() - 600_000, nextProbeAt=now_ms() + 600_000)
    assert example.tick()["generation"] == 1, "the next probe is not due"
    settled(example)
    example.alarm_comes_to("OK", "INSUFFICIENT_DATA")
    assert example.tick()["state"] == "closed"


def test_an_empty_queue_is_no_evidence(example: Breaker) -> None:
    opened(example)
    assert example.tick()["state"] == "open"
    assert "0 intents tried, no evidence" in example.record()["why"]


def test_what_a_crashed_probe_left_half_open_is_tried_anew(example: Breaker) -> None:
    opened(example)
    example.write(state="half_open", gen=2, by="probe", why="trying a few intents", since=now_ms())
    queued(example, "ok")
    # Applying the new generation counts as a stop; the trial comes once that has settled.
    assert example.tick()["state"] == "half_open"
    settled(example)
    assert example.tick()["state"] == "closed"
    assert example.pipe_state() == "RUNNING"


def test_a_crash_between_start_and_delete_brings_the_message_back(example: Breaker) -> None:
    opened(example)
    queued(example, "ok")
    sqs = example.platform.aws("sqs")
    [message] = until(lambda: sqs.receive_message(QueueUrl=example.queue, VisibilityTimeout=1).get("Messages"))
    # The probe that died had started it under this name, and had not deleted it.
    example.worker.run(json.dumps([{"body": message["Body"]}]))
    until(lambda: example.tick()["state"] == "closed" or settled(example), what="a probe that closes")
    until(lambda: example.platform.is_empty(example.queue), what="an empty queue")


def test_an_operators_stop_survives_probe_and_alarm(example: Breaker) -> None:
    tried = example.trials()
    record = example.command("forced_open", "we move house")
    assert (record["state"], record["by"], record["why"]) == ("forced_open", "a tester", "we move house")
    assert example.pipe_state() == "STOPPED"
    queued(example, "ok")
    settled(example)
    for _ in range(3):
        assert example.tick()["state"] == "forced_open"
    before = len(example.opener.executions())
    ring(example)
    until(lambda: len(example.opener.executions()) > before, what="the alarm's execution of open-circuit")
    until(lambda: all(one["status"] != "RUNNING" for one in example.opener.executions()), what="its end")
    assert example.tick()["state"] == "forced_open"
    after = example.record()
    assert (after["gen"], after["by"], after["why"]) == (record["gen"], "a tester", "we move house")
    assert example.pipe_state() == "STOPPED"
    assert example.trials() == tried, "no probe tried"
    example.command("disabled")
    example.alarm_comes_to("OK")
    assert example.command("closed")["state"] == "closed"
    assert example.pipe_state() == "RUNNING"


def test_a_disabled_breaker_hears_neither_alarm_nor_probe(example: Breaker) -> None:
    record = example.command("disabled")
    before = len(example.opener.executions())
    ring(example)
    until(lambda: len(example.opener.executions()) > before, what="the alarm's execution of open-circuit")
    until(lambda: all(one["status"] != "RUNNING" for one in example.opener.executions()), what="its end")
    example.tick()
    assert (example.record()["state"], example.record()["gen"]) == ("disabled", record["gen"])
    assert example.pipe_state() == "RUNNING"


def test_closing_by_force_while_the_alarm_rings_opens_again_at_once(example: Breaker) -> None:
    example.command("forced_open")
    ring(example)
    record = example.command("closed")
    assert (record["state"], record["by"]) == ("open", "alarm")
    example.comes_to("open")
    assert example.pipe_state() == "STOPPED"


def test_a_pipe_stopped_in_the_console_stays_stopped_until_a_person_says_so(example: Breaker) -> None:
    example.stop_pipe()
    for _ in range(2):
        assert example.tick()["state"] == "forced_open"
    record = example.record()
    assert (record["by"], record["why"]) == ("outside", "the Pipe was stopped outside the breaker")
    assert example.projection()["state"] == "forced_open"
    assert example.pipe_state() == "STOPPED"
    example.command("closed")
    assert example.pipe_state() == "RUNNING"


def test_a_pipe_stopped_in_the_console_before_the_alarm_is_not_started_later(example: Breaker) -> None:
    example.stop_pipe()
    ring(example)
    until(lambda: example.state in ("open", "forced_open"), what="a breaker that heard of it")
    until(lambda: example.tick()["state"] == "forced_open", what="a tick that sees whose stop it was")
    example.alarm_comes_to("OK")
    queued(example, "ok")
    settled(example)
    assert example.tick()["state"] == "forced_open"
    assert example.record()["by"] == "outside"
    assert example.pipe_state() == "STOPPED"


def test_a_lost_alarm_event_heals_by_the_next_tick(example: Breaker) -> None:
    events = example.platform.aws("events")
    events.disable_rule(Name=example.rule)
    try:
        before = len(example.opener.executions())
        ring(example)
        assert example.state == "closed"
        example.tick()
        record = example.comes_to("open")
        assert (record["by"], record["why"]) == ("alarm", "the alarm is in ALARM")
        assert len(example.opener.executions()) == before, "open-circuit heard nothing"
        assert example.pipe_state() == "STOPPED"
        assert example.projection()["state"] == "open"
    finally:
        events.enable_rule(Name=example.rule)


def test_no_probe_closes_while_the_alarm_rings(example: Breaker) -> None:
    example.command("disabled")
    ring(example)
    example.write(state="open", gen=9, by="alarm", why="a test says so", since=now_ms(), opens=0)
    example.tick()
    settled(example)
    example.alarm_comes_to("ALARM")
    example.write(stopMark=True)
    queued(example, "ok")
    assert example.tick()["state"] == "open"
    assert "healthy, but the alarm is in ALARM" in example.record()["why"]


def test_after_a_repair_the_next_outage_opens_again(example: Breaker) -> None:
    for generation in (1, 4):
        opened(example)
        assert example.record()["gen"] == generation
        queued(example, "ok")
        example.alarm_comes_to("OK", "INSUFFICIENT_DATA")
        assert example.tick()["state"] == "closed"
        assert example.pipe_state() == "RUNNING"


def test_failed_hand_overs_do_not_push_intents_into_the_dead_letter_queue(platform: Platform) -> None:
    attributes = platform.aws("sqs").get_queue_attributes(
        QueueUrl=platform.stack["queues"]["intents"], AttributeNames=["RedrivePolicy"]
    )["Attributes"]
    assert int(json.loads(attributes["RedrivePolicy"])["maxReceiveCount"]) >= 1000


@pytest.mark.usefixtures("daylight")
def test_an_operators_stop_as_customers_see_it(platform: Platform, breaker: Breaker) -> None:
    [customer] = readers(platform, 1)
    breaker.command("forced_open")
    until(lambda: http.processing_status(platform.stack)["state"] == "delayed", what="delayed")
    status = http.processing_status(platform.stack)
    assert "a test says so" not in json.dumps(status), "why it was stopped is the operators' business"
    [wish] = subscribe([(customer, "pm_cardVisa4242")])
    until(lambda: customer.status(wish.key) == "accepted", what="accepted")
    generation = breaker.record()["gen"]
    for _ in range(3):
        breaker.tick()
    assert customer.status(wish.key) == "accepted"
    assert (breaker.state, breaker.record()["gen"]) == ("forced_open", generation)
    breaker.command("closed")
    until(lambda: http.processing_status(platform.stack)["state"] == "normal", what="normal")
    until(lambda: customer.status(wish.key) == "active", what="active")


@pytest.mark.usefixtures("daylight")
def test_an_outage_longer_than_every_attempt_parks_nothing(platform: Platform, breaker: Breaker) -> None:
    # Disabled, so that no open circuit spares the attempts.
    breaker.command("disabled")
    platform.fault("payment", "unavailable")
    wishes = subscribe((customer, "pm_cardVisa4242") for customer in readers(platform, 3))
    most = 5
    until(
        lambda: all(platform.row(wish).get("attempt", 0) > most + 1 for wish in wishes),
        240,
        "more attempts than MaxAttempts",
        every=0.5,
    )
    assert {platform.row(wish)["faults"] for wish in wishes} == {0}
    assert {platform.status(wish) for wish in wishes} <= {"processing", "retrying"}
    platform.fault("payment", "none")
    for wish in wishes:
        platform.comes_to(wish, "active")
        assert platform.money(wish) == (1, 0)


@pytest.mark.usefixtures("daylight")
def test_a_duplicate_of_a_finished_intent_is_no_evidence_of_health(platform: Platform, breaker: Breaker) -> None:
    done = Wish()
    platform.run(done)
    platform.fault("payment", "unavailable")
    assert breaker.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    platform.send(done.message())
    started = until(lambda: finished_trials(platform, breaker, done), 90, "a probe that tried the duplicate")
    assert started[0].output["outcome"] == "duplicate"
    breaker.comes_to("open")
    assert "closed" not in breaker.record()["why"]


@pytest.mark.usefixtures("daylight")
def test_a_parked_trial_keeps_the_circuit_open(platform: Platform, breaker: Breaker) -> None:
    stuck = Wish("pm_refundFailsForGood")
    platform.put("entitlements", **held_by_another(stuck))
    assert breaker.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    platform.send(stuck.message())
    [trial] = until(lambda: finished_trials(platform, breaker, stuck), 90, "a probe that tried it")
    assert trial.output["evidence"] == "failed"
    until(lambda: breaker.record()["state"] == "open" and breaker.record()["opens"], what="a failed probe")
    assert breaker.pipe_state() == "STOPPED"


@pytest.mark.usefixtures("daylight")
def test_an_open_circuit_with_an_empty_queue_and_a_lost_message_closes(platform: Platform, breaker: Breaker) -> None:
    """The sweep must not wait for a closed circuit while the probe waits for a message."""
    wish = Wish()
    assert breaker.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    platform.send(wish.message(), "register")
    platform.comes_to(wish, "accepted")
    platform.change_row(wish, lastSentAt=now_ms() - 3_600_000)
    platform.comes_to(wish, "active")
    breaker.comes_to("closed")
    assert platform.money(wish) == (1, 0)


def finished_trials(platform: Platform, breaker: Breaker, wish: Wish) -> list[Execution]:
    """The executions that a probe started for the intent, once they have ended."""
    client = platform.aws("stepfunctions")
    arns = [one["executionArn"] for one in breaker.worker.executions() if one["name"].startswith("probe-")]
    tried = [Execution(client, arn) for arn in arns]
    return [one for one in tried if wish.key in one.describe()["input"] and one.status != "RUNNING"]


@pytest.mark.usefixtures("daylight")
def test_a_stray_message_that_a_stopped_pipe_still_hands_over_does_no_harm(
    platform: Platform, breaker: Breaker
) -> None:
    wish = Wish()
    breaker.command("forced_open")
    execution = platform.subscribe.run(handed_over(wish.message()))
    assert execution.output["outcome"] == "active"
    assert breaker.state == "forced_open"
    assert platform.money(wish) == (1, 0)
