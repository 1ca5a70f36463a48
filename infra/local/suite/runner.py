"""One command of the suite: its output goes to the terminal as it comes, and its tests are counted."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import settings
from machine.failure import Failure
from machine.progress import say

PATIENCE_SECONDS = 10.0
"""How long an interrupted runner may take to tidy up."""


@dataclass(frozen=True)
class Count:
    """How many tests a runner ran."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def run(
    title: str, command: Sequence[str], folder: Path = settings.ROOT, environment: Mapping[str, str] | None = None
) -> str:
    """Run `command` under a heading; its output is the answer, a bad end is a `Failure`."""
    say(f"\n── {title}")
    began = time.monotonic()
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output = _copy(child)
    except BaseException:
        _interrupt(child)
        raise
    if child.returncode != 0:
        place = "" if folder == settings.ROOT else f"cd {folder.relative_to(settings.ROOT)} && "
        raise Failure(f"{title} failed (status {child.returncode}). Alone: {place}{' '.join(command)}")
    say(f"── {title}: {time.monotonic() - began:.0f} s")
    return output


def _copy(child: subprocess.Popen[bytes]) -> str:
    assert child.stdout is not None
    chunks = []
    while chunk := os.read(child.stdout.fileno(), 65536):
        chunks.append(chunk)
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
    child.wait()
    return b"".join(chunks).decode(errors="replace")


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    """Ctrl-C for the runner, so that its fixtures end what they started; then the end for all that is left of it."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(PATIENCE_SECONDS)
        except (ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
            continue


CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
PYTEST = re.compile(r"\b(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)\b")
NODE = re.compile(r"^[#ℹ] (pass|fail|cancelled|skipped|todo) (\d+)\s*$", re.MULTILINE)


def cargo(output: str) -> Count:
    """What `cargo test` counted, over all its binaries."""
    lines = [tuple(map(int, numbers)) for numbers in CARGO.findall(output)]
    return sum((Count(*numbers) for numbers in lines), Count())


def pytest(output: str) -> Count:
    """What pytest counted, from its last line."""
    lines = output.strip().splitlines()
    found = {what.rstrip("s"): int(number) for number, what in PYTEST.findall(lines[-1] if lines else "")}
    return Count(
        found.get("passed", 0),
        found.get("failed", 0) + found.get("error", 0) + found.get("xpassed", 0),
        found.get("skipped", 0) + found.get("xfailed", 0) + found.get("deselected", 0),
    )


def node(output: str) -> Count:
    """What Node's test runner counted, over all its runs."""
    found: Counter[str] = Counter()
    for what, number in NODE.findall(output):
        found[what] += int(number)
    return Count(found["pass"], found["fail"] + found["cancelled"], found["skipped"] + found["todo"])
