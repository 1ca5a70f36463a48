"""Executions that time out, stop, retry and are started as the Amazon States Language and the API say.

Gap: a workflow's `TimeoutSeconds` is ignored; an aborted execution goes on until its state ends, and may then become
FAILED; `MaxDelaySeconds` and `JitterStrategy` of a retrier are ignored and no delay is longer than a minute; a second
StartExecution with the same name and input fails; every execution begins with 150 ms of sleep; a throttled function
is `Lambda.Unknown`; status events tell no error of a timed out or aborted execution; a Wait is exact to the
millisecond.
Real AWS: TimeoutSeconds ends the execution as TIMED_OUT (error `States.Timeout`); StopExecution ends it at once;
StartExecution is idempotent while the first execution runs; `States.ALL` catches everything but
`States.DataLimitExceeded` and `States.Runtime`; the timestamp of a Wait is cut to whole seconds.
Here: the same. The walk through the states, the task attempt and the retry loop are ours; what a state does with its
data is upstream's. Environment: `SFN_WAIT_SCALE` (upstream's) scales waits and retry delays, not time-outs.
Unfaithful: HeartbeatSeconds, redrive and the quotas (payload size, history length) are not enforced; a call that was
under way when its execution ended runs to its end unseen (as a function does on AWS), and so does a branch of a failed
Parallel state; a task's events are TaskScheduled, TaskSucceeded, TaskFailed and TaskTimedOut for every integration.
"""

import concurrent.futures
import contextvars
import copy
import dataclasses
import datetime
import json
import random
import re
import threading
from collections.abc import Callable

from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn
from ministack.services.stepfunctions import _ExecutionError as StateError


class _EndedError(Exception):
    """The execution has ended, by time-out or abort, while one of its threads still worked on it."""


@dataclasses.dataclass(frozen=True)
class _Run:
    """An execution that is under way, known to every thread that works on it."""

    execution: dict
    ended: threading.Event


_current: contextvars.ContextVar[_Run | None] = contextvars.ContextVar("execution", default=None)
_runs: dict[str, _Run] = {}
_start_lock = threading.RLock()
_end_lock = threading.RLock()

_upstream_start = sfn._start_execution
_upstream_stop = sfn._stop_execution
_upstream_call_lambda = sfn._call_lambda


def install() -> None:
    """Replace starting, running, stopping, retrying and waiting."""
    sfn._start_execution = _start_execution
    sfn._stop_execution = _stop_execution
    sfn._run_execution = _run_execution
    sfn._run_sub_machine = _run_sub_machine
    sfn._execute_task = _execute_task
    sfn._with_retry_and_catch = _with_retry_and_catch
    sfn._error_matches = _error_matches
    sfn._scaled_sleep = _sleep
    sfn._sleep_until = _sleep_until
    sfn._call_lambda = _call_lambda
    sfn._emit_execution_status_event = _emit_status_event


# ---- Start, end, stop ----------------------------------------------------------------------------------------------


_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")


def _start_execution(data: dict) -> tuple:
    """StartExecution, idempotent while the first execution of that name runs."""
    name, given = data.get("name"), data.get("input") or "{}"
    try:
        json.loads(given)
    except ValueError:
        return error_response_json("InvalidExecutionInput", "The input is not valid JSON.", 400)
    if name and not _NAME.fullmatch(name):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    with _start_lock:
        machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
        if machine and name:
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
            existing = sfn._executions.get(arn)
            if existing and existing["status"] == "RUNNING" and existing["input"] == given:
                return json_response({"executionArn": arn, "startDate": existing["startDate"]})
        return _upstream_start({**data, "input": given})


def _end(execution: dict, status: str, event: str, error: str | None = None, cause: str | None = None, **more) -> None:
    """End an execution, unless something else has ended it before."""
    with _end_lock:
        if execution["status"] != "RUNNING":
            return
        execution.update(status=status, stopDate=now_iso(), error=error, cause=cause, **more)
        details = more or {key: value for key, value in (("error", error), ("cause", cause)) if value is not None}
        sfn._add_event(execution, event, {f"{event[0].lower()}{event[1:]}EventDetails": details})
    _tell_threads(execution)
    sfn._emit_execution_status_event(execution)


def _stop_execution(data: dict) -> tuple:
    with _end_lock:  # not between another end's check and its change
        answer = _upstream_stop(data)
    execution = sfn._executions.get(data.get("executionArn"))
    if execution and execution["status"] == "ABORTED":
        _tell_threads(execution)
    return answer


def _tell_threads(execution: dict) -> None:
    run = _runs.get(execution["executionArn"])
    if run:
        run.ended.set()


def _stop_if_ended() -> None:
    run = _current.get()
    if run and run.ended.is_set():
        raise _EndedError


def _sleep(seconds: float) -> None:
    """Wait, unless the execution ends before."""
    run = _current.get()
    scaled = max(0.0, seconds * sfn._SFN_WAIT_SCALE)
    (run.ended if run else threading.Event()).wait(scaled)
    _stop_if_ended()


def _sleep_until(timestamp: str) -> None:
    moment = datetime.datetime.fromisoformat(timestamp).replace(microsecond=0)
    _sleep((moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _emit_status_event(execution: dict) -> None:
    """Tell the default event bus about a change of an execution's status."""
    if execution.get("sync"):
        return
    status = execution["status"]
    redrivable = status in ("FAILED", "TIMED_OUT", "ABORTED")
    given, given_details = _payload(execution["input"])
    output, output_details = _payload(execution.get("output")) if status == "SUCCEEDED" else (None, None)
    detail = {
        "executionArn": execution["executionArn"],
        "stateMachineArn": execution["stateMachineArn"],
        "name": execution["name"],
        "status": status,
        "startDate": sfn._iso_to_epoch_ms(execution["startDate"]),
        "stopDate": sfn._iso_to_epoch_ms(execution["stopDate"]),
        "input": given,
        "inputDetails": given_details,
        "output": output,
        "outputDetails": output_details,
        "error": execution.get("error"),
        "cause": execution.get("cause"),
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": None if redrivable else f"Execution is {status} and cannot be redriven",
    }
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [execution["executionArn"]],
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # on AWS, too, these events are sent with best effort: no execution fails for their sake
        sfn.logger.exception("Status event of %s", execution["executionArn"])


def _payload(text: str | None) -> tuple[str | None, dict]:
    """What the event carries of an input or output: nothing, and a note, when it is too long."""
    fits = text is None or len(text) <= sfn._STATUS_EVENT_PAYLOAD_CAP
    return (text if fits else None), {"included": fits}


# ---- The walk through the states -----------------------------------------------------------------------------------


def _run_execution(arn: str) -> None:
    """Run an execution to its end; each has a thread of its own."""
    execution = sfn._executions[arn]
    run = _runs[arn] = _Run(execution, threading.Event())
    _current.set(run)
    timer = None
    try:
        machine = sfn._state_machines.get(execution["stateMachineArn"])
        if machine is None:
            raise StateError("States.Runtime", "The state machine was deleted.")
        definition = json.loads(machine["definition"])
        if "TimeoutSeconds" in definition:
            timer = threading.Timer(
                definition["TimeoutSeconds"],
                contextvars.copy_context().run,
                (_end, execution, "TIMED_OUT", "ExecutionTimedOut", "States.Timeout"),
            )
            timer.daemon = True
            timer.start()
        given = json.loads(execution["input"])
        context = {
            "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
            "Execution": {
                "Id": arn,
                "Input": given,
                "Name": execution["name"],
                "RoleArn": machine["roleArn"],
                "StartTime": execution["startDate"],
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
            "variables": {},
        }
        output = _walk(definition["States"], definition["StartAt"], given, execution, context, sfn._add_event)
    except _EndedError:
        pass
    except StateError as error:
        _end(execution, "FAILED", "ExecutionFailed", error.error, error.cause)
    except Exception as error:  # a broken definition or a fault of ours; the execution must not hang
        sfn.logger.exception("Execution %s", arn)
        _end(execution, "FAILED", "ExecutionFailed", "States.Runtime", str(error))
    else:
        _end(execution, "SUCCEEDED", "ExecutionSucceeded", output=json.dumps(output))
    finally:
        if timer:
            timer.cancel()
        _runs.pop(arn, None)


def _run_sub_machine(states: dict, start: str, given: object, execution: dict, context: dict) -> object:
    """Run a branch or an item; its variables and its place are its own."""
    own = {**context, "variables": dict(context.get("variables", {}))}
    return _walk(states, start, copy.deepcopy(given), execution, own, lambda *_event: None)


def _walk(states: dict, start: str, data: object, execution: dict, context: dict, note: Callable) -> object:
    """Go from state to state until one has no next; returns the last output."""
    name: str | None = start
    while name:
        _stop_if_ended()
        state = states.get(name)
        if state is None:
            raise StateError("States.Runtime", f"There is no state '{name}'.")
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        entered = {"name": name, "input": json.dumps(data)}
        note(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
        data, following = _run_state(kind, state, data, execution, context)
        _stop_if_ended()
        exited = {"name": name, "output": json.dumps(data)}
        note(execution, f"{kind}StateExited", {"stateExitedEventDetails": exited})
        name = following
    return data


def _run_state(kind: str, state: dict, data: object, execution: dict, context: dict) -> tuple[object, str | None]:
    """What one state makes of its input, and which state follows."""
    if kind == "Fail":
        raise StateError(*sfn._fail_state_error(state, data, context))
    if kind == "Succeed":
        return _execute_succeed(state, data, context), None
    if kind in ("Task", "Parallel", "Map"):
        return getattr(sfn, f"_execute_{kind.lower()}")(state, data, execution, context)
    if kind in ("Pass", "Choice", "Wait"):
        return getattr(sfn, f"_execute_{kind.lower()}")(state, data, context)
    raise StateError("States.Runtime", f"There is no state type '{kind}'.")


def _execute_succeed(state: dict, data: object, context: dict) -> object:
    if sfn._state_query_language(state, context) == "JSONata":
        return sfn._apply_jsonata_output(state, data, context, default=data)
    return sfn._apply_output_path(state, sfn._apply_input_path(state, data, context), context)


# ---- Tasks, retries ------------------------------------------------------------------------------------------------


def _execute_task(state: dict, data: object, execution: dict, context: dict) -> tuple[object, str | None]:
    return _with_retry_and_catch(state, data, context, lambda: _attempt(state, data, execution, context))


def _attempt(state: dict, data: object, execution: dict, context: dict) -> tuple[object, str | None]:
    """One attempt of a task: its call, and what it makes of the answer."""
    resource = state["Resource"]
    jsonata = sfn._state_query_language(state, context) == "JSONata"
    if ".waitForTaskToken" in resource:
        context["Task"] = {"Token": sfn.new_uuid()}
    try:
        if jsonata:
            arguments = sfn._apply_jsonata_arguments(state, data, context)
        else:
            arguments = sfn._apply_parameters(state, sfn._apply_input_path(state, data, context), context)
        scheduled = {"resourceType": "lambda" if "lambda" in resource else "states", "resource": resource}
        sfn._add_event(execution, "TaskScheduled", {"taskScheduledEventDetails": scheduled})
        result = _invoke(state, resource, arguments, data, context)
        _stop_if_ended()
        succeeded = {"resource": resource, "output": json.dumps(result)}
        sfn._add_event(execution, "TaskSucceeded", {"taskSucceededEventDetails": succeeded})
        if jsonata:
            output = sfn._apply_jsonata_output(state, data, context, result=result, default=result)
            sfn._apply_state_assign(state, data, context, result=result)
        else:
            output = sfn._apply_result_path(state, data, sfn._apply_result_selector(state, result))
            output = sfn._apply_output_path(state, output, context)
    except StateError as error:
        _stop_if_ended()
        failed = {"resource": resource, "error": error.error, "cause": error.cause}
        kind = "TimedOut" if error.error == "States.Timeout" else "Failed"
        sfn._add_event(execution, f"Task{kind}", {f"task{kind}EventDetails": failed})
        raise
    return output, sfn._next_or_end(state)


def _invoke(state: dict, resource: str, arguments: object, data: object, context: dict) -> object:
    """Call the integration, for as long as `TimeoutSeconds` allows."""
    seconds = _timeout(state, data, context)
    if ".waitForTaskToken" in resource:
        limited = state if seconds is None else {**state, "TimeoutSeconds": seconds}
        return sfn._invoke_with_callback(resource, arguments, context["Task"]["Token"], limited)
    if seconds is None or ":activity:" in resource:
        return sfn._invoke_resource(resource, arguments)
    answer: concurrent.futures.Future = concurrent.futures.Future()

    def call() -> None:
        try:
            answer.set_result(sfn._invoke_resource(resource, arguments))
        except Exception as error:  # handed over to the execution's thread
            answer.set_exception(error)

    spawn_background(call, thread_name="task")
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise StateError("States.Timeout", f"The task did not end within {seconds} seconds.") from None


def _timeout(state: dict, data: object, context: dict) -> float | None:
    if "TimeoutSecondsPath" in state:
        return sfn._resolve_path_or_ctx(state["TimeoutSecondsPath"], data, context)
    if isinstance(state.get("TimeoutSeconds"), str):
        return sfn._jsonata_state_field(state, "TimeoutSeconds", "number", data, context)
    return state.get("TimeoutSeconds")


def _with_retry_and_catch(state: dict, data: object, context: dict, attempt: Callable) -> tuple[object, str | None]:
    """Attempt until one succeeds, no retrier is left, or a catcher takes over."""
    place = context["State"]
    counts: dict[int, int] = {}
    while True:
        # Branches share the context and leave their own place in it.
        context["State"] = {**place, "RetryCount": sum(counts.values())}
        try:
            return attempt()
        except StateError as error:
            _stop_if_ended()
            retrier, index = sfn._find_matching_retrier(state.get("Retry", []), error.error, counts)
            if retrier:
                _sleep(_delay(retrier, counts.get(index, 0)))
                counts[index] = counts.get(index, 0) + 1
                continue
            catcher = sfn._find_matching_catcher(state.get("Catch", []), error.error)
            if catcher is None:
                raise
            told = {"Error": error.error, "Cause": error.cause}
            language = sfn._state_query_language(state, context)
            return sfn._apply_catcher(catcher, data, context, language, told), catcher["Next"]


def _delay(retrier: dict, retries: int) -> float:
    """Seconds to wait before the retry after this many."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds


def _error_matches(names: list[str], error: str) -> bool:
    if error in names:
        return True
    if error in ("States.DataLimitExceeded", "States.Runtime"):
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def _call_lambda(function: str, event: object) -> object:
    """Invoke a function; a throttled invocation has the service's error name."""
    try:
        return _upstream_call_lambda(function, event)
    except StateError as error:
        answer = json.loads(error.cause) if error.error == "Lambda.Unknown" and error.cause.startswith("{") else {}
        if "__type" in answer:
            raise StateError(f"Lambda.{answer['__type']}", answer.get("message", "")) from None
        raise
