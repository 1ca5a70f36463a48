"""The `AWS/States` metrics of state machines.

Gap: there are none.
Real AWS: ExecutionsStarted, ExecutionsSucceeded, ExecutionsFailed, ExecutionsTimedOut, ExecutionsAborted (Count) and
ExecutionTime (Milliseconds), per StateMachineArn, once a minute.
Here: the same, at once, with the time of the change.
Unfaithful: no ExecutionThrottled, no metrics of activities, functions or integrations, none of express workflows.
"""

from ministack.services import cloudwatch
from ministack.services import stepfunctions as sfn

_NAMES = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install() -> None:
    """Count every change of status that is announced."""
    announce = sfn._emit_execution_status_event

    def count_and_announce(execution: dict) -> None:
        if execution.get("sync"):
            return
        dimensions = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric("AWS/States", _NAMES[execution["status"]], 1, "Count", dimensions)
        if execution.get("stopDate"):
            took = sfn._iso_to_epoch_ms(execution["stopDate"]) - sfn._iso_to_epoch_ms(execution["startDate"])
            cloudwatch.record_metric("AWS/States", "ExecutionTime", took, "Milliseconds", dimensions)
        announce(execution)

    sfn._emit_execution_status_event = count_and_announce
