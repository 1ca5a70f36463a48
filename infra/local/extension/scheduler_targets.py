"""Schedules that fire on time, also every few seconds, and call any service.

Gap: schedules are looked at every ten seconds; the universal target (`arn:aws:scheduler:::aws-sdk:…`) and the context
attributes in a target's Input do nothing.
Real AWS: a schedule fires within its minute; `<aws.scheduler.…>` in Input is replaced; retries and the dead-letter
queue are as for rules (see `eventbridge_targets`).
Here: schedules are looked at five times a second. Only here, for short tests, `rate(N seconds)` is accepted by
Scheduler and by rules.
Unfaithful: the time zone of a cron expression is UTC; flexible time windows have no effect.
"""

import json
import re

from ministack.core.arn import Arn
from ministack.core.responses import new_uuid
from ministack.services import eventbridge, scheduler
from ministack.services.stepfunctions import _ExecutionError as StateError

from extension import eventbridge_targets, stepfunctions_tasks
from extension.eventbridge_targets import Delivery, DeliveryError

TICK_SECONDS = 0.2

_SECONDS = re.compile(r"rate\((\d+) seconds?\)")


def install() -> None:
    """Look more often, read seconds, and add the universal target."""
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS
    eventbridge._SCHEDULER_TICK_INTERVAL = TICK_SECONDS
    parse, validate = eventbridge._parse_rate_seconds, eventbridge._validate_schedule_expression
    eventbridge._parse_rate_seconds = lambda text: _seconds(text) or parse(text)
    eventbridge._validate_schedule_expression = lambda text: bool(_seconds(text)) or validate(text)
    eventbridge_targets.SENDERS["scheduler"] = _call_service
    take_input = eventbridge_targets._input
    eventbridge_targets._input = lambda target, rule, view: _with_context(take_input(target, rule, view), rule, view)


def _seconds(expression: str) -> int | None:
    match = _SECONDS.fullmatch(expression)
    return int(match.group(1)) if match else None


def _with_context(given: str | None, rule: dict, view: object) -> str | None:
    """Fill the context attributes of Scheduler into an Input."""
    if given is None or "<aws.scheduler." not in given:
        return given
    values = {
        "schedule-arn": rule.get("Arn", ""),
        "scheduled-time": view.event_with_detail()["time"],
        "execution-id": new_uuid(),
        "attempt-number": "1",
    }
    return re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda match: values.get(match.group(1), match.group(0)), given)


def _call_service(delivery: Delivery, target: Arn) -> None:
    """`arn:aws:scheduler:::aws-sdk:<service>:<action>`: Input has the call's parameters."""
    _kind, service, action = target.resource.split(":")
    try:
        stepfunctions_tasks.call(service.lower(), action, json.loads(delivery.payload))
    except StateError as error:
        raise DeliveryError(error.error, error.cause, passing=not error.error.startswith("States.")) from None
