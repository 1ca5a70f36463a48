"""Metric values that are recorded at once all count."""

import subprocess
import sys

from conftest import ROOT

# A value is recorded at the very moment at which a request looks for old ones.
_RECORD_DURING_EVICTION = """
import sys, threading
if "with" in sys.argv:
    import extension.cloudwatch_atomic
    extension.cloudwatch_atomic.install()
from ministack.services import cloudwatch

record = lambda: cloudwatch.record_metric("Tests", "metric", 1)
record()
[key] = cloudwatch._metrics.keys()

class Watched(list):
    recorded = False
    def __iter__(self):
        yield from list.__iter__(self)
        self.record()
    def __getitem__(self, index):
        self.record()
        return list.__getitem__(self, index)
    def record(self):
        if not self.recorded:
            self.recorded = True
            thread = threading.Thread(target=record)
            thread.start()
            thread.join()

cloudwatch._metrics[key] = Watched(cloudwatch._metrics[key])
cloudwatch._evict_old_metrics()
print(len(cloudwatch._metrics[key]))
"""


def _values(*arguments: str) -> int:
    output = subprocess.run(
        [sys.executable, "-c", _RECORD_DURING_EVICTION, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(output.stdout)


def test_a_value_that_is_recorded_during_a_request_counts() -> None:
    assert _values("with") == 2


def test_upstream_still_loses_it() -> None:
    assert _values() == 1
