"""From a batch of a pipe's records to its target: filter, enrichment, input template, target.

Targets are state machines, functions, queues, event buses and API destinations; enrichments are functions and state
machines.
"""

import json
import time

from ministack import app
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs, stepfunctions

from extension import pipe_templates

NOTHING = ("", {}, [], None)
"""Answers of an enrichment that mean: do not call the target."""


class DeliveryError(Exception):
    """The target, or the enrichment before it, did not take the batch."""


def wanted(pipe: dict, records: list[dict]) -> list[dict]:
    """The records that the pipe's filters let through."""
    criteria = (pipe.get("SourceParameters") or {}).get("FilterCriteria")
    return lambda_svc._apply_filter_criteria(records, {"FilterCriteria": criteria})


def deliver(pipe: dict, records: list[dict], key: str) -> set[str]:
    """Hand the records to the target, by way of the enrichment. `key` is the field that tells records apart.

    Returns the keys of those that the target refused one by one; raises if it took none.
    """
    events = _enriched(pipe, records)
    if not events:
        return set()
    parameters = pipe.get("TargetParameters") or {}
    template = parameters.get("InputTemplate")
    target = parse_arn(pipe["Target"])
    if target.service == "states":
        waits = (parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType")
        inputs = [_transformed(template, event, pipe) for event in events]
        return _to_state_machine(pipe["Target"], inputs, waits == "REQUEST_RESPONSE")
    if target.service == "lambda":
        return _refused(
            stepfunctions._call_lambda(pipe["Target"], [_transformed(template, event, pipe) for event in events])
        )
    failed: set[str] = set()
    for event in events:
        try:
            _send(pipe, parameters, event, _transformed(template, event, pipe))
        except (DeliveryError, ValueError, sqs._Err) as error:
            name = event.get(key) if isinstance(event, dict) else None
            if name is None:  # an enrichment left it out, so nobody knows which record it was
                raise
            app.logger.warning("Pipe %s: a record was not delivered: %s", pipe["Name"], error)
            failed.add(name)
    return failed


# ---- Enrichment and input ------------------------------------------------------------------------------------------


def _enriched(pipe: dict, records: list[dict]) -> list:
    """What the enrichment makes of the records; they themselves if the pipe has none."""
    if not pipe.get("Enrichment"):
        return records
    template = (pipe.get("EnrichmentParameters") or {}).get("InputTemplate")
    inputs = [_transformed(template, record, pipe) for record in records]
    if parse_arn(pipe["Enrichment"]).service == "lambda":
        answer = stepfunctions._call_lambda(pipe["Enrichment"], inputs)
    else:
        answer = _outcome(pipe["Enrichment"], inputs)
    if answer in NOTHING:
        return []
    return answer if isinstance(answer, list) else [answer]


def _transformed(template: str | None, event: object, pipe: dict) -> object:
    """What the target gets for an event."""
    if not template:
        return event
    readable = event
    if isinstance(event, dict) and "body" in event:  # of a message, as it came
        readable = {**event, "body": pipe_templates.parsed(event["body"])}
    reserved = {
        "aws.pipes.pipe-name": pipe["Name"],
        "aws.pipes.pipe-arn": pipe["Arn"],
        "aws.pipes.source-arn": pipe["Source"],
        "aws.pipes.enrichment-arn": pipe.get("Enrichment", ""),
        "aws.pipes.target-arn": pipe["Target"],
        "aws.pipes.event.ingestion-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "aws.pipes.event": event,
        "aws.pipes.event.json": readable,
    }
    return pipe_templates.render(template, readable, reserved)


# ---- Targets that take a batch -------------------------------------------------------------------------------------


def _to_state_machine(arn: str, events: list, waits: bool) -> set[str]:
    if waits:
        return _refused(_outcome(arn, events))
    _answer(stepfunctions._start_execution({"stateMachineArn": arn, "input": json.dumps(events)}))
    return set()


def _outcome(arn: str, events: list) -> object:
    """What an execution that somebody waits for ends with."""
    answer = _answer(stepfunctions._start_sync_execution({"stateMachineArn": arn, "input": json.dumps(events)}))
    if answer["status"] != "SUCCEEDED":
        raise DeliveryError(f"the execution ended as {answer['status']}: {answer.get('cause', '')}")
    return json.loads(answer["output"])


def _answer(response: tuple) -> dict:
    status, _headers, body = response
    answer = json.loads(body)
    if status >= 400:
        raise DeliveryError(f"{answer.get('__type')}: {answer.get('message')}")
    return answer


def _refused(answer: object) -> set[str]:
    """The keys of a partial batch response; a function or workflow that answers anything else took them all."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return {failure["itemIdentifier"] for failure in failures or []}


# ---- Targets that take one event after the other -------------------------------------------------------------------


def _send(pipe: dict, parameters: dict, event: object, payload: object) -> None:
    target = parse_arn(pipe["Target"])
    text = payload if isinstance(payload, str) else json.dumps(payload)
    if target.service == "sqs":
        queue = pipe_templates.resolved(parameters.get("SqsQueueParameters") or {}, event)
        sqs._act_send_message({"MessageBody": text, **queue}, sqs._queue_url(target.resource))
    elif target.service == "events" and target.resource.startswith("api-destination/"):
        # Paths among the parameters are of the event, not of what the template made of it.
        named = _http_parameters(parameters.get("HttpParameters") or {}, event)
        _to_api_destination(target.resource.split("/")[1], named, payload)
    elif target.service == "events":
        bus = pipe_templates.resolved(parameters.get("EventBridgeEventBusParameters") or {}, event)
        _to_event_bus(pipe, bus, payload)
    else:
        raise DeliveryError(f"the local cloud has no pipe target {pipe['Target']}")


def _to_event_bus(pipe: dict, parameters: dict, detail: object) -> None:
    if not isinstance(detail, dict):
        raise DeliveryError(f"MalformedDetail: no JSON object: {detail!r}")
    if pipe["Target"].rsplit("/", 1)[1] not in eventbridge._event_buses:
        raise DeliveryError(f"there is no event bus {pipe['Target']}")
    entry = {
        "EventBusName": pipe["Target"],
        "Source": parameters.get("Source", f"Pipe {pipe['Name']}"),
        "DetailType": parameters.get("DetailType", f"Event from aws:{parse_arn(pipe['Source']).service}"),
        "Resources": parameters.get("Resources", []),
        "Detail": json.dumps(detail),
    }
    _status, _headers, body = eventbridge._put_events({"Entries": [entry]})
    if json.loads(body)["FailedEntryCount"]:
        raise DeliveryError(f"the event bus refused the event: {body!r}")


def _http_parameters(parameters: dict, event: object) -> dict:
    named = {
        kind: pipe_templates.resolved(parameters[kind], event)
        for kind in ("HeaderParameters", "QueryStringParameters")
        if kind in parameters
    }
    values = pipe_templates.resolved(dict(enumerate(parameters.get("PathParameterValues") or [])), event)
    return named | {"PathParameterValues": [str(value) for value in values.values()]}


def _to_api_destination(name: str, parameters: dict, payload: object) -> None:
    destination = eventbridge._api_destinations.get(name)
    connection_name = destination["ConnectionArn"].partition("connection/")[2].split("/")[0] if destination else ""
    connection = eventbridge._connections.get(connection_name)
    if connection is None:
        raise DeliveryError(f"there is no API destination {name}, or it has no connection")
    request = eventbridge._build_api_destination_request(
        destination,
        connection,
        parameters,
        payload if isinstance(payload, str) else json.dumps(payload),
    )
    scope = (get_account_id(), get_region(), connection_name)
    status = eventbridge._api_destination_send_sync(request, eventbridge._connection_auth_headers(connection, scope))
    if status >= 300:
        raise DeliveryError(f"API destination {name} answered {status}")
