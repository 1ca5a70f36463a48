"""Warm invocations of `provided.*` functions without a floor of 100 ms.

Gap: every warm invocation waits about 40 ms for Nagle's algorithm (the runtime API writes header and body in two
packets) and a fixed 50 ms in case the function logs something.
Real AWS: the overhead of a warm invocation is about a millisecond.
Here: `TCP_NODELAY` on the runtime API; the logs are complete when the function's pipe is empty, not after a fixed time.
Unfaithful: a function that writes its last log line after it sent its answer sees that line in the next invocation's
log stream.
"""

import contextlib
import fcntl
import queue
import struct
import termios
import time

from ministack.core import lambda_runtime

QUIET_SECONDS = 0.003
"""The pipe has to be empty for this long; the thread that reads it may have taken a line and not handed it over yet."""

LONGEST_DRAIN_SECONDS = 0.25


def install() -> None:
    """Replace the runtime API's request handler and the wait for log lines."""
    build = lambda_runtime.ProvidedWorker._build_handler_class

    def build_without_nagle(self, *args):
        handler = build(self, *args)
        handler.disable_nagle_algorithm = True
        return handler

    lambda_runtime.ProvidedWorker._build_handler_class = build_without_nagle
    lambda_runtime.ProvidedWorker._drain_stderr_bounded = _drain


def _drain(worker, **_fixed_waits) -> str:
    """Collect the log lines that the function has written so far."""
    lines = []
    started = last_activity = time.monotonic()
    while (now := time.monotonic()) - started < LONGEST_DRAIN_SECONDS:
        try:
            lines.append(worker._stderr_queue.get_nowait())
            last_activity = now
        except queue.Empty:
            if _unread_bytes(worker._proc):
                last_activity = now
            elif now - last_activity >= QUIET_SECONDS:
                break
            time.sleep(0.0005)
    return "\n".join(lines)


def _unread_bytes(process) -> int:
    """How many bytes wait in the pipe from the function."""
    if process is None or process.stdout is None:
        return 0
    with contextlib.suppress(OSError, ValueError):  # the pipe was closed meanwhile
        return struct.unpack("i", fcntl.ioctl(process.stdout.fileno(), termios.FIONREAD, b"\0\0\0\0"))[0]
    return 0
