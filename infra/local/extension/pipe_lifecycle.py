"""The life of a pipe, whatever its source: its parameters, its transitions, its poller.

`pipes_sqs` and `pipes_dynamodb` say how their source is read; the first of them to be installed puts this in place.
"""

import copy
import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import request_scope
from ministack.services import pipes
from ministack.services.cloudformation import provisioners

STARTING_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STARTING_SECONDS", "0.2"))
STOPPING_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STOPPING_SECONDS", "1"))
STRAY_SECONDS = float(os.environ.get("LOCAL_AWS_PIPE_STRAY_SECONDS", "1"))

IDLE_SECONDS = 0.05
KEPT = ("SourceParameters", "TargetParameters", "Enrichment", "EnrichmentParameters", "LogConfiguration")
ENRICHMENTS = (":lambda:", ":states:")

_upstream_create = pipes._create_pipe
_upstream_update = pipes._update_pipe
_upstream_cloudformation_create = provisioners._pipes_pipe_create


@dataclasses.dataclass(frozen=True)
class Source:
    """How one kind of source is read."""

    poll: Callable[[dict], None]
    """Take batches and hand them over for as long as `is_polled` says; on a thread of its own."""
    refusal: Callable[[dict], str] = lambda _pipe: ""
    """Why such a pipe cannot be created, or nothing."""
    created: Callable[[dict], None] = lambda _pipe: None
    """Called with a new pipe, before it is polled."""
    held: Callable[[dict], Callable[[], None] | None] = lambda _pipe: None
    """What a pipe that comes to STOPPED still holds: how to hand it over."""


_sources: dict[str, Source] = {}


def add_source(service: str, source: Source) -> None:
    """Have pipes from this service read in this way."""
    _sources[service] = source
    if len(_sources) == 1:
        _install()


def is_polled(pipe: dict) -> bool:
    """Whether the pipe reads its source: it runs, or has not yet stopped, and was not deleted."""
    return pipe["CurrentState"] in ("RUNNING", "STOPPING") and pipes._pipes.get(pipe["Name"]) is pipe


def _install() -> None:
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
    threading.Thread(target=_supervise, name="pipes", daemon=True).start()


def _source(pipe: dict) -> Source | None:
    try:
        return _sources.get(parse_arn(pipe.get("Source", "")).service)
    except ArnParseError:
        return None


# ---- The API -------------------------------------------------------------------------------------------------------


def _refusal(pipe: dict) -> tuple | None:
    """The answer to a request for a pipe that cannot be."""
    source = _source(pipe)
    enrichment = pipe.get("Enrichment")
    if enrichment and not any(service in enrichment for service in ENRICHMENTS):
        why = f"The local cloud does not support the Enrichment {enrichment}."
    else:
        why = source.refusal(pipe) if source else ""
    return pipes._error(400, "ValidationException", why) if why else None


def _create_pipe(name: str, body: dict) -> tuple:
    answer = _refusal(body) or _upstream_create(name, body)
    if answer[0] < 400:
        _begin(pipes._pipes[name], body)
    return answer


def _update_pipe(name: str, body: dict) -> tuple:
    pipe = pipes._pipes.get(name)
    if pipe is not None and _in_transition(pipe):
        return _conflict(pipe)
    wanted = body.get("DesiredState")
    # Upstream would change the state at once, so it only gets to see a wrong one, to refuse it.
    others = {key: value for key, value in body.items() if key != "DesiredState"}
    is_wrong = wanted is not None and wanted not in pipes._VALID_REQUESTED_STATE
    answer = _refusal({**(pipe or {}), **body}) or _upstream_update(name, body if is_wrong else others)
    if answer[0] >= 400:
        return answer
    _keep(pipe, body)
    return _set_state(name, wanted) if wanted else answer


def _cloudformation_create(logical_id: str, props: dict, stack_name: str) -> tuple:
    if refused := _refusal(props):
        raise ValueError(json.loads(refused[2])["message"])
    name, attributes = _upstream_cloudformation_create(logical_id, {"DesiredState": "RUNNING", **props}, stack_name)
    _begin(pipes._pipes[name], props)
    return name, attributes


def _begin(pipe: dict, given: dict) -> None:
    _keep(pipe, given)
    if source := _source(pipe):
        source.created(pipe)
    pipe["_ready"] = True  # The supervisor must not poll a pipe that has not got its parameters yet.


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
    source, stray = _source(pipe), None
    if source and pipe["DesiredState"] == "STOPPED" and STRAY_SECONDS > 0:
        stray = source.held(pipe)
    pipe["CurrentState"] = pipe["DesiredState"]
    pipe["LastModifiedTime"] = int(time.time())
    if stray:
        time.sleep(STRAY_SECONDS)
        stray()


# ---- Polling -------------------------------------------------------------------------------------------------------


def _supervise() -> None:
    """Give every running pipe its poller; a poller ends with its pipe's run."""
    polled: set[int] = set()
    while True:
        for (account, region, _name), pipe in list(pipes._pipes.all_items()):
            source = _source(pipe)
            if source and pipe.get("_ready") and pipe["CurrentState"] == "RUNNING" and id(pipe) not in polled:
                polled.add(id(pipe))
                with request_scope(account, region):
                    spawn_background(_poll, source, pipe, polled, thread_name="pipe-poller")
        time.sleep(IDLE_SECONDS)


def _poll(source: Source, pipe: dict, polled: set[int]) -> None:
    try:
        source.poll(pipe)
    finally:
        polled.discard(id(pipe))
