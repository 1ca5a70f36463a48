"""The stand-ins: small programs of `tests/stand-ins` that play the providers and the site."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from machine import ports, settings
from machine.failure import Failure
from machine.processes import Processes, tail

BINARIES = settings.ROOT / "target" / "stand-ins"
START_SECONDS = 20.0
LISTENING = re.compile(r"^listening on (http://\S+)", re.MULTILINE)


def start(
    processes: Processes,
    name: str,
    port: int,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> str:
    """Start the stand-in `name`, wait until it listens, and return its URL."""
    binary = BINARIES / name
    if not binary.exists():
        raise Failure(f"The stand-in {binary} is missing; `make build` builds it.")
    if port:
        ports.claim(f"{name.upper()}_PORT", port)
    log = processes.start(
        name, [str(binary), "--port", str(port), *arguments], environment or {"RUST_BACKTRACE": "1"}, settings.ROOT
    )
    return _address(processes, name, log)


def _address(processes: Processes, name: str, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while True:
        said = LISTENING.search(log.read_text(errors="replace"))
        if said:
            return said.group(1).rstrip("/")
        processes.check()
        if time.monotonic() > deadline:
            raise Failure(f"The stand-in {name} did not listen within {START_SECONDS:.0f} s:\n{tail(log)}")
        time.sleep(0.02)
