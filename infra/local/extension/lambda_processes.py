"""No function's process outlives the server.

Gap: warm functions are child processes that nobody ends when the server ends; after `kill -9` they stay for good.
Real AWS: not applicable; there are no processes to be seen.
Here: a graceful end (SIGTERM, Ctrl-C) ends them first, so that no invocation holds the shutdown up. For every other
end a small watcher process holds the other end of a pipe and their process ids: when the pipe closes, it ends them.
Unfaithful: nothing.
"""

import subprocess
import sys
import threading
import types

from ministack import app
from ministack.core import lambda_runtime

_WATCHER = """
import os, signal, sys, time
alive = set()
for line in sys.stdin:
    sign, pid = line[0], int(line[1:])
    alive.add(pid) if sign == "+" else alive.discard(pid)
for number in (signal.SIGTERM, signal.SIGKILL):
    for pid in list(alive):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            alive.discard(pid)
    if alive:
        time.sleep(0.5)
"""


class _Watcher:
    """The process that ends the functions when the server cannot do it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A session of its own: Ctrl-C in the terminal must not reach it before its work is done.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WATCHER], stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )

    def tell(self, sign: str, pid: int) -> None:
        """`+`: the process lives; `-`: it has ended and its number may be given to another."""
        with self._lock:
            self._process.stdin.write(f"{sign}{pid}\n")


def install() -> None:
    """Start the watcher, report every function's process to it, and end them all in the server's shutdown."""
    watcher = _Watcher()

    class WatchedPopen(subprocess.Popen):
        """A function's process; the watcher knows of it while it lives."""

        _reported_end = False

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            watcher.tell("+", self.pid)

        def _report_end(self):
            if self.returncode is not None and not self._reported_end:
                self._reported_end = True
                watcher.tell("-", self.pid)
            return self.returncode

        def poll(self):
            super().poll()
            return self._report_end()

        def wait(self, timeout=None):
            super().wait(timeout)
            return self._report_end()

    lambda_runtime.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": WatchedPopen})
    serve = app.app

    async def serve_and_clear_up(scope, receive, send):
        if scope["type"] != "lifespan":
            await serve(scope, receive, send)
            return

        async def receive_and_end_functions():
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                lambda_runtime.reset()
            return message

        await serve(scope, receive_and_end_functions, send)

    app.app = serve_and_clear_up
