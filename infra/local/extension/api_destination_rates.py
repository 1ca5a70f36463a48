"""API destinations that are called at most as often as they say.

Gap: InvocationRateLimitPerSecond is stored without effect.
Real AWS: EventBridge calls a destination at most so many times a second, 300 where it does not say; what is more waits.
Here: each call waits for its slot, evenly spaced, in the thread that delivers it; a pipe that delivers one after the
other slows down with it.
Unfaithful: AWS paces over some seconds and may burst within one.
"""

import threading
import time

from ministack.services import eventbridge

DEFAULT_RATE = 300

_lock = threading.Lock()
_next_slot: dict[str, float] = {}


def install() -> None:
    """Wait for the destination's slot before a request to it is built, which is right before it is sent."""
    build = eventbridge._build_api_destination_request

    def paced(destination: dict, *rest: object) -> object:
        time.sleep(_reserve(destination))
        return build(destination, *rest)

    eventbridge._build_api_destination_request = paced


def _reserve(destination: dict) -> float:
    """How long to wait for the next slot, which is taken."""
    rate = int(destination.get("InvocationRateLimitPerSecond") or DEFAULT_RATE)  # a template's parameter is a text
    name = destination["ApiDestinationArn"]
    now = time.monotonic()
    with _lock:
        slot = max(now, _next_slot.get(name, now))
        _next_slot[name] = slot + 1 / rate
    return slot - now
