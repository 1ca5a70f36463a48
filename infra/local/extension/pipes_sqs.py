"""Pipes with an SQS queue as their source.

Gap: such a pipe never moves a message; source and target parameters are dropped; it starts and stops at once.
Real AWS: a pipe polls the queue, filters, transforms and hands batches to its target; what the target did not take
becomes visible again after the queue's visibility time-out. StartPipe and StopPipe are asynchronous, and a stopped pipe
may still hand over what it had polled before.
Here: targets are state machines, functions, queues, event buses and API destinations; filters and input templates as
documented; batch sizes; partial batch responses. Environment:
  `LOCAL_AWS_PIPE_STARTING_SECONDS` (0.2), `LOCAL_AWS_PIPE_STOPPING_SECONDS` (1): how long the transitions take. A pipe
  in transition answers ConflictException.
  `LOCAL_AWS_PIPE_STRAY_SECONDS` (1): a pipe that comes to STOPPED takes one batch more and hands it over this much
  later, although it is stopped; 0 means none.
Unfaithful: `MaximumBatchingWindowInSeconds` has no effect (a batch is what is visible now); enrichment is not
supported and refused; CREATING, UPDATING and the *_FAILED states do not occur; StopPipe of a stopped pipe succeeds.
"""

import contextlib
import copy
import json
import os
import re
import threading
import time

from ministack import app
from ministack.core.arn import parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, lambda_svc, pipes, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

STARTING_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STARTING_SECONDS", "0.2"))
STOPPING_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STOPPING_SECONDS", "1"))
STRAY_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STRAY_SECONDS", "1"))

IDLE_SECONDS = 0.05
DELIVERIES_AT_ONCE = 64
KEPT = ("SourceParameters", "TargetParameters", "Enrichment", "EnrichmentParameters", "LogConfiguration")

_upstream_create = pipes._create_pipe
_upstream_update = pipes._update_pipe
_upstream_cloudformation_create = provisioners._pipes_pipe_create


class _DeliveryError(Exception):
    """The target did not take the batch."""


def install() -> None:
    """Keep the parameters, make the transitions asynchronous, and start one poller for each pipe that runs."""
    pipes._create_pipe = _create_pipe
    pipes._update_pipe = _update_pipe
    pipes._set_state = _set_state
    describe = pipes._describe_response
    pipes._describe_response = lambda pipe: {**describe(pipe), **{key: pipe[key] for key in KEPT if key in pipe}}
    provisioners._pipes_pipe_create = _cloudformation_create
    provisioners._RESOURCE_HANDLERS["AWS::Pipes::Pipe"]["create"] = _cloudformation_create
    fields = provisioners._pipes_pipe_fields
    # A template that does not name DesiredState must not start a pipe that somebody stopped.
    provisioners._pipes_pipe_fields = lambda props: {
        **{key: value for key, value in fields(props).items() if key != "DesiredState" or key in props},
        **{key: props[key] for key in KEPT if key in props},
    }
    threading.Thread(target=_supervise, name="pipes-sqs", daemon=True).start()


# ---- The API -------------------------------------------------------------------------------------------------------


def _refusal(body: dict) -> tuple | None:
    if body.get("Enrichment"):
        return pipes._error(400, "ValidationException", "The local cloud does not support a pipe's Enrichment.")
    return None


def _create_pipe(name: str, body: dict) -> tuple:
    answer = _refusal(body) or _upstream_create(name, body)
    if answer[0] < 400:
        _keep(pipes._pipes[name], body)
    return answer


def _update_pipe(name: str, body: dict) -> tuple:
    pipe = pipes._pipes.get(name)
    if pipe is not None and _in_transition(pipe):
        return _conflict(pipe)
    wanted = body.get("DesiredState")
    # Upstream would change the state at once, so it only gets to see a wrong one, to refuse it.
    others = {key: value for key, value in body.items() if key != "DesiredState"}
    is_wrong = wanted is not None and wanted not in pipes._VALID_REQUESTED_STATE
    answer = _refusal(body) or _upstream_update(name, body if is_wrong else others)
    if answer[0] >= 400:
        return answer
    _keep(pipe, body)
    return _set_state(name, wanted) if wanted else answer


def _cloudformation_create(logical_id: str, props: dict, stack_name: str) -> tuple:
    if refused := _refusal(props):
        raise ValueError(json.loads(refused[2])["message"])
    name, attributes = _upstream_cloudformation_create(logical_id, {"DesiredState": "RUNNING", **props}, stack_name)
    _keep(pipes._pipes[name], props)
    return name, attributes


def _keep(pipe: dict, given: dict) -> None:
    pipe.update({key: copy.deepcopy(given[key]) for key in KEPT if key in given})


def _in_transition(pipe: dict) -> bool:
    return pipe["CurrentState"] in ("STARTING", "STOPPING")


def _conflict(pipe: dict) -> tuple:
    return pipes._error(409, "ConflictException", f"Pipe {pipe['Name']} is in state {pipe['CurrentState']}.")


def _set_state(name: str, desired: str) -> tuple:
    """StartPipe and StopPipe: the transition begins now and ends by itself."""
    pipe = pipes._pipes.get(name)
    if pipe is None:
        return pipes._not_found(name)
    if _in_transition(pipe):
        return _conflict(pipe)
    if pipe["CurrentState"] != desired:
        transition, seconds = ("STARTING", STARTING_SECONDS) if desired == "RUNNING" else ("STOPPING", STOPPING_SECONDS)
        pipe.update(
            DesiredState=desired,
            CurrentState=transition,
            LastModifiedTime=int(time.time()),
        )
        spawn_background(_settle, pipe, seconds, thread_name=f"pipe-{transition.lower()}")
    return pipes._json_resp(200, pipes._lifecycle_response(pipe))


def _settle(pipe: dict, seconds: float) -> None:
    time.sleep(seconds)
    stray = None
    if pipe["DesiredState"] == "STOPPED" and STRAY_SECONDS > 0 and _polls_queue(pipe):
        stray = _receive(pipe)
    pipe["CurrentState"] = pipe["DesiredState"]
    pipe["LastModifiedTime"] = int(time.time())
    if stray:
        time.sleep(STRAY_SECONDS)
        _hand_over(pipe, stray)


# ---- Polling -------------------------------------------------------------------------------------------------------


def _polls_queue(pipe: dict) -> bool:
    return ":sqs:" in pipe["Source"]


def _queue_url(pipe: dict) -> str:
    return sqs._queue_url(pipe["Source"].rsplit(":", 1)[1])


def _supervise() -> None:
    """Give every running pipe its poller; a poller ends with its pipe's run."""
    polled: set[int] = set()
    while True:
        for (account, region, _name), pipe in list(pipes._pipes.all_items()):
            if pipe.get("CurrentState") == "RUNNING" and _polls_queue(pipe) and id(pipe) not in polled:
                polled.add(id(pipe))
                with request_scope(account, region):
                    spawn_background(_poll, pipe, polled, thread_name="pipe-poller")
        time.sleep(IDLE_SECONDS)


def _poll(pipe: dict, polled: set[int]) -> None:
    """Take batches and hand each over on a thread of its own, while the pipe runs (or has not yet stopped)."""
    free = threading.Semaphore(DELIVERIES_AT_ONCE)

    def hand_over(batch: list[dict]) -> None:
        try:
            _hand_over(pipe, batch)
        finally:
            free.release()

    try:
        while pipe["CurrentState"] in ("RUNNING", "STOPPING") and pipes._pipes.get(pipe["Name"]) is pipe:
            free.acquire()  # before the poll: a message that waits here would lose its visibility time-out
            batch = _receive(pipe)
            if batch:
                spawn_background(hand_over, batch, thread_name="pipe-delivery")
            else:
                free.release()
                time.sleep(IDLE_SECONDS)
    finally:
        polled.discard(id(pipe))


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


# ---- Handing over --------------------------------------------------------------------------------------------------


def _hand_over(pipe: dict, batch: list[dict]) -> None:
    """Deliver a batch; delete what the target took and what the filters left out."""
    records = [_record(pipe, message) for message in batch]
    wanted = lambda_svc._apply_filter_criteria(
        records, {"FilterCriteria": (pipe.get("SourceParameters") or {}).get("FilterCriteria")}
    )
    failed: set[str] = set()
    if wanted:
        try:
            failed = _deliver(pipe, wanted)
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


def _deliver(pipe: dict, records: list[dict]) -> set[str]:
    """Hand the records to the target. Returns the ids of those that it refused one by one; raises if it took none."""
    parameters = pipe.get("TargetParameters") or {}
    template = parameters.get("InputTemplate")
    events = [_transform(template, record, pipe) for record in records] if template else records
    target = parse_arn(pipe["Target"])
    if target.service == "states":
        waits = (parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType")
        return _to_state_machine(pipe["Target"], events, waits == "REQUEST_RESPONSE")
    if target.service == "lambda":
        return _refused(stepfunctions._call_lambda(pipe["Target"], events))
    for event in events:
        text = event if isinstance(event, str) else json.dumps(event)
        if target.service == "sqs":
            queue = parameters.get("SqsQueueParameters") or {}
            sqs._act_send_message({"MessageBody": text, **queue}, sqs._queue_url(target.resource))
        elif target.service == "events" and target.resource.startswith("api-destination/"):
            _to_api_destination(target.resource.split("/")[1], parameters.get("HttpParameters") or {}, event)
        elif target.service == "events":
            _to_event_bus(pipe, parameters.get("EventBridgeEventBusParameters") or {}, text)
        else:
            raise _DeliveryError(f"the local cloud has no pipe target {pipe['Target']}")
    return set()


def _to_state_machine(arn: str, events: list, waits: bool) -> set[str]:
    start = stepfunctions._start_sync_execution if waits else stepfunctions._start_execution
    status, _headers, body = start({"stateMachineArn": arn, "input": json.dumps(events)})
    answer = json.loads(body)
    if status >= 400:
        raise _DeliveryError(f"{answer.get('__type')}: {answer.get('message')}")
    if not waits:
        return set()
    if answer["status"] != "SUCCEEDED":
        raise _DeliveryError(f"the execution ended as {answer['status']}")
    return _refused(json.loads(answer["output"]))


def _refused(answer: object) -> set[str]:
    """The ids of a partial batch response; a function or workflow that answers anything else took them all."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return {failure["itemIdentifier"] for failure in failures or []}


def _to_event_bus(pipe: dict, parameters: dict, detail: str) -> None:
    entry = {
        "EventBusName": pipe["Target"],
        "Source": parameters.get("Source", f"Pipe {pipe['Name']}"),
        "DetailType": parameters.get("DetailType", "Event from aws:sqs"),
        "Resources": parameters.get("Resources", []),
        "Detail": detail,
    }
    _status, _headers, body = eventbridge._put_events({"Entries": [entry]})
    if json.loads(body)["FailedEntryCount"]:
        raise _DeliveryError(f"the event bus refused the event: {body!r}")


def _to_api_destination(name: str, parameters: dict, event: object) -> None:
    destination = eventbridge._api_destinations.get(name)
    connection_name = destination["ConnectionArn"].partition("connection/")[2].split("/")[0] if destination else ""
    connection = eventbridge._connections.get(connection_name)
    if connection is None:
        raise _DeliveryError(f"there is no API destination {name}, or it has no connection")
    request = eventbridge._build_api_destination_request(
        destination,
        connection,
        eventbridge._resolve_http_parameters(parameters, event),
        event if isinstance(event, str) else json.dumps(event),
    )
    scope = (get_account_id(), get_region(), connection_name)
    status = eventbridge._api_destination_send_sync(request, eventbridge._connection_auth_headers(connection, scope))
    if status >= 300:
        raise _DeliveryError(f"API destination {name} answered {status}")


# ---- Input templates -----------------------------------------------------------------------------------------------


_PLACEHOLDER = re.compile(r"<([^<>]+)>")


def _transform(template: str, record: dict, pipe: dict) -> object:
    """Fill `<$.path>` and `<aws.pipes.…>` in; the result is JSON where it can be, else a text."""
    event = {**record, "body": _parsed(record["body"])}
    reserved = {
        "aws.pipes.pipe-name": pipe["Name"],
        "aws.pipes.pipe-arn": pipe["Arn"],
        "aws.pipes.source-arn": pipe["Source"],
        "aws.pipes.target-arn": pipe["Target"],
        "aws.pipes.event.ingestion-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "aws.pipes.event": record,
        "aws.pipes.event.json": event,
    }

    def value_of(name: str) -> object:
        return reserved[name] if name in reserved else _at_path(event, name)

    def fill(match: re.Match) -> str:
        value = value_of(match.group(1))
        quoted = match.string[: match.start()].endswith('"') and match.string[match.end() :].startswith('"')
        if isinstance(value, str) and quoted:
            return json.dumps(value)[1:-1]
        return json.dumps(value)

    filled = _PLACEHOLDER.sub(fill, template)
    return _parsed(filled)


def _at_path(event: object, path: str) -> object:
    """The value at `$.a.b[0]`; an empty text where there is none."""
    for step in re.findall(r"[^.\[\]$]+", path):
        event = _parsed(event)
        if isinstance(event, dict):
            event = event.get(step, "")
        elif isinstance(event, list) and step.isdigit() and int(step) < len(event):
            event = event[int(step)]
        else:
            return ""
    return event


def _parsed(value: object) -> object:
    """A text that is JSON as what it says, anything else as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value
