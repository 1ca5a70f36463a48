"""Every process that the machine starts, and its end.

Each process leads a session (and so a process group) of its own: a Ctrl-C in the terminal reaches only us, and ending
the group also ends what the process started itself, such as the functions that the local cloud runs. The list is kept
in a file as well, so that `make down`, or the next start, can end what a killed run left behind. A process number that
was given to another program meanwhile is recognised by its start time and left alone.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import interrupts
from machine.failure import Failure

PATIENCE_SECONDS = 5.0
"""How long a process may take to end itself before it is killed."""


@dataclass(frozen=True)
class Record:
    """One line of the list: enough to find the process again, and to know that it is still the same one."""

    name: str
    pid: int
    started: str


class Processes:
    """The processes of one machine. Leaving the `with` block ends them all, unless `keep` was called."""

    def __init__(self, state: Path) -> None:
        self._list = state / "processes.json"
        self._logs = state / "logs"
        self._children: list[tuple[Record, subprocess.Popen[bytes]]] = []
        self.kept = False
        """Whether the processes outlive the `with` block."""

    def __enter__(self) -> "Processes":
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if not self.kept:
            self.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Path:
        """Start `command`; its output goes to the log file whose path is the answer."""
        log = self._logs / f"{name}.log"
        # Between a process's birth and its line in the list nothing may interrupt us.
        with interrupts.held(), log.open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._children.append((Record(name, child.pid, _start_time(child.pid)), child))
            self._write()
        return log

    def check(self) -> None:
        """Raise when a process has ended that should still run."""
        for record, child in self._children:
            if child.poll() is not None:
                log = self._logs / f"{record.name}.log"
                raise Failure(f"{record.name} ended with status {child.returncode}; the end of {log}:\n{tail(log)}")

    def keep(self) -> None:
        """Leave the processes running when the `with` block ends; `stop_former` finds them by their list."""
        self.kept = True

    def stop(self) -> None:
        """End every process, the last started first."""
        with interrupts.held():
            for record, child in reversed(self._children):
                _end(record, child)
            if self._children:
                # Otherwise the list is not ours, but that of a run that was kept.
                self._list.unlink(missing_ok=True)
            self._children.clear()

    def stop_former(self) -> bool:
        """End what an earlier run left behind; false when there was nothing."""
        try:
            records = [Record(**line) for line in json.loads(self._list.read_text())]
        except FileNotFoundError:
            return False
        alive = [record for record in records if record.started and _start_time(record.pid) == record.started]
        for record in reversed(alive):
            _end(record)
        self._list.unlink(missing_ok=True)
        return bool(alive)

    def _write(self) -> None:
        draft = self._list.with_suffix(".draft")
        draft.write_text(json.dumps([asdict(record) for record, _ in self._children]))
        draft.replace(self._list)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, for a message."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"    {line}" for line in text[-lines:]) or "    (no output)"


def _end(record: Record, child: subprocess.Popen[bytes] | None = None) -> None:
    """Ask the process to end, give it a moment, then kill its whole group."""
    _signal(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and _group_lives(record.pid):
        if child is not None:
            child.poll()
        time.sleep(0.02)
    _signal(record.pid, signal.SIGKILL)
    if child is not None:
        child.wait()


def _signal(group: int, number: signal.Signals) -> None:
    # An error means that nobody is left in the group (macOS says PermissionError when only a zombie is).
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _start_time(pid: int) -> str:
    """When the process began, as the system tells it; empty when there is no such process."""
    try:
        # Linux: clock ticks since boot. The fields are counted from the end of the name, which may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
