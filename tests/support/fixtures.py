"""Fixtures of both suites. A conftest imports what it needs."""

import pytest

from support import example as example_stack
from support.breaker import Breaker
from support.platform import Platform


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The running platform."""
    return Platform.running()


@pytest.fixture(scope="session")
def breaker(platform: Platform) -> Breaker:
    """The platform's pipeline breaker."""
    return Breaker.of(platform)


@pytest.fixture(scope="session")
def deployed_example(platform: Platform) -> Breaker:
    """The example stack's breaker, deployed once."""
    return example_stack.deployed(platform)


@pytest.fixture
def example(deployed_example: Breaker) -> Breaker:
    """The same, as on the first day."""
    example_stack.as_on_the_first_day(deployed_example)
    return deployed_example
