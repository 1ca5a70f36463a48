"""Progress lines: what is going on, and how long it has been going on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """Print one line at once, also when the output is a pipe."""
    print(text, flush=True)


@contextmanager
def phase(title: str) -> Iterator[None]:
    """Announce `title`, run the body, and end the line with the seconds that it took."""
    live = sys.stdout.isatty()
    print(f"  {title} …", end="" if live else "\n", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(" failed" if live else f"  {title}: failed after {time.monotonic() - began:.1f} s")
        raise
    took = f"{time.monotonic() - began:.1f} s"
    say(f"\r  ✓ {title} ({took})" if live else f"  ✓ {title} ({took})")
