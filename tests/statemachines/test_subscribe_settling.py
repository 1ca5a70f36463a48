"""`subscribe`, the way back: the money is returned, or a person is asked; and what that person may do."""

import pytest

from support.executions import calling, hold_before
from support.intents import Wish, handed_over, held_by_another, now_ms
from support.platform import Platform
from support.recovery import deaths

HOUR_MS = 3600 * 1000


def parked_unsettled(platform: Platform) -> Wish:
    """An intent whose charge was captured, whose content was refused, and whose refund fails for good."""
    wish = Wish("pm_refundFailsForGood")
    platform.put("entitlements", **held_by_another(wish))
    execution = platform.run(wish)
    assert execution.output == {"outcome": "parked", "evidence": "failed", "intentId": wish.id}
    assert execution.states()[-2:] == ["SettleCharge", "Park"]
    return wish


def parked_settled(platform: Platform) -> Wish:
    """An intent that grew too old after its capture: undone, its money returned, and then put before a person."""
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Unblock"))
    with deaths(platform, machine) as dead:
        execution = machine.start(handed_over(wish.message())).in_state("Hold")
        platform.change_row(wish, deadline=now_ms() - 1)
        dead.report(execution.stop())
        platform.comes_to(wish, "parked")
        return wish


def test_content_fails_and_the_payment_is_refunded(platform: Platform) -> None:
    wish = Wish()
    held = held_by_another(wish)
    platform.put("entitlements", **held)
    execution = platform.run(wish)
    assert execution.output == {"outcome": "refunded", "evidence": "none", "intentId": wish.id}
    assert "Unblock" in execution.states()
    assert platform.row(wish)["reason"] == "entitlement-held"
    assert platform.charge(wish)["state"] == "refunded"
    assert platform.decision(wish) == "refused"
    assert platform.entitlement(wish) == held
    assert platform.lock(wish) == {}
    assert platform.money(wish) == (1, 1)


def test_content_access_that_fails_for_good_leads_to_a_refund(platform: Platform) -> None:
    # A task that answers `Terminal`: activation without a grant. Called in the place of content access.
    task = platform.subscribe.definition()["States"]["Activate"]["Arguments"]
    machine = platform.subscribe.changed(calling("Unblock", **task))
    wish = Wish()
    execution = machine.run(handed_over(wish.message()))
    assert execution.output["outcome"] == "refunded"
    assert platform.row(wish)["reason"] == "content could not be unblocked"
    assert platform.money(wish) == (1, 1)


def test_refund_fails_and_the_intent_is_parked_with_a_case_and_its_lock(platform: Platform) -> None:
    wish = parked_unsettled(platform)
    case = platform.case(wish)
    assert (case["kind"], case["open"], case["intentId"]) == ("refund-failed", "open", wish.id)
    assert "charge_disputed" in case["why"]
    assert case["evidence"]["charge"] == wish.charge()
    assert platform.lock(wish)["intentId"] == wish.id
    assert platform.charge(wish)["state"] == "refunding"
    assert platform.money(wish) == (1, 0)
    # As long as money may be held, no second intent may charge.
    second = Wish(customer=wish.customer)
    platform.run(second)
    assert (platform.row(second)["status"], platform.row(second)["reason"]) == ("declined", "already-subscribed")
    assert platform.money(second) == (0, 0)


def test_operators_list_a_case_and_may_not_close_it_while_money_is_held(platform: Platform) -> None:
    wish = parked_unsettled(platform)
    case = platform.case(wish)
    listed = platform.operate("GET", "/ops/cases?limit=200").body["cases"]
    assert case["id"] in [one["id"] for one in listed]
    assert [one["openedAt"] for one in listed] == sorted(one["openedAt"] for one in listed)
    shown = platform.operate("GET", f"/ops/cases/{case['id']}")
    assert (shown.status, shown.body["open"], shown.body["kind"]) == (200, True, "refund-failed")
    refused = platform.decide(case, "close")
    assert (refused.status, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "not settled" in refused.body["detail"]
    assert platform.status(wish) == "parked"
    assert platform.case(wish)["open"] == "open"


@pytest.mark.parametrize("action", ["retry", "refund"])
def test_an_operator_lets_an_unsettled_charge_settle_again(platform: Platform, action: str) -> None:
    wish = parked_unsettled(platform)
    case = platform.case(wish)
    decided = platform.decide(case, action)
    assert decided.status == 200, decided.body
    assert (decided.body["open"], decided.body["resolution"]) == (False, action)
    [line] = decided.body["audit"]
    assert (line["action"], line["why"]) == (action, "a test says so")
    assert line["by"].startswith("arn:aws:iam::")
    # The provider refuses again: a case of its own. A refused charge is settled, never granted, whatever was asked.
    row = platform.comes_to(wish, "parked")
    assert (row["n"], row["attempt"]) == (1, 2)
    assert row["caseId"] != case["id"]
    assert platform.decision(wish) == "refused"
    assert platform.money(wish) == (1, 0)
    again = platform.decide(case, action)
    assert again.status == 409


def test_an_intent_that_grew_too_old_is_undone_before_a_person_is_asked(platform: Platform) -> None:
    wish = parked_settled(platform)
    case = platform.case(wish)
    assert (case["kind"], case["open"]) == ("gave-up", "open")
    assert platform.charge(wish)["state"] == "refunded"
    assert platform.lock(wish) == {}
    assert platform.money(wish) == (1, 1)


def test_an_operator_closes_a_settled_case(platform: Platform) -> None:
    wish = parked_settled(platform)
    case = platform.case(wish)
    assert platform.decide(case, "refund").status == 409
    closed = platform.decide(case, "close")
    assert (closed.status, closed.body["resolution"]) == (200, "close")
    row = platform.row(wish)
    assert row["status"] == "refunded"
    assert "caseId" not in row
    assert platform.money(wish) == (1, 1)


def test_an_operators_retry_of_a_settled_charge_is_a_new_charge(platform: Platform) -> None:
    wish = parked_settled(platform)
    assert platform.decide(platform.case(wish), "retry").status == 200
    row = platform.comes_to(wish, "active")
    assert row["n"] == 2
    assert row["deadline"] > now_ms() + HOUR_MS, "a retry after the deadline must not be parked at once"
    assert platform.charge(wish, 1)["state"] == "refunded"
    assert platform.charge(wish, 2)["state"] == "captured"
    assert (platform.decision(wish, 1), platform.decision(wish, 2)) == ("refused", "granted")
    assert platform.money(wish) == (2, 1)


def test_too_many_attempts_that_fail_by_our_fault_are_undone(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Charge"))
    with deaths(platform, machine) as dead:
        execution = machine.start(handed_over(wish.message())).in_state("Hold")
        platform.change_row(wish, faults=4)
        dead.report(execution.stop())
        platform.comes_to(wish, "parked")
        assert platform.case(wish)["kind"] == "gave-up"
        assert platform.charge(wish)["state"] == "canceled"
        assert platform.money(wish) == (0, 0)


def test_at_a_second_limit_content_is_refused_and_the_lock_kept(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Unblock"))
    with deaths(platform, machine) as dead:
        execution = machine.start(handed_over(wish.message())).in_state("Hold")
        platform.change_row(wish, deadline=now_ms() - 1, extended=True, out="parked")
        dead.report(execution.stop())
        platform.comes_to(wish, "parked")
        assert platform.case(wish)["kind"] == "unsettled"
        assert platform.decision(wish) == "refused"
        assert platform.lock(wish)["intentId"] == wish.id
        assert platform.money(wish) == (1, 0)
        assert platform.decide(platform.case(wish), "close").status == 409
        assert platform.decide(platform.case(wish), "refund").status == 200
        platform.comes_to(wish, "refunded")
        assert platform.lock(wish) == {}
        assert platform.money(wish) == (1, 1)


def test_at_a_second_limit_a_grant_still_leads_forward(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Activate"))
    with deaths(platform, machine) as dead:
        execution = machine.start(handed_over(wish.message())).in_state("Hold")
        platform.change_row(wish, deadline=now_ms() - 1, extended=True, out="parked")
        dead.report(execution.stop())
        platform.comes_to(wish, "active")
        assert platform.entitlement(wish)["intentId"] == wish.id
        assert platform.money(wish) == (1, 0)
