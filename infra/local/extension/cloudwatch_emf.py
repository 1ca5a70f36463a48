"""Metrics in the logs of functions (embedded metric format).

Gap: a log line in the embedded metric format is just a log line.
Real AWS: CloudWatch makes metrics of such a line, whoever wrote it into a log group.
Here: the same, at once, for functions' logs and PutLogEvents.
Unfaithful: StorageResolution has no meaning (metrics keep the time of each value); a wrong document is skipped without
a word.
"""

import json
import time

from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

_upstream_append = logs._append_log_events


def install() -> None:
    """Look at every line that is added to a log stream."""
    logs._append_log_events = _append


def _append(stream: dict, events: list[dict]) -> None:
    _upstream_append(stream, events)
    for event in events:
        if '"_aws"' in event["message"]:
            _record(event["message"])


def _record(line: str) -> None:
    """Make metrics of one document; its members are the values of both metrics and dimensions."""
    try:
        document = json.loads(line[line.index("{") :])
        directives = document["_aws"]["CloudWatchMetrics"]
        moment = document["_aws"].get("Timestamp", time.time() * 1000) / 1000
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for metric in directive.get("Metrics", []):
            given = document.get(metric["Name"])
            values = given if isinstance(given, list) else [given]
            for dimensions in directive.get("Dimensions") or [[]]:
                named = {name: str(document.get(name, "")) for name in dimensions}
                key = (directive["Namespace"], metric["Name"], cloudwatch._dims_key(named))
                unit = metric.get("Unit", "None")
                cloudwatch._metric_bucket(key).extend(
                    {"Timestamp": moment, "Value": float(value), "Unit": unit, "Dimensions": named}
                    for value in values
                    if isinstance(value, (int, float))
                )
