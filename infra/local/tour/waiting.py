"""Waiting for what the platform does by itself."""

import time
from collections.abc import Callable

from machine.failure import Failure

PATIENCE_SECONDS = 240.0


def until(condition: Callable[[], bool], seen: Callable[[], str], note: Callable[[str], None]) -> None:
    """Wait for `condition`, noting what is `seen` meanwhile; give up when nothing new is seen for minutes."""
    last, deadline = "", 0.0
    while not condition():
        now = seen()
        note(now)
        if now != last or not deadline:
            last, deadline = now, time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > deadline:
            raise Failure(f"The story got stuck; for {PATIENCE_SECONDS:.0f} s the platform has said: {now}")
        time.sleep(0.25)
    note(seen())
