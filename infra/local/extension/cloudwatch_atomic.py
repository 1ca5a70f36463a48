"""No metric value is lost when many threads record at once.

Gap: the first value of a metric is lost when two threads record it at once (each makes a list of its own), and any
other when a CloudWatch request replaces the lists to drop what is two weeks old.
Real AWS: every value that was accepted counts.
Here: lists are made under a lock, and old values are dropped in place.
Unfaithful: nothing.
"""

import threading
import time

from ministack.services import cloudwatch

_lock = threading.Lock()
_upstream_bucket = cloudwatch._metric_bucket


def install() -> None:
    """Replace the making of lists and the dropping of old values."""
    cloudwatch._metric_bucket = _metric_bucket
    cloudwatch._evict_old_metrics = _evict_old_metrics


def _metric_bucket(key: tuple) -> list:
    with _lock:
        return _upstream_bucket(key)


def _evict_old_metrics() -> None:
    """Drop old values from the front of each list; only a value that came late with an old time stays for longer."""
    oldest = time.time() - cloudwatch.TWO_WEEKS_SECONDS
    for points in cloudwatch._metrics.values():
        while points and points[0]["Timestamp"] < oldest:
            del points[0]
