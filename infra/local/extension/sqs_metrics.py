"""The `AWS/SQS` metrics of queues.

Gap: there are none.
Real AWS: gauges and counters per QueueName, once a minute.
Here: ApproximateNumberOfMessagesVisible, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed
(Count) and ApproximateAgeOfOldestMessage (Seconds), measured each `LOCAL_AWS_QUEUE_METRICS_SECONDS` (1).
Unfaithful: no counters (NumberOfMessagesSent and the like); on AWS the metrics of a queue that nobody uses stop after
six hours, and the age is that of the oldest message that was not received more than twice.
"""

import os
import threading
import time

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

MEASURING_SECONDS = float(os.environ.get("LOCAL_AWS_QUEUE_METRICS_SECONDS", "1"))

SLOT_SECONDS = 10
"""The shortest period of an alarm or a statistic."""

_COUNTS = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}


def install() -> None:
    """Measure every queue on a timer."""
    threading.Thread(target=_measure_for_ever, name="sqs-metrics", daemon=True).start()


def _measure_for_ever() -> None:
    while True:
        for (account, region, url), queue in list(sqs._queues.all_items()):
            with request_scope(account, region):
                try:
                    _measure(url.rsplit("/", 1)[1], queue)
                except Exception:  # a queue that is deleted meanwhile must not stop the others' metrics
                    app.logger.exception("Metrics of queue %s", url)
        time.sleep(MEASURING_SECONDS)


def _measure(name: str, queue: dict) -> None:
    sqs._refresh_counts(queue)
    now = time.time()
    values = {metric: (float(queue["attributes"][count]), "Count") for metric, count in _COUNTS.items()}
    ages = [now - message["sent_at"] for message in list(queue["messages"])]
    values["ApproximateAgeOfOldestMessage"] = (max(ages, default=0.0), "Seconds")
    for metric, (value, unit) in values.items():
        _record(metric, value, unit, {"QueueName": name}, now // SLOT_SECONDS * SLOT_SECONDS)


def _record(metric: str, value: float, unit: str, dimensions: dict[str, str], slot: float) -> None:
    """Add a value to the statistic set of its slot: a point for each measurement would fill the memory in a day."""
    points = cloudwatch._metric_bucket(("AWS/SQS", metric, cloudwatch._dims_key(dimensions)))
    if not points or points[-1]["Timestamp"] != slot:
        empty = {"SampleCount": 0, "Sum": 0.0, "Minimum": value, "Maximum": value}
        points.append({"Timestamp": slot, "Unit": unit, "Dimensions": dimensions, "Value": value, "_stat": empty})
    old = points[-1]["_stat"]
    points[-1]["_stat"] = {
        "SampleCount": old["SampleCount"] + 1,
        "Sum": old["Sum"] + value,
        "Minimum": min(old["Minimum"], value),
        "Maximum": max(old["Maximum"], value),
    }
