"""Targets of rules and schedules that are tried again, and end in a dead-letter queue.

Gap: what a target does not take is logged and lost; RetryPolicy and DeadLetterConfig are stored without effect; a
function that fails is not invoked again.
Real AWS: a delivery that fails for a passing reason is tried again with growing delays, up to 185 times and 24 hours
(RetryPolicy); when that is used up, or when the target does not exist, the event goes to the target's dead-letter queue
with attributes that say why, or is lost. Functions are invoked asynchronously: Lambda takes the event and retries twice
itself.
Here: the same, for functions, queues, topics, state machines, event buses and API destinations. Delays start at one
second and double up to 30 seconds. Lambda's own retries are upstream's (environment `LAMBDA_ASYNC_RETRY_BASE_SECONDS`).
Unfaithful: resource policies (of a queue, of a function) are not asked; a throttled function counts as a failed
attempt; other target types are refused as not existing.
"""

import dataclasses
import json
import time
from collections.abc import Callable

from ministack import app
from ministack.core.arn import Arn, ArnParseError, parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
DEFAULT_RETRIES = 185
DEFAULT_AGE_SECONDS = 86_400


class DeliveryError(Exception):
    """The target did not take the event."""

    def __init__(self, code: str, message: str, *, passing: bool = False):
        super().__init__(message)
        self.code = code
        self.passing = passing


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One event on its way to one target."""

    target: dict
    event: dict
    rule: dict
    view: object
    payload: str
    transformed: str | None
    """The payload, when the target's input differs from the event."""

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule of EventBridge Scheduler, not a rule, sends the event."""
        return ":scheduler:" in self.rule.get("Arn", "")


def install() -> None:
    """Replace the delivery to one target; rules and schedules share it."""
    eventbridge._invoke_target = _invoke_target


def _invoke_target(target: dict, event: dict, rule: dict, view: object = None) -> None:
    view = view or eventbridge._pattern_event_view(event)
    transformed = _input(target, rule, view)
    payload = transformed if transformed is not None else json.dumps(view.event_with_detail())
    delivery = Delivery(target, event, rule, view, payload, transformed)
    if ":api-destination/" in target.get("Arn", ""):
        spawn_background(_try, delivery, 0, time.monotonic(), thread_name="event-delivery")  # an HTTP call takes time
    else:
        _try(delivery, 0, time.monotonic())


def _input(target: dict, rule: dict, view: object) -> str | None:
    """What the target gets instead of the event, if anything."""
    if target.get("InputTransformer"):
        return eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)
    if target.get("Input"):
        return target["Input"]
    if not target.get("InputPath"):
        return None
    value = view.event_with_detail()
    for part in target["InputPath"].removeprefix("$").strip(".").split("."):
        if part and isinstance(value, dict):
            value = value.get(part)
    return json.dumps(value)


def _try(delivery: Delivery, retries: int, began: float) -> None:
    """Deliver; on failure try again later, or give up."""
    try:
        _deliver(delivery)
        return
    except DeliveryError as error:
        failure = error
    except Exception as error:  # whatever a target's service raises must not stop the other targets
        app.logger.exception("Delivery to %s", delivery.target.get("Arn"))
        failure = DeliveryError("INTERNAL_ERROR", str(error), passing=True)
    policy = delivery.target.get("RetryPolicy") or {}
    most = policy.get("MaximumRetryAttempts", DEFAULT_RETRIES)
    age = policy.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS)
    delay = min(FIRST_DELAY_SECONDS * 2**retries, LONGEST_DELAY_SECONDS)
    if not failure.passing:
        _give_up(delivery, failure, retries, None)
    elif retries >= most:
        _give_up(delivery, failure, retries, "MaximumRetryAttempts")
    elif time.monotonic() + delay - began > age:
        _give_up(delivery, failure, retries, "MaximumEventAgeInSeconds")
    else:
        spawn_background(_try_later, delivery, retries + 1, began, delay, thread_name="event-delivery")


def _try_later(delivery: Delivery, retries: int, began: float, delay: float) -> None:
    time.sleep(delay)
    _try(delivery, retries, began)


def _give_up(delivery: Delivery, failure: DeliveryError, retries: int, exhausted: str | None) -> None:
    """Send the event to the dead-letter queue, with the attributes that AWS documents."""
    arn = delivery.target.get("Arn", "")
    app.logger.warning("An event for %s was not delivered: %s: %s", arn, failure.code, failure)
    dead_letters = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead_letters:
        return
    source = "SCHEDULE_ARN" if delivery.is_scheduled else "RULE_ARN"
    told = {
        source: delivery.rule.get("Arn", ""),
        "TARGET_ARN": arn,
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": str(failure),
        "RETRY_ATTEMPTS": str(retries),
        **({"EXHAUSTED_RETRY_CONDITION": exhausted} if exhausted else {}),
    }
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in told.items() if value}
    message = {"MessageBody": delivery.payload, "MessageAttributes": attributes}
    try:
        sqs._act_send_message(message, sqs._queue_url(parse_arn(dead_letters).resource))
    except sqs._Err as error:
        app.logger.error("The dead-letter queue %s did not take it either: %s", dead_letters, error)


# ---- Target types --------------------------------------------------------------------------------------------------


def _deliver(delivery: Delivery) -> None:
    arn = delivery.target.get("Arn", "")
    try:
        target = parse_arn(arn)
    except ArnParseError:
        raise _missing(arn) from None
    kind = target.resource.split("/")[0] if target.service == "events" else target.service
    send = SENDERS.get(kind)
    if send is None:
        raise DeliveryError("UNSUPPORTED_TARGET", f"The local cloud has no target {arn}.")
    if kind != "scheduler" and (target.account_id, target.region) != (get_account_id(), get_region()):
        raise DeliveryError("INVALID_PARAMETER", f"{arn} is in another account or region.")
    send(delivery, target)


def _missing(arn: object) -> DeliveryError:
    return DeliveryError("RESOURCE_NOT_FOUND", f"{arn} does not exist.")


def _to_state_machine(delivery: Delivery, target: Arn) -> None:
    status, _headers, body = stepfunctions._start_execution({"stateMachineArn": str(target), "input": delivery.payload})
    if status >= 400:
        answer = json.loads(body)
        raise DeliveryError(answer["__type"], answer.get("message", ""))


def _to_function(delivery: Delivery, target: Arn) -> None:
    function, config, _name = lambda_svc._get_func_record_for_ref(str(target))
    if not function or not config:
        raise _missing(target)
    event = json.loads(delivery.payload)
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


def _to_queue(delivery: Delivery, target: Arn) -> None:
    if not sqs._queue_by_arn(str(target)):
        raise _missing(target)
    eventbridge._dispatch_to_sqs(target, delivery.payload, delivery.target.get("SqsParameters") or {})


def _to_topic(delivery: Delivery, target: Arn) -> None:
    try:
        published = sns.publish_internal(str(target), delivery.payload, "")
    except sns.SnsPublishError as error:
        raise DeliveryError("INVALID_PARAMETER", str(error)) from None
    if published is None:
        raise _missing(target)


def _to_event_bus(delivery: Delivery, target: Arn) -> None:
    if target.resource.split("/", 1)[1] not in eventbridge._event_buses:
        raise _missing(target)
    path = set(delivery.event.get("_DispatchPath") or [])
    eventbridge._dispatch_to_event_bus(target, delivery.event, delivery.rule, path, delivery.transformed)


def _to_api_destination(delivery: Delivery, target: Arn) -> None:
    destination = eventbridge._api_destinations.get(target.resource.split("/")[1])
    if destination is None:
        raise _missing(target)
    name = destination["ConnectionArn"].partition("connection/")[2].split("/")[0]
    connection = eventbridge._connections.get(name)
    if connection is None:
        raise _missing(destination["ConnectionArn"])
    parameters = eventbridge._resolve_http_parameters(
        delivery.target.get("HttpParameters") or {}, delivery.view.event_with_detail()
    )
    request = eventbridge._build_api_destination_request(destination, connection, parameters, delivery.payload)
    scope = (get_account_id(), get_region(), name)
    try:
        credentials = eventbridge._connection_auth_headers(connection, scope)
        status = eventbridge._api_destination_send_sync(request, credentials)
    except OSError as error:
        raise DeliveryError("SDK_CLIENT_ERROR", str(error), passing=True) from None
    if status >= 300:
        passing = status in (401, 407, 409, 429) or status >= 500
        raise DeliveryError("SDK_CLIENT_ERROR", f"The destination answered {status}.", passing=passing)


SENDERS: dict[str, Callable[[Delivery, Arn], None]] = {
    "states": _to_state_machine,
    "lambda": _to_function,
    "sqs": _to_queue,
    "sns": _to_topic,
    "event-bus": _to_event_bus,
    "api-destination": _to_api_destination,
}
"""How an event gets to a target, by the service of its ARN (or the kind of resource, within EventBridge)."""
