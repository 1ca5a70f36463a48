"""Pipes with a DynamoDB stream as their source.

Gap: such a pipe drops its parameters, so that nothing is filtered, transformed or divided into batches; it looks once a
second; it delivers to topics and state machines only; it tries a batch that was not taken again for ever, and has no
dead-letter queue; CreatePipe always begins with the newest record.
Real AWS: a pipe reads a stream in order and hands over batches of the records that its filters let through. A batch
that was not taken is tried again, and stops the records behind it, until MaximumRetryAttempts or
MaximumRecordAgeInSeconds is used up; then the dead-letter queue is told where in the stream it was.
Here: the same, with the targets, enrichments and transitions of `pipes_sqs`; starting positions; AUTOMATIC_BISECT; what
a target refuses in part is tried again without the rest. Tries follow each other after half a second, doubling up to
ten. A stopped pipe goes on where it was.
Unfaithful: a stream has one shard, and ParallelizationFactor has no effect; nor has `MaximumBatchingWindowInSeconds`;
a retry of a halved batch begins with what is left, whole; every failure counts as one of the customer's; a pipe that is
stopped while it tries again counts from the start.
"""

import json
import time

from ministack import app
from ministack.core.arn import parse_arn
from ministack.services import dynamodb, pipes, sqs

from extension import pipe_delivery, pipe_lifecycle

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
DEFAULT_BATCH = 100
READ_AT_ONCE = 1000
MOST_AT_A_BUS_OR_QUEUE = 10
UNLIMITED = -1


def install() -> None:
    """Read pipes' streams, in the place of MiniStack."""
    pipes._poll_pipe = lambda *_arguments: None
    source = pipe_lifecycle.Source(poll=_poll, refusal=_refusal, created=_created)
    pipe_lifecycle.add_source("dynamodb", source)


def _parameters(pipe: dict) -> dict:
    return (pipe.get("SourceParameters") or {}).get("DynamoDBStreamParameters") or {}


def _refusal(pipe: dict) -> str:
    takes_ten = ":sqs:" in pipe.get("Target", "") or ":event-bus/" in pipe.get("Target", "")
    if takes_ten and int(_parameters(pipe).get("BatchSize", 1)) > MOST_AT_A_BUS_OR_QUEUE:
        return f"BatchSize is larger than the target supports, {MOST_AT_A_BUS_OR_QUEUE}."
    return ""


def _created(pipe: dict) -> None:
    pipe["StartingPosition"] = _parameters(pipe).get("StartingPosition", "LATEST")
    pipes._positions[pipe["Arn"]] = pipes._initial_position(pipe)


# ---- Reading -------------------------------------------------------------------------------------------------------


def _poll(pipe: dict) -> None:
    """Hand over one batch after the other, in the order of the stream."""
    while pipe_lifecycle.is_polled(pipe):
        before = int(pipes._positions.get(pipe["Arn"], 0))
        batch, after = _next_batch(pipe, before)
        is_done = not batch or _hand_over(pipe, batch)
        if is_done and pipe_lifecycle.is_polled(pipe):
            pipes._positions[pipe["Arn"]] = after
        if after == before:
            time.sleep(pipe_lifecycle.IDLE_SECONDS)


def _next_batch(pipe: dict, position: int) -> tuple[list[dict], int]:
    """The next records that the filters let through, and the position behind the last one that was looked at."""
    stream = parse_arn(pipe["Source"])
    table = stream.resource.split("/")[1]
    if (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != pipe["Source"]:
        return [], position  # the table is gone, or has another stream now, which is not this pipe's
    scope = {"account_id": stream.account_id, "region": stream.region}
    position = max(position, dynamodb.stream_start_position(table, **scope))
    size = int(_parameters(pipe).get("BatchSize", DEFAULT_BATCH))
    batch: list[dict] = []
    for record in dynamodb.stream_records_since(table, position, READ_AT_ONCE, **scope):
        batch += pipe_delivery.wanted(pipe, [record])
        position += 1
        if len(batch) == size:
            break
    return batch, position


# ---- Handing over --------------------------------------------------------------------------------------------------


def _hand_over(pipe: dict, batch: list[dict]) -> bool:
    """Deliver a batch, however often it takes, or give it up. False: the pipe was stopped before either."""
    left, retries = _attempt(pipe, batch), 0
    while left:
        if condition := _exhausted(pipe, left, retries):
            _give_up(pipe, left, condition)
            return True
        delay = min(FIRST_RETRY_SECONDS * 2**retries, LONGEST_RETRY_SECONDS)
        until = time.monotonic() + delay
        while time.monotonic() < until:
            if not pipe_lifecycle.is_polled(pipe):
                return False
            time.sleep(pipe_lifecycle.IDLE_SECONDS)
        retries += 1
        left = _attempt(pipe, left)
    return True


def _attempt(pipe: dict, batch: list[dict]) -> list[dict]:
    """Deliver a batch once, in halves if the pipe bisects; what is left of it."""
    try:
        refused = pipe_delivery.deliver(pipe, batch, "eventID")
    except Exception as error:  # whatever it is, the records have to be tried again
        app.logger.warning("Pipe %s: a batch of %d was not delivered: %s", pipe["Name"], len(batch), error)
        if len(batch) == 1 or _parameters(pipe).get("OnPartialBatchItemFailure") != "AUTOMATIC_BISECT":
            return batch
        middle = len(batch) // 2
        return _attempt(pipe, batch[:middle]) + _attempt(pipe, batch[middle:])
    return [record for record in batch if record["eventID"] in refused]


def _exhausted(pipe: dict, batch: list[dict], retries: int) -> str:
    """Why the batch must not be tried again, if it must not."""
    most = int(_parameters(pipe).get("MaximumRetryAttempts", UNLIMITED))
    age = int(_parameters(pipe).get("MaximumRecordAgeInSeconds", UNLIMITED))
    if UNLIMITED < most <= retries:
        return "RetryAttemptsExhausted"
    if age != UNLIMITED and time.time() - batch[-1]["dynamodb"]["ApproximateCreationDateTime"] > age:
        return "RecordAgeExceeded"
    return ""


def _give_up(pipe: dict, batch: list[dict], condition: str) -> None:
    """Tell the dead-letter queue where in the stream the batch is; the records themselves are not sent."""
    app.logger.warning("Pipe %s: a batch of %d was given up: %s", pipe["Name"], len(batch), condition)
    dead_letters = (_parameters(pipe).get("DeadLetterConfig") or {}).get("Arn")
    if not dead_letters:
        return
    first, last = batch[0]["dynamodb"], batch[-1]["dynamodb"]
    message = {
        "context": {"partnerResourceArn": pipe["Arn"], "condition": condition},
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
            "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
            "batchSize": len(batch),
            "streamArn": pipe["Source"],
        },
    }
    try:
        url = sqs._queue_url(parse_arn(dead_letters).resource)
        sqs._act_send_message({"MessageBody": json.dumps(message)}, url)
    except sqs._Err as error:
        app.logger.error("The dead-letter queue %s did not take it either: %s", dead_letters, error)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
