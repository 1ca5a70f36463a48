"""The gates of third parties, as tests look at them and change them; and a third party that says one thing only."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.platform import Platform, invoke
from support.waiting import until


class Gate:
    """The gate of one dependency, of one shard."""

    def __init__(self, platform: Platform, dependency: str) -> None:
        self.platform = platform
        self.dependency = dependency
        self.key = f"GATE#{dependency}#0"

    def reserve(self) -> dict[str, Any]:
        """Ask for a call, as a state machine does."""
        function = self.platform.stack["functions"]["reserve-call"]
        return invoke(self.platform.aws("lambda"), function, {"dependency": self.dependency})

    def item(self) -> dict[str, Any]:
        """The item; empty before the first call."""
        return self.platform.item("gates", self.key)

    def change(self, **fields: Any) -> None:
        """Overwrite fields of the item: what the fleet, or time, would have done to it."""
        self.platform.put("gates", **(self.item() | fields))

    def open(self, until_ms: int) -> None:
        """The circuit opens; the first trial may come at this moment."""
        item = self.item()
        self.change(state="open", gen=item["gen"] + 1, opens=item["opens"] + 1, until=until_ms)

    def renew(self) -> None:
        """Closed, nothing counted, all tokens there, and every function knows it."""

        def answers() -> bool:
            self.platform.aws("dynamodb").delete_item(
                TableName=self.platform.stack["tables"]["gates"], Key={"pk": {"S": self.key}}
            )
            # A function that was told "open" a moment ago says so for a second without asking.
            return self.reserve()["decision"] == "call"

        until(answers, what=f"a new gate of {self.dependency}")


@contextmanager
def saying(status: int) -> Iterator[str]:
    """A third party that answers every POST with this status while the body runs: its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
