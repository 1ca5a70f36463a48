"""The saga as a choreography, on the deployed template: the same promises, and the switch between the styles."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from machine import settings
from support.breaker import Breaker
from support.intents import Wish, held_by_another, now_ms
from support.platform import Platform
from support.waiting import until

pytestmark = pytest.mark.usefixtures("daylight")

FORWARD = [
    "TierUpgradeRequested",
    "CustomerPaymentRequested",
    "FraudCheckPassed",
    "PaymentCollected",
    "PaymentCompleted",
    "ContentUnblocked",
    "SubscriptionActivated",
]
OUTBOXES = ("ledger", "payments", "entitlements", "fraudVerdicts", "providerCharges")


def switch(style: str) -> str:
    """What an operator does: `make style STYLE=…`."""
    command = [sys.executable, str(settings.ROOT / "infra" / "ops" / "style.py")]
    ended = subprocess.run(
        command, env=os.environ | {"STYLE": style, "STAGE": "local"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module", autouse=True)
def choreography() -> Iterator[None]:
    """The stage's style, for this file."""
    switch("Choreography")
    yield
    switch("Hybrid")


def submit(platform: Platform, wish: Wish) -> Wish:
    """Put a wish where the topic puts it."""
    for queue in ("register", "intents"):
        platform.send(wish.message(), queue)
    return wish


def told(platform: Platform, wish: Wish) -> list[str]:
    """The names of the events about an intent that are in the outboxes."""
    events = []
    for table in OUTBOXES:
        pages = platform.aws("dynamodb").get_paginator("scan").paginate(TableName=platform.stack["tables"][table])
        items = (item for page in pages for item in page["Items"] if "eventName" in item)
        events += [item["eventName"]["S"] for item in items if wish.id in item["detail"]["S"]]
    return events


def publish(platform: Platform, name: str, detail: Any, source: str = "new-science.test") -> None:
    """Put an event on the bus."""
    entry = {
        "EventBusName": platform.stack["bus"],
        "Source": source,
        "DetailType": name,
        "Detail": json.dumps(detail),
    }
    answer = platform.aws("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer


def test_one_intent_becomes_active_in_seven_events(platform: Platform) -> None:
    wish = submit(platform, Wish())
    row = platform.comes_to(wish, "active")
    assert row["style"] == "choreography"
    assert platform.money(wish) == (1, 0)
    assert platform.decision(wish) == "granted"
    assert platform.entitlement(wish)["intentId"] == wish.id
    assert sorted(told(platform, wish)) == sorted(FORWARD)


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_declinedByIssuer", "card-declined"),
        ("pm_actionRequired", "action-required"),
        ("pm_fraudsterNo1", "fraud"),
    ],
)
def test_a_no_declines_and_holds_nothing(platform: Platform, method: str, reason: str) -> None:
    wish = submit(platform, Wish(method))
    row = platform.comes_to(wish, "declined")
    assert row["reason"] == reason
    assert platform.money(wish) == (0, 0)
    assert not platform.lock(wish)
    assert "PaymentRejected" in told(platform, wish)


def test_a_lost_reply_takes_the_money_once(platform: Platform) -> None:
    wish = submit(platform, Wish("pm_lostReply"))
    platform.comes_to(wish, "active")
    assert platform.money(wish) == (1, 0)


def test_content_that_cannot_be_delivered_gives_the_money_back(platform: Platform) -> None:
    wish = Wish()
    platform.put("entitlements", **held_by_another(wish))
    submit(platform, wish)
    platform.comes_to(wish, "refunded")
    assert platform.money(wish) == (1, 1)
    assert not platform.lock(wish)
    assert {"ContentUnblockFailed", "PaymentRefundRequested", "PaymentRefunded"} <= set(told(platform, wish))


def test_two_intents_of_one_customer_are_charged_once(platform: Platform) -> None:
    first = Wish()
    second = Wish(customer=first.customer)
    for wish in (first, second):
        submit(platform, wish)
    statuses = {platform.comes_to(wish, "active", "declined")["status"] for wish in (first, second)}
    assert statuses == {"active", "declined"}
    assert sum(platform.money(wish)[0] for wish in (first, second)) == 1


def test_an_event_that_comes_again_is_answered_and_charges_nobody(platform: Platform) -> None:
    wish = submit(platform, Wish())
    platform.comes_to(wish, "active")
    tables = platform.stack["tables"]
    items = platform.aws("dynamodb").scan(TableName=tables["fraudVerdicts"])["Items"]
    passed = next(i for i in items if "eventName" in i and wish.id in i["detail"]["S"])
    before = now_ms()
    publish(platform, "FraudCheckPassed", json.loads(passed["detail"]["S"]), "new-science.fraud-proxy")

    def answered() -> bool:
        items = platform.aws("dynamodb").scan(TableName=tables["ledger"])["Items"]
        details = (json.loads(i["detail"]["S"]) for i in items if "eventName" in i and wish.id in i["detail"]["S"])
        return any(detail["occurredAt"] >= before for detail in details)

    until(answered, 30, "the repeat to drive the whole chain to its last event")
    assert platform.money(wish) == (1, 0)


@pytest.mark.parametrize("provider", ["payment", "fraud"])
def test_an_outage_opens_the_circuit_and_loses_nobody(platform: Platform, breaker: Breaker, provider: str) -> None:
    with platform.failing(provider, "unavailable"):
        wishes = [submit(platform, Wish()) for _ in range(8)]
        breaker.comes_to("open")
        # Until it stands still, the Pipe would take the new intent too, and nobody would be left for a trial.
        until(lambda: breaker.pipe_state() == "STOPPED", what="the Pipe to be stopped")
    # Whoever waits in a queue of events goes on by itself; the Pipe starts once a trial with a new intent succeeds.
    wishes.append(submit(platform, Wish()))
    breaker.comes_to("closed")
    for wish in wishes:
        platform.comes_to(wish, "active", seconds=120)
        assert platform.money(wish) == (1, 0)


def test_poison_goes_to_the_dead_letter_queue_with_its_reason(platform: Platform) -> None:
    mark = uuid.uuid4().hex
    publish(platform, "PaymentCompleted", {"version": 2, "mark": mark})
    letter = platform.dead_letter("contentAccessEventsDlq", mark)
    assert "version is 2" in letter["MessageAttributes"]["reason"]["StringValue"]
    mark = uuid.uuid4().hex
    publish(platform, "FraudCheckPassed", {"version": 1, "mark": mark, "data": {}})
    letter = platform.dead_letter("paymentProxyEventsDlq", mark)
    assert "missing field" in letter["MessageAttributes"]["reason"]["StringValue"]


def test_a_forged_event_moves_no_money(platform: Platform) -> None:
    wish = submit(platform, Wish())
    platform.comes_to(wish, "active")
    items = platform.aws("dynamodb").scan(TableName=platform.stack["tables"]["fraudVerdicts"])["Items"]
    passed = next(i for i in items if "eventName" in i and wish.id in i["detail"]["S"])
    other = Wish()
    detail = passed["detail"]["S"].replace(wish.id, other.id)
    publish(platform, "FraudCheckPassed", json.loads(detail), "new-science.fraud-proxy")
    letter = platform.dead_letter("paymentProxyEventsDlq", other.id)
    assert "eventId" in letter["MessageAttributes"]["reason"]["StringValue"]
    assert platform.money(other) == (0, 0)


def trace(wish: Wish, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a person does: `make trace INTENT=…`."""
    command = [sys.executable, str(settings.ROOT / "infra" / "ops" / "trace.py")]
    known = os.environ | {"STAGE": "local", "INTENT": wish.id} | environment
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False)


def test_the_trace_tells_the_whole_story_in_order_and_draws_it(platform: Platform) -> None:
    wish = Wish()
    platform.put("entitlements", **held_by_another(wish))
    submit(platform, wish)
    platform.comes_to(wish, "refunded")
    until(lambda: "SubscriptionRefunded" in trace(wish).stdout, 30, "the last event in the story")
    told = trace(wish).stdout
    way = [*FORWARD[:5], "ContentUnblockFailed", "PaymentRefundRequested", "PaymentRefunded", "PaymentRejected"]
    places = [told.index(f"[{name}") for name in [*way, "SubscriptionRefunded"]]
    assert places == sorted(places), told
    assert told.index("asks to become premium") < places[0]
    assert wish.method not in told
    page = (settings.ROOT / "target" / "trace" / f"{wish.id}.html").read_text()
    assert page.count("<g>") == len(way) + 3, "a row for each event, the request and the end"
    assert wish.method not in page


def test_a_trace_of_nothing_says_what_to_do(platform: Platform) -> None:
    unknown = trace(Wish())
    assert unknown.returncode != 0
    assert "CUSTOMER=" in unknown.stderr
    wish = submit(platform, Wish())
    platform.comes_to(wish, "active")
    assert trace(wish, CUSTOMER="somebody-else").returncode != 0
    assert trace(wish, CUSTOMER=wish.customer).returncode == 0


def test_intents_in_flight_finish_in_the_style_that_began_them(platform: Platform) -> None:
    with platform.failing("fraud", "unavailable"):
        events = submit(platform, Wish())
        until(lambda: platform.status(events) == "processing", 30, "the choreography to begin")
        assert "Choreography → Hybrid" in switch("Hybrid")
        try:
            conducted = submit(platform, Wish())
            until(lambda: platform.status(conducted) in {"processing", "retrying"}, 30, "the state machine to begin")
        finally:
            switch("Choreography")
    for wish, style in ((events, "choreography"), (conducted, "hybrid")):
        row = platform.comes_to(wish, "active", seconds=120)
        assert row["style"] == style
        assert platform.money(wish) == (1, 0)
    told = trace(conducted).stdout
    assert told.index("asks the fraud provider") < told.index("takes the money") < told.index("customer is premium  [")
