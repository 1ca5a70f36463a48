"""`roll-back-route`: every path by name, on the example stack, which shows that the façade needs nothing else."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support import strangled
from support.executions import calling, hold_before
from support.intents import now_ms
from support.platform import Platform
from support.strangled import Strangled
from support.waiting import until

REASON = 'Threshold Crossed: 5 "failures"'
WRITTEN = ["Begin", "ReadRecord", "IsToRollBack", "WriteBack", "Notify", "HasProblem", "Done"]


@pytest.fixture(scope="module")
def deployed(platform: Platform) -> Iterator[Strangled]:
    """The example, deployed once."""
    with strangled.deployed(platform) as example:
        yield example


@pytest.fixture
def routes(deployed: Strangled) -> Strangled:
    """The same, as on the first day."""
    deployed.forget()
    return deployed


def rings(since_ms: int | None = None, route: str = "search") -> str:
    """What the rule says of an alarm that went off then, or now."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((since_ms or now_ms()) / 1000))
    return json.dumps({"route": route, "since": moment, "why": REASON})


def canary(routes: Strangled, **fields: Any) -> dict[str, Any]:
    """A canary of long ago."""
    line = {"at": 1, "by": "ada", "mode": "canary", "percent": 10, "why": "try"}
    record = {"mode": "canary", "percent": 10, "since": 1, "by": "ada", "why": "try", "rev": 3, "audit": [line]}
    return routes.write("search", **record | {"from": {"mode": "shadow", "percent": 100}} | fields)


@pytest.mark.parametrize(("mode", "percent"), [("canary", 10), ("shadow", 100), ("modern", 100)])
def test_it_steers_the_route_back_and_says_why(routes: Strangled, mode: str, percent: int) -> None:
    before = canary(routes, mode=mode, percent=percent)
    began = now_ms()
    with routes.platform.listening(routes.outputs["OperatorsTopicArn"]) as notices:
        execution = routes.machine.run(rings())
        notice = routes.platform.received(notices)
    assert execution.output == {"route": "search", "news": "It is the monolith's again."}
    assert execution.states() == WRITTEN
    assert f"The alarm of the route search went off; the route was {mode}. It is the monolith's again." in notice
    record = routes.record()
    line = {"at": record["since"], "by": "alarm", "mode": "monolith", "percent": 0, "why": REASON}
    assert began <= record["since"] <= now_ms()
    assert record == {
        "pk": "ROUTE#search",
        "mode": "monolith",
        "percent": 0,
        "from": {"mode": mode, "percent": percent},
        "since": record["since"],
        "by": "alarm",
        "why": REASON,
        "rev": 4,
        "audit": [line, *before["audit"]],
    }


def test_a_record_without_an_audit_gets_one(routes: Strangled) -> None:
    canary(routes)
    dynamodb = routes.platform.aws("dynamodb")
    table = routes.outputs["RoutesTableName"]
    dynamodb.update_item(TableName=table, Key=routes.key("search"), UpdateExpression="REMOVE audit")
    routes.machine.run(rings())
    assert [line["by"] for line in routes.record()["audit"]] == ["alarm"]


def test_the_monoliths_route_stays_as_it_is(routes: Strangled) -> None:
    with routes.platform.listening(routes.outputs["OperatorsTopicArn"]) as notices:
        execution = routes.machine.run(rings())
        assert execution.states() == ["Begin", "ReadRecord", "IsToRollBack", "Done"]
        before = canary(routes, mode="monolith", percent=0)
        assert routes.machine.run(rings()).output["news"] == "It is the monolith's already."
        assert routes.platform.is_empty(notices), "nobody is told of nothing"
    assert routes.record() == before
    assert routes.record("articles") == {}


def test_a_persons_word_after_the_alarm_began_stays(routes: Strangled) -> None:
    before = canary(routes, since=now_ms())
    execution = routes.machine.run(rings(now_ms() - 5000))
    assert execution.output["news"] == "It was steered since the alarm began to ring."
    assert execution.states() == ["Begin", "ReadRecord", "IsToRollBack", "Done"]
    assert routes.record() == before


def test_another_routes_alarm_is_nothing_to_this_one(routes: Strangled) -> None:
    before = canary(routes)
    routes.machine.run(rings(route="articles"))
    assert routes.record() == before


def test_an_alarm_that_says_nothing_is_one_too(routes: Strangled) -> None:
    canary(routes)
    routes.machine.run(json.dumps({"route": "search"}))
    assert (routes.record()["mode"], routes.record()["why"]) == ("monolith", "the alarm went off")


def test_a_conflict_reads_the_record_again(routes: Strangled) -> None:
    canary(routes)
    execution = routes.machine.changed(hold_before("WriteBack", seconds=1)).start(rings()).in_state("Hold")
    canary(routes, percent=20, rev=4)
    assert execution.ended().states().count("ReadRecord") == 2
    assert (routes.record()["rev"], routes.record()["from"]["percent"]) == (5, 20)


def test_a_conflict_with_a_persons_word_ends_quietly(routes: Strangled) -> None:
    canary(routes)
    alarm = rings(now_ms() - 2000)
    execution = routes.machine.changed(hold_before("WriteBack", seconds=1)).start(alarm).in_state("Hold")
    before = canary(routes, mode="modern", percent=100, rev=4, since=now_ms())
    assert execution.ended().states()[-3:] == ["ReadRecord", "IsToRollBack", "Done"]
    assert routes.record() == before


def test_a_write_whose_answer_was_lost_is_recognised(routes: Strangled) -> None:
    canary(routes)

    def lost(definition: dict[str, Any]) -> None:
        definition["States"]["WriteBack"]["Next"] = "ReadRecord"

    execution = routes.machine.changed(lost).run(rings())
    assert execution.states()[3:] == ["WriteBack", "ReadRecord", "IsToRollBack", "Notify", "HasProblem", "Done"]
    assert routes.record()["rev"] == 4


def test_after_five_conflicts_operators_are_told(routes: Strangled) -> None:
    canary(routes)
    never = calling("WriteBack", ConditionExpression="attribute_not_exists(pk) AND (#rev = :rev)")
    with routes.platform.listening(routes.outputs["OperatorsTopicArn"]) as notices:
        execution = routes.machine.changed(never).run(rings())
        notice = routes.platform.received(notices)
    assert execution.states().count("WriteBack") == 5
    assert execution.failure == {"error": "NotFinished", "cause": "the record changed under each of five writes"}
    assert "Not finished: the record changed under each of five writes. Steer it back with make route." in notice


@pytest.mark.parametrize(
    ("state", "cause"),
    [("ReadRecord", "the record could not be read"), ("WriteBack", "the record could not be written")],
)
def test_what_could_not_be_done_is_reported(routes: Strangled, state: str, cause: str) -> None:
    before = canary(routes)
    with routes.platform.listening(routes.outputs["OperatorsTopicArn"]) as notices:
        execution = routes.machine.changed(calling(state, TableName="no-such-table")).run(rings())
        assert f"Not finished: {cause}" in routes.platform.received(notices)
    assert (execution.failure["error"], execution.failure["cause"].startswith(cause)) == ("NotFinished", True)
    assert routes.record() == before


def test_a_lost_notice_does_not_undo_it(routes: Strangled) -> None:
    canary(routes)
    mute = calling("Notify", TopicArn=f"{routes.outputs['OperatorsTopicArn']}-gone")
    assert routes.machine.changed(mute).run(rings()).output["news"] == "It is the monolith's again."
    assert routes.record()["mode"] == "monolith"


def test_parameter_and_stage_follow_the_rollback(routes: Strangled) -> None:
    routes.steer("modern")
    until(lambda: routes.variables()["searchFunction"] == routes.service, what="a modern stage")
    routes.machine.run(rings(now_ms() + 5000))
    routes.follows("search", "monolith", 0)
