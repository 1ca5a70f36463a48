"""`subscribe`, the way forward: every path that ends without an attempt failing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.intents import Wish, handed_over
from support.platform import Platform

HAPPY = [
    *("Claim", "Route", "ReserveFraudCall", "FraudAdmission", "FraudCheck", "Verdict"),
    *("Charge", "Unblock", "Activate"),
]
SETTLING = ["BeginSettling", "Settling", "Refuse", "Refused", "SettleCharge", "FinishSettling"]


def test_happy_path_makes_the_customer_premium_in_ten_transitions(platform: Platform) -> None:
    wish = Wish()
    execution = platform.run(wish)
    assert execution.output == {"outcome": "active", "evidence": "healthy", "intentId": wish.id}
    assert execution.states() == HAPPY
    assert execution.transitions <= 10
    row, entitlement = platform.row(wish), platform.entitlement(wish)
    assert (row["status"], row["attempt"], row["n"]) == ("active", 1, 1)
    assert "owner" not in row
    assert entitlement["intentId"] == wish.id
    assert platform.lock(wish) == platform.lock(wish) | {"intentId": wish.id, "until": entitlement["until"]}
    assert platform.charge(wish)["state"] == "captured"
    assert platform.decision(wish) == "granted"
    assert platform.money(wish) == (1, 0)


@pytest.mark.parametrize(
    ("method", "reason"), [("pm_declinedByIssuer", "card-declined"), ("pm_actionRequired", "action-required")]
)
def test_the_issuer_declines_or_wants_action(platform: Platform, method: str, reason: str) -> None:
    wish = Wish(method)
    execution = platform.run(wish)
    # Whoever declines is alive: that is healthy evidence for a probe.
    assert execution.output == {"outcome": "declined", "evidence": "healthy", "intentId": wish.id}
    assert execution.states() == [*HAPPY[:7], *SETTLING]
    row = platform.row(wish)
    assert (row["status"], row["reason"]) == ("declined", reason)
    assert platform.charge(wish)["state"] == "canceled"
    assert platform.decision(wish) == "refused"
    assert platform.lock(wish) == {}
    assert platform.entitlement(wish) == {}
    assert platform.money(wish) == (0, 0)


def test_a_fraudster_is_declined_before_any_payment(platform: Platform) -> None:
    wish = Wish("pm_fraudsterNo1")
    execution = platform.run(wish)
    assert execution.output == {"outcome": "declined", "evidence": "healthy", "intentId": wish.id}
    assert execution.states() == [*HAPPY[:6], *SETTLING]
    assert platform.row(wish)["reason"] == "fraud"
    # A tombstone: a call that still wanted to charge would find its place taken.
    charge = platform.charge(wish)
    assert charge["state"] == "canceled"
    assert "paymentId" not in charge
    assert platform.lock(wish) == {}
    assert platform.money(wish) == (0, 0)


def test_after_a_decline_the_customer_may_try_another_card(platform: Platform) -> None:
    declined = Wish("pm_declinedByIssuer")
    platform.run(declined)
    again = Wish(customer=declined.customer)
    assert platform.run(again).output["outcome"] == "active"
    assert platform.money(again) == (1, 0)


def test_unknown_outcome_is_settled_by_reading_the_object(platform: Platform) -> None:
    wish = Wish("pm_lostReply")
    execution = platform.run(wish)
    assert execution.output["outcome"] == "active"
    assert platform.money(wish) == (1, 0)


def test_duplicate_delivery_at_once_charges_once(platform: Platform) -> None:
    wish = Wish()
    with ThreadPoolExecutor(4) as pool:
        outputs = [execution.output for execution in pool.map(lambda _: platform.run(wish), range(4))]
    assert sum(output["outcome"] == "active" for output in outputs) == 1
    others = [output for output in outputs if output["outcome"] != "active"]
    assert {output["outcome"] for output in others} <= {"busy", "duplicate"}
    # No evidence: a probe that was handed a duplicate must not close the circuit for it.
    assert {output["evidence"] for output in others} == {"none"}
    assert platform.money(wish) == (1, 0)
    assert platform.row(wish)["status"] == "active"


def test_duplicate_delivery_after_the_end_changes_nothing(platform: Platform) -> None:
    wish = Wish()
    platform.run(wish)
    before = platform.row(wish)
    again = platform.run(wish)
    assert again.output == {"outcome": "duplicate", "evidence": "none", "intentId": ""}
    assert again.states() == ["Claim", "Route", "Ended"]
    assert platform.row(wish) == before
    assert platform.money(wish) == (1, 0)


def test_a_second_body_under_the_same_key_does_not_count(platform: Platform) -> None:
    wish = Wish()
    platform.send(wish.message(), "register")
    platform.comes_to(wish, "accepted")
    other = Wish("pm_declinedByIssuer", wish.customer, wish.key)
    execution = platform.run(other)
    assert execution.output["outcome"] == "active", "the body that was registered decides, not the message's"
    assert platform.row(wish)["body"]["paymentMethod"] == wish.method


def test_two_intents_of_one_customer_at_once(platform: Platform) -> None:
    first = Wish()
    wishes = [first, Wish(customer=first.customer)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = [execution.output["outcome"] for execution in pool.map(platform.run, wishes)]
    assert sorted(outcomes) == ["active", "declined"]
    winner, loser = wishes if outcomes[0] == "active" else reversed(wishes)
    assert platform.row(loser)["reason"] == "already-subscribed"
    assert platform.money(winner) == (1, 0)
    assert platform.money(loser) == (0, 0)
    assert platform.charge(loser) == {}
    assert platform.lock(winner)["intentId"] == winner.id


def test_two_customers_with_the_same_key(platform: Platform) -> None:
    ada = Wish()
    grace = Wish(key=ada.key)
    assert ada.id != grace.id
    with ThreadPoolExecutor(2) as pool:
        outcomes = [execution.output["outcome"] for execution in pool.map(platform.run, [ada, grace])]
    assert outcomes == ["active", "active"]
    assert platform.money(ada) == platform.money(grace) == (1, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("this is no JSON %s", "not a subscription intent: it is not JSON"),
        ('{"customer": "%s"}', "missing field"),
        (Wish(customer="CUSTOMER").message(admin=True).replace("CUSTOMER", "%s"), "a field is unknown"),
        (Wish("4242424242424242", "CUSTOMER").message().replace("CUSTOMER", "%s"), "paymentMethod"),
    ],
    ids=["no JSON", "a missing field", "an unknown field", "a card number"],
)
def test_a_poison_message_is_set_aside_with_its_reason_and_the_pipeline_goes_on(
    platform: Platform, text: str, said: str
) -> None:
    healthy = Wish()
    poison = text % healthy.customer
    platform.send(poison)
    platform.send(healthy.message())
    dead = platform.dead_letter("intentsDlq", healthy.customer)
    assert dead["Body"] == poison
    reason = dead["MessageAttributes"]["reason"]["StringValue"]
    assert said in reason
    assert "4242424242424242" not in reason
    platform.comes_to(healthy, "active")


def test_a_poison_message_gives_no_evidence(platform: Platform) -> None:
    mark = Wish().customer
    execution = platform.subscribe.run(handed_over(f"poison {mark}"))
    assert execution.output == {"outcome": "poison", "evidence": "none"}
    assert execution.states() == ["Claim", "Route", "SetAside"]
    platform.dead_letter("intentsDlq", mark)
