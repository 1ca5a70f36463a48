"""Pipes with an SQS queue as their source.

Gap: such a pipe never moves a message; source and target parameters are dropped; it starts and stops at once.
Real AWS: a pipe polls the queue, filters, enriches, transforms and hands batches to its target; what the target did not
take becomes visible again after the queue's visibility time-out. StartPipe and StopPipe are asynchronous, and a stopped
pipe may still hand over what it had polled before.
Here: targets are state machines, functions, queues, event buses and API destinations, enrichments functions and state
machines; filters, dynamic parameters and input templates as documented; batch sizes; partial batch responses (all in
`pipe_lifecycle`, `pipe_delivery` and `pipe_templates`). Environment:
  `LOCAL_AWS_PIPE_STARTING_SECONDS` (0.2), `LOCAL_AWS_PIPE_STOPPING_SECONDS` (1): how long the transitions take. A pipe
  in transition answers ConflictException.
  `LOCAL_AWS_PIPE_STRAY_SECONDS` (1): a pipe that comes to STOPPED takes one batch more and hands it over this much
  later, although it is stopped; 0 means none.
Unfaithful: `MaximumBatchingWindowInSeconds` has no effect (a batch is what is visible now); enrichments over HTTP are
refused; CREATING, UPDATING and the *_FAILED states do not occur; StopPipe of a stopped pipe succeeds.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable

from ministack import app
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_region
from ministack.services import lambda_svc, sqs

from extension import pipe_delivery, pipe_lifecycle

DELIVERIES_AT_ONCE = 64


def install() -> None:
    """Read pipes' queues."""
    pipe_lifecycle.add_source("sqs", pipe_lifecycle.Source(poll=_poll, held=_held))


def _queue_url(pipe: dict) -> str:
    return sqs._queue_url(pipe["Source"].rsplit(":", 1)[1])


def _poll(pipe: dict) -> None:
    """Take batches and hand each over on a thread of its own."""
    free = threading.Semaphore(DELIVERIES_AT_ONCE)

    def hand_over(batch: list[dict]) -> None:
        try:
            _hand_over(pipe, batch)
        finally:
            free.release()

    while pipe_lifecycle.is_polled(pipe):
        free.acquire()  # before the poll: a message that waits here would lose its visibility time-out
        batch = _receive(pipe)
        if batch:
            spawn_background(hand_over, batch, thread_name="pipe-delivery")
        else:
            free.release()
            time.sleep(pipe_lifecycle.IDLE_SECONDS)


def _held(pipe: dict) -> Callable[[], None] | None:
    batch = _receive(pipe)
    return functools.partial(_hand_over, pipe, batch) if batch else None


def _receive(pipe: dict) -> list[dict]:
    """The messages that are visible now, at most one batch; none when the queue does not exist."""
    size = ((pipe.get("SourceParameters") or {}).get("SqsQueueParameters") or {}).get("BatchSize", 10)
    batch: list[dict] = []
    with contextlib.suppress(sqs._Err):
        while len(batch) < size:
            more = sqs._receive_messages_for_esm(_queue_url(pipe), size - len(batch))
            if not more:
                break
            # A copy: a later receive of the same message must not change this batch's receipt handles.
            batch += [dict(message) for message in more]
    return batch


def _hand_over(pipe: dict, batch: list[dict]) -> None:
    """Deliver a batch; delete what the target took and what the filters left out."""
    wanted = pipe_delivery.wanted(pipe, [_record(pipe, message) for message in batch])
    failed: set[str] = set()
    if wanted:
        try:
            failed = pipe_delivery.deliver(pipe, wanted, "messageId")
        except Exception as error:  # whatever it is, the messages have to come back
            app.logger.warning("Pipe %s: a batch of %d was not delivered: %s", pipe["Name"], len(wanted), error)
            failed = {record["messageId"] for record in wanted}
    done = {message["receipt_handle"] for message in batch if message["id"] not in failed}
    with contextlib.suppress(sqs._Err):  # the queue was deleted meanwhile
        sqs._delete_messages_for_esm(_queue_url(pipe), done)


def _record(pipe: dict, message: dict) -> dict:
    """A message as a pipe's target sees it."""
    attributes = {
        **{key: value for key, value in (message.get("sys") or {}).items() if key != "DeadLetterQueueSourceArn"},
        "ApproximateReceiveCount": str(message["receive_count"]),
        "ApproximateFirstReceiveTimestamp": str(int(message["first_receive_at"] * 1000)),
    }
    if message.get("group_id"):
        attributes["MessageGroupId"] = message["group_id"]
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": attributes,
        "messageAttributes": lambda_svc._sqs_message_attributes_to_camel_case(message["message_attributes"]),
        "md5OfBody": message["md5_body"],
        "eventSource": "aws:sqs",
        "eventSourceARN": pipe["Source"],
        "awsRegion": get_region(),
    }
