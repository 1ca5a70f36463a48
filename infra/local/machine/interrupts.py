"""Ctrl-C, SIGTERM and a closed terminal, as one exception that never arrives at a bad moment."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody asked this program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number
        """The exit code that a shell expects."""


_holders = 0
_waiting: int | None = None


def listen() -> None:
    """From now on each of the signals raises `Ended`, also where the shell had them ignored."""
    for number in SIGNALS:
        signal.signal(number, _arrived)


@contextmanager
def held() -> Iterator[None]:
    """Run the body to its end; a signal that comes meanwhile raises afterwards."""
    global _holders, _waiting
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
    if _waiting is not None and _holders == 0:
        number, _waiting = _waiting, None
        raise Ended(number)


def _arrived(number: int, _: FrameType | None) -> None:
    global _waiting
    if _holders:
        _waiting = number
    else:
        raise Ended(number)
