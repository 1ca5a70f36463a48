"""The proof of the tour finds every broken promise."""

import pytest

from machine.proof import Line, intent_id

KEPT = [
    Line("i", "active", captured=1, refunded=0, entitled=True, case=False),
    Line("i", "declined", captured=0, refunded=0, entitled=False, case=False),
    Line("i", "refunded", captured=1, refunded=1, entitled=False, case=False),
    Line("i", "parked", captured=1, refunded=0, entitled=False, case=True),
]
BROKEN = {
    "charged more than once": Line("i", "active", captured=2, refunded=0, entitled=True, case=False),
    "accepted, but not in the ledger": Line("i", "missing", captured=0, refunded=0, entitled=False, case=False),
    "parked without an open case": Line("i", "parked", captured=0, refunded=0, entitled=False, case=False),
    "not ended": Line("i", "retrying", captured=0, refunded=0, entitled=False, case=False),
    "active without payment or content": Line("i", "active", captured=1, refunded=0, entitled=False, case=False),
    "money kept without content": Line("i", "declined", captured=1, refunded=0, entitled=False, case=False),
}


@pytest.mark.parametrize("line", KEPT, ids=lambda line: line.status)
def test_a_kept_promise_is_not_reported(line: Line) -> None:
    assert line.broken == ""


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_promise_is_named(said: str) -> None:
    assert BROKEN[said].broken == said


def test_a_free_subscription_is_a_broken_promise() -> None:
    line = Line("i", "active", captured=0, refunded=0, entitled=True, case=False)
    assert line.broken == "active without payment or content"


def test_the_intent_id_is_the_one_of_the_functions() -> None:
    # printf 'sub:key' | openssl dgst -sha256 -binary | basenc --base64url | tr -d =
    assert intent_id("sub", "key") == "BAKz_zvVoZ7ZRLb4sESNTVeYMh5WuQ-rWJhGZOutwqo"
