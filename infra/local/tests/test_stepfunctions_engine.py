"""Executions: time-outs, aborts, retries, idempotent starts, status events."""

import itertools
import json
import time

import pytest
from conftest import REGION, Cloud, unique, until

LAMBDA = "arn:aws:states:::lambda:invoke"
WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}


def _start(cloud: Cloud, machine: str, **more: str) -> str:
    return cloud.client("stepfunctions").start_execution(stateMachineArn=machine, **more)["executionArn"]


def _events(cloud: Cloud, execution: str) -> list[dict]:
    return cloud.client("stepfunctions").get_execution_history(executionArn=execution)["events"]


def _status_events(cloud: Cloud, machine: str) -> str:
    """A queue that gets the status events of a state machine; returns its URL."""
    url, arn = cloud.queue()
    rule = unique("rule")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine]}}
    cloud.client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def _task(function: str, **more: object) -> dict:
    task = {"Type": "Task", "Resource": LAMBDA, "Arguments": {"FunctionName": function, "Payload": {}}, **more}
    return {"StartAt": "Task", "States": {"Task": {"End": True, **task}}}


def test_a_workflow_times_out(cloud: Cloud) -> None:
    machine = cloud.state_machine({**WAIT, "TimeoutSeconds": 1})
    events = _status_events(cloud, machine)
    execution = cloud.ended(_start(cloud, machine, input='{"a": 1}'))
    assert (execution["status"], execution["error"]) == ("TIMED_OUT", "States.Timeout")
    assert (execution["stopDate"] - execution["startDate"]).total_seconds() < 15
    assert _events(cloud, execution["executionArn"])[-1]["type"] == "ExecutionTimedOut"
    assert json.loads(cloud.receive(events)["Body"])["detail"]["status"] == "RUNNING"
    event = json.loads(cloud.receive(events)["Body"])
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["source"] == "aws.states"
    assert event["resources"] == [execution["executionArn"]]
    detail = event["detail"]
    assert detail["executionArn"] == execution["executionArn"]
    assert detail["status"] == "TIMED_OUT"
    assert detail["input"] == '{"a": 1}'
    assert detail["output"] is None
    assert detail["error"] == "States.Timeout"
    assert detail["stopDate"] >= detail["startDate"] > 1_600_000_000_000


def test_upstream_still_ignores_the_workflow_timeout(stock: Cloud) -> None:
    waits = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}}
    assert stock.run({**waits, "TimeoutSeconds": 1})["status"] == "SUCCEEDED"


def test_status_events_tell_output_error_and_cause(cloud: Cloud) -> None:
    passes = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed", "Output": {"outcome": "active"}}}}
    succeeding = cloud.state_machine(passes)
    events = _status_events(cloud, succeeding)
    _start(cloud, succeeding)
    cloud.receive(events)
    assert json.loads(json.loads(cloud.receive(events)["Body"])["detail"]["output"]) == {"outcome": "active"}
    fails = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Retryable", "Cause": "{% '{}' %}"}}}
    failing = cloud.state_machine(fails)
    events = _status_events(cloud, failing)
    _start(cloud, failing)
    cloud.receive(events)
    detail = json.loads(cloud.receive(events)["Body"])["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("FAILED", "Retryable", "{}")


def test_an_abort_ends_a_wait_and_nothing_follows(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": url, "MessageBody": "too late"},
        "End": True,
    }
    function = cloud.function("time.sleep(1)")
    call = {**_task(function)["States"]["Task"], "Next": "Send"}
    del call["End"]
    machine = cloud.state_machine({"StartAt": "Call", "States": {"Call": call, "Send": send}})
    execution = _start(cloud, machine)
    until(lambda: any(event["type"] == "TaskScheduled" for event in _events(cloud, execution)))
    cloud.client("stepfunctions").stop_execution(executionArn=execution, error="Operator", cause="no more")
    described = cloud.ended(execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Operator", "no more")
    # Another function call lasts as long, so the aborted one has come back by its end.
    cloud.client("lambda").invoke(FunctionName=cloud.function("time.sleep(1.5)"))
    assert _events(cloud, execution)[-1]["type"] == "ExecutionAborted"
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=url)


def test_upstream_still_ends_an_aborted_execution_as_failed(stock: Cloud) -> None:
    function = stock.function('time.sleep(1)\nraise Failed("Late", "")')
    execution = _start(stock, stock.state_machine(_task(function)))
    until(lambda: any(event["type"] == "TaskScheduled" for event in _events(stock, execution)))
    stock.client("stepfunctions").stop_execution(executionArn=execution)
    describe = stock.client("stepfunctions").describe_execution
    until(lambda: describe(executionArn=execution)["status"] == "FAILED")


def test_starting_is_idempotent_while_the_first_execution_runs(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    machine, name = cloud.state_machine(WAIT), unique("execution")
    first = client.start_execution(stateMachineArn=machine, name=name, input='{"a": 1}')
    again = client.start_execution(stateMachineArn=machine, name=name, input='{"a": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name=name, input='{"a": 2}')
    client.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name=name, input='{"a": 1}')


def test_upstream_still_refuses_an_identical_start(stock: Cloud) -> None:
    client = stock.client("stepfunctions")
    machine, name = stock.state_machine(WAIT), unique("execution")
    client.start_execution(stateMachineArn=machine, name=name)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name=name)


def test_an_input_that_is_not_json_and_a_bad_name_are_refused(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    machine = cloud.state_machine(WAIT)
    with pytest.raises(client.exceptions.InvalidExecutionInput):
        client.start_execution(stateMachineArn=machine, input="{")
    with pytest.raises(client.exceptions.InvalidName):
        client.start_execution(stateMachineArn=machine, name="no:colons")


def _attempts(cloud: Cloud, retrier: dict) -> list[float]:
    """When a failing task was tried, in seconds since its first attempt."""
    task = _task(cloud.function('raise Failed("Retryable", "no")'), Retry=[{"ErrorEquals": ["Retryable"], **retrier}])
    execution = cloud.run(task)
    assert (execution["status"], execution["error"]) == ("FAILED", "Retryable")
    events = _events(cloud, execution["executionArn"])
    times = [event["timestamp"].timestamp() for event in events if event["type"] == "TaskScheduled"]
    return [moment - times[0] for moment in times]


def test_a_retrier_waits_no_longer_than_its_longest_delay(cloud: Cloud) -> None:
    retrier = {"IntervalSeconds": 1, "BackoffRate": 100, "MaxDelaySeconds": 2, "MaxAttempts": 2}
    times = _attempts(cloud, retrier)
    assert 0.9 < times[1] < 10
    assert 1.9 < times[2] - times[1] < 10


def test_upstream_still_waits_longer(stock: Cloud) -> None:
    retrier = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 3, "MaxDelaySeconds": 1}
    task = _task(stock.function('raise Failed("Retryable", "no")'), Retry=[{**retrier, "MaxAttempts": 2}])
    execution = stock.run(task)
    assert (execution["stopDate"] - execution["startDate"]).total_seconds() > 3.5


def test_full_jitter_waits_any_time_up_to_the_delay(cloud: Cloud) -> None:
    retrier = {"IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 6, "JitterStrategy": "FULL"}
    times = _attempts(cloud, retrier)
    delays = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len({round(delay, 2) for delay in delays}) > 1
    assert min(delays) < 0.9


def test_a_retry_knows_its_count_and_a_catcher_takes_the_rest(cloud: Cloud) -> None:
    function = cloud.function(
        'if event["count"] < 2: raise Failed("Retryable", "no")\nraise Failed("Terminal", "never")'
    )
    task = _task(
        function,
        Retry=[{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "BackoffRate": 1}],
        Catch=[
            {"ErrorEquals": ["Other"], "Next": "Wrong"},
            {
                "ErrorEquals": ["States.ALL"],
                "Next": "Caught",
                "Assign": {"error": "{% $states.errorOutput.Error %}"},
                "Output": {"cause": "{% $parse($states.errorOutput.Cause).errorMessage %}"},
            },
        ],
    )
    task["States"]["Task"]["Arguments"]["Payload"] = {"count": "{% $states.context.State.RetryCount %}"}
    task["States"]["Wrong"] = {"Type": "Fail"}
    task["States"]["Caught"] = {"Type": "Succeed", "Output": {"error": "{% $error %}", "from": "{% $states.input %}"}}
    execution = cloud.run(task)
    assert json.loads(execution["output"]) == {"error": "Terminal", "from": {"cause": "never"}}


@pytest.mark.parametrize("seconds", [1, "{% 1 %}"])
def test_a_task_times_out(cloud: Cloud, seconds: object) -> None:
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    task = _task(cloud.function("time.sleep(20)"), TimeoutSeconds=seconds, Catch=catch)
    task["States"]["Late"] = {"Type": "Succeed", "Output": "{% $states.input.Error %}"}
    execution = cloud.run(task)
    assert json.loads(execution["output"]) == "States.Timeout"
    assert (execution["stopDate"] - execution["startDate"]).total_seconds() < 15


def test_a_throttled_function_has_the_services_error_name(cloud: Cloud) -> None:
    execution = cloud.run(_task(cloud.function("pass", concurrency=0)))
    assert execution["error"] == "Lambda.TooManyRequestsException"


def test_upstream_still_names_it_unknown(stock: Cloud) -> None:
    assert stock.run(_task(stock.function("pass", concurrency=0)))["error"] == "Lambda.Unknown"


def test_a_function_that_refuses_to_start_fails_the_task(cloud: Cloud) -> None:
    assert cloud.run(_task(cloud.bootstrap("import sys; sys.exit(1)")))["error"] == "Runtime.ExitError"


def test_states_all_does_not_catch_a_runtime_error(cloud: Cloud) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:pipes:flyPipe", "Arguments": {}, "Catch": catch}
    states = {"Task": {**task, "End": True}, "Caught": {"Type": "Succeed"}}
    execution = cloud.run({"StartAt": "Task", "States": states})
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Runtime")


def test_short_executions_are_quick(cloud: Cloud) -> None:
    machine = cloud.state_machine({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    executions = [cloud.ended(_start(cloud, machine)) for _ in range(5)]
    assert min(e["stopDate"] - e["startDate"] for e in executions).total_seconds() < 0.1


def test_the_context_tells_of_the_execution(cloud: Cloud) -> None:
    context = {key: f"{{% $states.context.Execution.{key} %}}" for key in ("Id", "Name", "StartTime", "Input")}
    done = {"Type": "Succeed", "Output": {**context, "machine": "{% $states.context.StateMachine.Id %}"}}
    machine = cloud.state_machine({"StartAt": "Done", "States": {"Done": done}})
    execution = cloud.ended(_start(cloud, machine, input='{"a": [1]}'))
    output = json.loads(execution["output"])
    assert output["Id"] == execution["executionArn"]
    assert output["Name"] == execution["name"]
    assert output["Input"] == {"a": [1]}
    assert output["StartTime"].endswith("Z")
    assert output["machine"] == machine
    assert f":{REGION}:" in machine


def test_many_executions_run_at_once(cloud: Cloud) -> None:
    machine = cloud.state_machine({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})
    started = time.monotonic()
    executions = [_start(cloud, machine) for _ in range(100)]
    assert {cloud.ended(execution)["status"] for execution in executions} == {"SUCCEEDED"}
    assert time.monotonic() - started < 50
