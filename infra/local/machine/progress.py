"""Progress lines: what is going on, how it stands, and how long it took."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """Print one line at once, also when the output is a pipe."""
    print(text, flush=True)


@contextmanager
def phase(title: str) -> Iterator[Callable[[str], None]]:
    """Announce `title`, run the body, and end with the seconds that it took.

    The body is given a function for notes on how it stands. A terminal shows the last one beside the title; elsewhere
    each that differs from the one before is a line.
    """
    live = sys.stdout.isatty()
    began = time.monotonic()
    last = ""

    def note(text: str) -> None:
        nonlocal last
        if text and text != last:
            print(f"\r\033[K  {title} … {text}" if live else f"      {text}", end="" if live else "\n", flush=True)
            last = text

    print(f"  {title} …", end="" if live else "\n", flush=True)
    start = "\r\033[K" if live else ""
    try:
        yield note
    except BaseException:
        say(f"{start}  ✗ {title} (failed after {time.monotonic() - began:.1f} s)")
        raise
    say(f"{start}  ✓ {title} ({time.monotonic() - began:.1f} s)")
