"""API destinations: called at most as often as they say."""

import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import Cloud, unique, until

RATE = 5
EVENTS = 12
JITTER_SECONDS = 0.15
"""Slots are evenly spaced; an arrival may come this much later than its slot, and the next one on time."""


class Arrivals(http.server.BaseHTTPRequestHandler):
    """Notes when each request comes."""

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        self.server.arrivals.append(time.monotonic())
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Arrivals)
    listening.arrivals = []
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield listening
    listening.shutdown()


def burst(cloud: Cloud, server: http.server.HTTPServer) -> list[float]:
    """Many events at once for a destination with a rate: when they came."""
    events, name = cloud.client("events"), unique("burst")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "secret"}}
    connection = events.create_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=key)
    destination = events.create_api_destination(
        Name=name,
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=f"http://127.0.0.1:{server.server_address[1]}/",
        HttpMethod="POST",
        InvocationRateLimitPerSecond=RATE,
    )
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": destination["ApiDestinationArn"]}])
    for first in range(0, EVENTS, 10):
        entries = [
            {"Source": name, "DetailType": "Changed", "Detail": "{}"} for _ in range(first, min(first + 10, EVENTS))
        ]
        assert not events.put_events(Entries=entries)["FailedEntryCount"]
    until(lambda: len(server.arrivals) >= EVENTS)
    return sorted(server.arrivals)


def test_a_burst_is_spread(cloud: Cloud, server: http.server.HTTPServer) -> None:
    arrivals = burst(cloud, server)
    spans = [later - earlier for earlier, later in zip(arrivals, arrivals[RATE:], strict=False)]
    assert min(spans) >= 1 - JITTER_SECONDS, spans


def test_upstream_still_sends_a_burst_at_once(stock: Cloud, server: http.server.HTTPServer) -> None:
    arrivals = burst(stock, server)
    assert arrivals[-1] - arrivals[0] < (EVENTS - 1) / RATE
