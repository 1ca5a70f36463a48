"""What premium brings beside the content: loyalty programme, newsletter, and what is said when part of it fails."""

import json
import uuid
from typing import Any

import pytest

from machine import client as http
from support.intents import Wish
from support.platform import Platform
from support.waiting import until

pytestmark = pytest.mark.usefixtures("daylight")


def journal(platform: Platform, stand_in: str) -> dict[str, Any]:
    """What a provider says it did."""
    url = f"{platform.stack['standIns'][stand_in]['admin']}/journal"
    return http.expect(http.call("GET", url), 200, "GET /admin/journal")


def submit(platform: Platform, wish: Wish, newsletter: bool = False) -> Wish:
    """Put a wish where the topic puts it."""
    body = {"tier": "premium", "paymentMethod": wish.method, "newsletter": newsletter}
    for queue in ("register", "intents"):
        platform.send(wish.message(body=body), queue)
    return wish


def relations(platform: Platform, wish: Wish, end: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until the ledger says what became of customer relations; the intent's row."""
    until(lambda: platform.row(wish).get("relations") == end, seconds, f"customer relations {end}")
    return platform.row(wish)


@pytest.fixture
def subscriber(platform: Platform) -> tuple[str, str]:
    """A customer with an address: their sub and the address."""
    address = f"{uuid.uuid4().hex}@example.org"
    return registered(platform, address), address


def registered(platform: Platform, address: str) -> str:
    """A new customer with this address, verified: their sub."""
    attributes = [{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}]
    made = platform.aws("cognito-idp").admin_create_user(
        UserPoolId=platform.stack["userPool"]["id"], Username=address, UserAttributes=attributes
    )["User"]
    return next(attribute["Value"] for attribute in made["Attributes"] if attribute["Name"] == "sub")


def test_a_subscriber_becomes_a_member_and_gets_the_newsletter(platform: Platform, subscriber: tuple[str, str]) -> None:
    customer, address = subscriber
    wish = submit(platform, Wish(customer=customer), newsletter=True)
    row = relations(platform, wish, "completed")
    assert (row["status"], row.get("caseId")) == ("active", None)
    assert customer in journal(platform, "loyalty")["members"]
    until(
        lambda: address in {m["email_address"] for m in journal(platform, "newsletter")["members"].values()},
        30,
        "the newsletter to know the subscriber",
    )


def test_a_partial_success_stays_premium_and_asks_a_person_who_can_only_close(platform: Platform) -> None:
    wish = submit(platform, Wish(customer=f"no-loyalty-{uuid.uuid4()}"))
    row = relations(platform, wish, "partial")
    assert (row["status"], platform.money(wish)) == ("active", (1, 0))
    case = platform.case(wish)
    assert (case["kind"], case["evidence"]["loyalty"]) == ("relations", "not-eligible")
    refused = platform.decide(case, "refund")
    assert refused.status == 409
    assert "close" in json.dumps(refused.body)
    assert platform.decide(case, "close").status == 200
    assert platform.row(wish).get("caseId") is None


def test_an_address_that_the_newsletter_refuses_is_told_of_late(platform: Platform) -> None:
    customer = registered(platform, f"{uuid.uuid4().hex}@example.invalid")
    wish = submit(platform, Wish(customer=customer), newsletter=True)
    relations(platform, wish, "completed")
    row = relations(platform, wish, "partial", seconds=180)
    assert row["status"] == "active"
    assert platform.case(wish)["evidence"]["newsletter"] == "not-taken"


def test_an_outage_of_the_loyalty_programme_is_waited_for(platform: Platform) -> None:
    with platform.failing("loyalty", "unavailable"):
        wish = submit(platform, Wish())
        platform.comes_to(wish, "active")
        assert platform.row(wish).get("relations") is None, "nobody is told anything before the programme has answered"
    relations(platform, wish, "completed", seconds=120)
    assert wish.customer in journal(platform, "loyalty")["members"]
