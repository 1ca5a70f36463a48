"""A queue that many threads use at once neither loses a message nor hands it to two receivers.

Gap: sending appends to a queue's list while deleting replaces that list, and each delivery path (HTTP requests, SNS,
EventBridge rules, event source mappings, state machine tasks) runs on a thread of its own without a common lock: a
message that arrives during a delete is lost for good, and two receivers can take the same message.
Real AWS: a message that was accepted stays until it is deleted or expires.
Here: every function that reads or changes a queue's messages holds one lock.
Unfaithful: a standard queue here never delivers twice nor out of order by itself; AWS may.
"""

import functools
import threading
from collections.abc import Callable
from types import ModuleType

from ministack.services import eventbridge, lambda_svc, s3, sns, sqs

_lock = threading.RLock()

_TOUCH_MESSAGES: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (
        sqs,
        (
            "_act_send_message",
            "_act_send_message_batch",
            "_act_delete_message",
            "_act_delete_message_batch",
            "_act_change_visibility",
            "_act_change_visibility_batch",
            "_act_purge_queue",
            "_collect_msgs",
            "_expire_retained",
            "_dlq_sweep",
            "_refresh_counts",
            "_receive_messages_for_esm",
            "_delete_messages_for_esm",
        ),
    ),
    (sns, ("_deliver_to_sqs",)),
    (eventbridge, ("_dispatch_to_sqs",)),
    (lambda_svc, ("_route_async_failure", "_send_ddb_stream_failure_record")),
    (s3, ("_deliver_event_to_sqs",)),
)


def install() -> None:
    """Put the lock around every function that touches messages, also in the table that requests are dispatched by."""
    for module, names in _TOUCH_MESSAGES:
        for name in names:
            original = getattr(module, name)
            locked = _locked(original)
            setattr(module, name, locked)
            if module is sqs:
                for action, handler in sqs._HANDLERS.items():
                    if handler is original:
                        sqs._HANDLERS[action] = locked


def _locked(function: Callable) -> Callable:
    @functools.wraps(function)
    def call(*args, **kwargs):
        with _lock:
            return function(*args, **kwargs)

    return call
