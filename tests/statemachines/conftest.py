"""State machine tests: each path by name, on the local cloud, with the real functions and the providers' stand-ins."""

from collections.abc import Iterator

import pytest

from support.breaker import Breaker
from support.fixtures import breaker, deployed_example, example, platform
from support.platform import Platform

__all__ = ["breaker", "deployed_example", "example", "platform"]


@pytest.fixture(scope="session", autouse=True)
def _the_breaker_stays_out(breaker: Breaker) -> Iterator[None]:
    """These tests let executions fail on purpose; the platform's breaker has tests of its own."""
    breaker.command("disabled", "state machine tests let executions fail")
    yield
    breaker.alarm_comes_to("OK", "INSUFFICIENT_DATA")
    breaker.command("closed", "the state machine tests are over")


@pytest.fixture(autouse=True)
def _the_gates_are_new(platform: Platform) -> Iterator[None]:
    """What one test did to a third party is nothing to the next."""
    yield
    platform.forget_gates()
