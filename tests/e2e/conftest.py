"""End to end: over HTTP, on the deployed template, with providers that fail."""

from collections.abc import Iterator

import pytest

from support.breaker import Breaker
from support.fixtures import breaker, deployed_example, example, platform
from support.platform import Platform

__all__ = ["breaker", "deployed_example", "example", "platform"]


@pytest.fixture
def daylight(platform: Platform, breaker: Breaker) -> Iterator[None]:
    """Before and after the test: providers that work, a quiet alarm, a closed circuit."""
    heal(platform, breaker)
    yield
    heal(platform, breaker)


def heal(platform: Platform, breaker: Breaker) -> None:
    """Repair what a test broke."""
    for stand_in in ("payment", "fraud"):
        platform.fault(stand_in, "none")
    platform.forget_gates()
    if breaker.state != "closed" or breaker.pipe_state() != "RUNNING":
        breaker.command("disabled", "a test is over")
        breaker.alarm_comes_to("OK", "INSUFFICIENT_DATA")
        breaker.command("closed", "a test is over")
    breaker.alarm_comes_to("OK", "INSUFFICIENT_DATA")
    breaker.comes_to("closed")
