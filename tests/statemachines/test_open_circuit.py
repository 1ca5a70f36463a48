"""`open-circuit`: every path by name, on the example stack, which shows that the breaker needs nothing else."""

import json
import time
from typing import Any

import pytest

from support.breaker import Breaker
from support.executions import calling, hold_before
from support.intents import now_ms
from support.waiting import until

REASON = "five executions failed in a minute"
EVENT = json.dumps({"detail": {"alarmName": "a", "state": {"value": "ALARM", "reason": REASON}}})
OPENING = [
    *("Begin", "ReadRecord", "IsClosed", "WriteOpen", "TakeLease", "LookBefore", "IsRunning", "MarkStop", "StopPipe"),
    *("WaitForPipe", "LookAfter", "IsStopped", "Project", "Applied", "Release", "Notify", "HasProblem", "Done"),
]


def changed_state(state: str, **fields: Any):
    """A change: other fields of one state."""

    def change(definition: dict[str, Any]) -> None:
        definition["States"][state] |= fields

    return change


def test_it_opens_a_closed_breaker(example: Breaker) -> None:
    began = now_ms()
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.run(EVENT)
        assert execution.output == {"generation": 1, "news": "The Pipe is stopped."}
        assert execution.states() == OPENING
        notice = example.platform.received(notices)
    assert "generation 1. The Pipe is stopped." in notice
    assert REASON in notice
    assert example.pipe_state() == "STOPPED"
    record = example.record()
    assert {key: record[key] for key in ("state", "gen", "applied", "by", "why", "opens", "stopMark")} == {
        "state": "open",
        "gen": 1,
        "applied": 1,
        "by": "alarm",
        "why": REASON,
        "opens": 0,
        "stopMark": True,
    }
    assert began <= record["since"] <= record["stoppedAt"] <= now_ms()
    assert not {"lease", "leaseUntil", "nextProbeAt"} & record.keys(), "the lease is freed"


def test_readers_are_told_by_the_parameter(example: Breaker) -> None:
    example.opener.run(EVENT)
    projection, since = example.projection(), example.record()["since"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since / 1000))
    assert projection | {"since": ""} == {"state": "open", "generation": 1, "since": "", "reason": REASON}
    assert projection["since"].startswith(moment)
    assert projection["since"].endswith("Z")


def test_it_opens_a_breaker_that_was_closed_again(example: Breaker) -> None:
    example.opener.run(EVENT)
    example.command("closed")
    assert example.pipe_state() == "RUNNING"
    execution = example.opener.run(EVENT)
    assert execution.output["generation"] == example.record()["gen"] == 3
    assert example.record()["state"] == "open"
    assert example.pipe_state() == "STOPPED"


@pytest.mark.parametrize("state", ["open", "half_open", "forced_open", "disabled"])
def test_a_breaker_that_is_not_closed_is_left_as_it_is(example: Breaker, state: str) -> None:
    example.write(state=state, gen=7, applied=7, by="somebody", why="because", since=1, opens=2)
    before = example.record()
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.run(EVENT)
        assert execution.states() == ["Begin", "ReadRecord", "IsClosed", "Done"]
        assert example.platform.is_empty(notices), "nobody is told twice"
    assert example.record() == before
    assert example.pipe_state() == "RUNNING"


def test_a_conflict_reads_the_record_again(example: Breaker) -> None:
    opener = example.opener.changed(hold_before("WriteOpen", seconds=1))
    execution = opener.start(EVENT).in_state("Hold")
    example.write(state="closed", gen=5, by="somebody", why="meanwhile", since=1, opens=0)
    assert execution.ended().output["generation"] == 6
    assert execution.states().count("ReadRecord") == 2
    assert (example.record()["state"], example.record()["gen"]) == ("open", 6)


def test_a_conflict_with_a_persons_word_ends_quietly(example: Breaker) -> None:
    opener = example.opener.changed(hold_before("WriteOpen", seconds=1))
    execution = opener.start(EVENT).in_state("Hold")
    example.write(state="disabled", gen=5, applied=5, by="somebody", why="meanwhile", since=1, opens=0)
    assert execution.ended().states()[-3:] == ["ReadRecord", "IsClosed", "Done"]
    assert (example.record()["state"], example.record()["gen"]) == ("disabled", 5)
    assert example.pipe_state() == "RUNNING"


def test_after_five_conflicts_operators_are_told(example: Breaker) -> None:
    example.write(state="closed", gen=1, applied=1, by="somebody", why="x", since=1, opens=0)
    never = calling("WriteOpen", ConditionExpression="attribute_not_exists(pk) AND (#gen = :gen)")
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.changed(never).run(EVENT)
        notice = example.platform.received(notices)
    assert execution.states().count("WriteOpen") == 5
    assert execution.failure == {"error": "NotFinished", "cause": "the record changed under each of five writes"}
    assert "Not finished: the record changed under each of five writes" in notice


def test_a_write_whose_answer_was_lost_is_recognised(example: Breaker) -> None:
    opener = example.opener.changed(changed_state("WriteOpen", Next="ReadRecord"))
    execution = opener.run(EVENT)
    assert execution.states()[3:7] == ["WriteOpen", "ReadRecord", "IsClosed", "TakeLease"]
    assert execution.output == {"generation": 1, "news": "The Pipe is stopped."}
    assert example.pipe_state() == "STOPPED"


def test_a_busy_lease_leaves_the_pipe_to_its_holder(example: Breaker) -> None:
    until_ms = now_ms() + 600_000
    example.write(lease="somebody", leaseUntil=until_ms)
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.run(EVENT)
        assert "The probe is at work" in example.platform.received(notices)
    assert execution.states()[-4:] == ["TakeLease", "Notify", "HasProblem", "Done"]
    record = example.record()
    assert (record["state"], record["gen"], record["lease"], record["leaseUntil"]) == ("open", 1, "somebody", until_ms)
    assert "applied" not in record or record["applied"] < record["gen"]
    assert example.pipe_state() == "RUNNING"
    # The holder ends: the next tick does what the record says.
    example.write(leaseUntil=now_ms() - 1)
    example.tick()
    assert example.pipe_state() == "STOPPED"
    assert example.record()["applied"] == 1


def test_a_lease_that_is_over_is_taken(example: Breaker) -> None:
    example.write(lease="somebody", leaseUntil=now_ms() - 1)
    assert example.opener.run(EVENT).output["news"] == "The Pipe is stopped."
    assert "lease" not in example.record()


def test_stopping_is_waited_for(example: Breaker) -> None:
    def impatient(definition: dict[str, Any]) -> None:
        # It looks at once and as often as it takes, so that it sees the Pipe on its way.
        definition["States"]["WaitForPipe"]["Seconds"] = 0
        text = json.dumps(definition["States"]["IsStopped"]).replace("$looks >= 80", "$looks >= 8000")
        definition["States"]["IsStopped"] = json.loads(text)

    execution = example.opener.changed(impatient).run(EVENT)
    seen = [output["pipe"] for output in execution.outputs_of("LookAfter")]
    assert seen[0] == "STOPPING"
    assert seen[-1] == "STOPPED"
    assert execution.output["news"] == "The Pipe is stopped."
    assert example.pipe_state() == "STOPPED"


def test_a_pipe_that_never_stops_is_reported(example: Breaker) -> None:
    def blind(definition: dict[str, Any]) -> None:
        definition["States"]["WaitForPipe"]["Seconds"] = 0
        definition["States"]["LookAfter"]["Output"] = {"pipe": "STOPPING"}

    execution = example.opener.changed(blind).run(EVENT)
    assert execution.failure == {"error": "NotFinished", "cause": "the Pipe did not stop: STOPPING"}
    assert execution.states().count("LookAfter") == 80
    assert "lease" not in example.record()


def test_a_failed_stop_is_stopped_again(example: Breaker) -> None:
    def fails_once(definition: dict[str, Any]) -> None:
        definition["States"]["LookAfter"]["Output"] = {
            "pipe": "{% $looks = 0 ? 'STOP_FAILED' : $states.result.CurrentState %}"
        }

    execution = example.opener.changed(fails_once).run(EVENT)
    assert execution.states().count("StopPipe") == 2
    assert execution.output["news"] == "The Pipe is stopped."


def test_a_stop_that_somebody_else_began_meanwhile_is_waited_for(example: Breaker) -> None:
    opener = example.opener.changed(hold_before("StopPipe", seconds=1))
    execution = opener.start(EVENT).in_state("Hold")
    example.platform.aws("pipes").stop_pipe(Name=example.pipe)
    assert execution.ended().output["news"] == "The Pipe is stopped."


def test_a_pipe_that_a_person_stopped_is_not_marked_as_ours(example: Breaker) -> None:
    # The record is applied already, or the tick would believe that it has to start the Pipe.
    example.stop_pipe()
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.run(EVENT)
        assert "already STOPPED" in example.platform.received(notices)
    assert "StopPipe" not in execution.states()
    assert "stopMark" not in example.record()
    assert "lease" not in example.record()
    example.tick()
    record = example.record()
    assert (record["state"], record["by"]) == ("forced_open", "outside")
    assert example.pipe_state() == "STOPPED"


def test_a_record_that_changes_before_the_stop_is_left_to_the_probe(example: Breaker) -> None:
    opener = example.opener.changed(hold_before("MarkStop", seconds=1))
    execution = opener.start(EVENT).in_state("Hold")
    example.write(state="disabled", gen=9, by="somebody", why="meanwhile", since=1)
    assert execution.ended().output["news"] == "The record changed meanwhile; the next probe applies it."
    assert "StopPipe" not in execution.states()
    assert example.pipe_state() == "RUNNING"
    assert "lease" not in example.record()


def test_a_record_that_changes_after_the_stop_is_left_to_the_probe(example: Breaker) -> None:
    opener = example.opener.changed(hold_before("Applied", seconds=1))
    execution = opener.start(EVENT).in_state("Hold")
    example.write(state="closed", gen=9, by="somebody", why="meanwhile", since=1, stopMark=False)
    assert execution.ended().output["news"] == "The record changed meanwhile; the next probe applies it."
    assert "applied" not in example.record()
    example.tick()
    assert example.pipe_state() == "RUNNING"
    assert (example.record()["applied"], example.projection()["state"]) == (9, "closed")


NO_TABLE = {"TableName": "no-such-table"}
NO_PIPE = {"Name": "no-such-pipe"}


@pytest.mark.parametrize(
    ("state", "arguments", "cause"),
    [
        ("ReadRecord", NO_TABLE, "the record could not be read"),
        ("WriteOpen", NO_TABLE, "the record could not be written"),
        ("TakeLease", NO_TABLE, "the lease could not be taken"),
        ("LookBefore", NO_PIPE, "the Pipe could not be looked at"),
        ("MarkStop", NO_TABLE, "the stop could not be marked"),
        ("StopPipe", NO_PIPE, "the Pipe could not be stopped"),
        ("LookAfter", NO_PIPE, "the Pipe could not be looked at"),
        ("Project", {"Overwrite": False}, "the status parameter could not be written"),
        ("Applied", NO_TABLE, "the record could not be completed"),
    ],
)
def test_what_could_not_be_done_is_reported_and_the_lease_freed(
    example: Breaker, state: str, arguments: dict[str, str], cause: str
) -> None:
    with example.platform.listening(example.topic) as notices:
        execution = example.opener.changed(calling(state, **arguments)).run(EVENT)
        assert f"Not finished: {cause}" in example.platform.received(notices)
    assert execution.failure["error"] == "NotFinished"
    assert execution.failure["cause"].startswith(cause)
    assert "lease" not in example.record()
    # What was left undone is the next tick's.
    example.tick()
    record = example.record()
    assert record.get("applied", 0) == record.get("gen", 0)


def test_neither_a_lost_release_nor_a_lost_notice_undoes_the_opening(example: Breaker) -> None:
    def mute(definition: dict[str, Any]) -> None:
        calling("Release", **NO_TABLE)(definition)
        calling("Notify", TopicArn=f"{example.topic}-gone")(definition)

    execution = example.opener.changed(mute).run(EVENT)
    assert execution.output["news"] == "The Pipe is stopped."
    assert example.record()["state"] == "open"
    assert example.record()["leaseUntil"] > now_ms(), "a lease that was not freed ends by itself"


def test_the_alarm_starts_it_and_the_probe_closes_again(example: Breaker) -> None:
    """The breaker around somebody else's pipeline, from the first failure to the repair."""
    sqs = example.platform.aws("sqs")
    for _ in range(24):
        sqs.send_message(QueueUrl=example.queue, MessageBody="fail")
    record = example.comes_to("open")
    sqs.purge_queue(QueueUrl=example.queue)
    assert record["by"] == "alarm"
    assert example.pipe_state() == "STOPPED"
    assert example.projection()["state"] == "open"
    sqs.send_message(QueueUrl=example.queue, MessageBody="ok")
    example.alarm_comes_to("OK")
    until(lambda: example.tick()["state"] == "closed", 60, "a probe that closes")
    example.comes_to("closed")
    assert example.pipe_state() == "RUNNING"
    assert example.projection()["state"] == "closed"
