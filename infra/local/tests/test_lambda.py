"""Functions: warm invocations are quick, a refusal to start is told, no process is left behind."""

import json
import os
import pathlib
import signal
import time

import pytest
from conftest import Cloud, start_cloud, until


def _invoke(cloud: Cloud, arn: str, event: object = None) -> dict:
    answer = cloud.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event))
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}


def _warm_milliseconds(cloud: Cloud) -> float:
    arn = cloud.function("answer = event")
    _invoke(cloud, arn)
    times = []
    for _ in range(15):
        started = time.perf_counter()
        _invoke(cloud, arn)
        times.append((time.perf_counter() - started) * 1000)
    return min(times)


def _log(cloud: Cloud, arn: str) -> str:
    group = f"/aws/lambda/{arn.rsplit(':', 1)[1]}"
    events = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    return "\n".join(event["message"] for event in events)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_warm_invocation_has_no_floor(cloud: Cloud) -> None:
    assert _warm_milliseconds(cloud) < 45


def test_upstream_still_has_the_floor(stock: Cloud) -> None:
    assert _warm_milliseconds(stock) > 45


def test_every_line_that_the_function_wrote_is_in_its_log(cloud: Cloud) -> None:
    arn = cloud.function('for n in range(200): print("line", n)')
    for _ in range(3):
        _invoke(cloud, arn)
    assert _log(cloud, arn).count("line 199") == 3


def test_a_function_that_refuses_to_start_says_why_in_its_log(cloud: Cloud) -> None:
    arn = cloud.bootstrap("import sys; sys.exit('LEDGER_TABLE is not set')")
    for _ in range(2):
        answer = _invoke(cloud, arn)
        assert answer["error"] == "Unhandled"
        assert answer["payload"]["errorType"] == "Runtime.ExitError"
        assert "exit status 1" in answer["payload"]["errorMessage"]
    assert _log(cloud, arn).count("LEDGER_TABLE is not set") == 2


def test_upstream_still_reports_a_refusal_to_start_as_unknown(stock: Cloud) -> None:
    arn = stock.bootstrap("import sys; sys.exit('no')")
    assert _invoke(stock, arn)["payload"]["errorType"] == "Runtime.Unknown"


def test_reserved_concurrency_is_a_limit(cloud: Cloud) -> None:
    arn = cloud.function("answer = event", concurrency=0)
    with pytest.raises(cloud.client("lambda").exceptions.TooManyRequestsException):
        _invoke(cloud, arn)


# Losing the connection to the runtime API does not end it; only a signal does.
_STUBBORN = "sys.excepthook = lambda *error: time.sleep(60)\nanswer = os.getpid()"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_function_outlives_the_server(tmp_path: pathlib.Path, end: signal.Signals) -> None:
    server = start_cloud(tmp_path, "extension")
    pid = _invoke(server, server.function(_STUBBORN))["payload"]
    started = time.monotonic()
    server.process.send_signal(end)
    server.process.wait(timeout=20)
    assert time.monotonic() - started < 10
    until(lambda: not _is_alive(pid), 10, "the end of the function's process")


def test_upstream_still_leaves_processes_behind(tmp_path: pathlib.Path) -> None:
    server = start_cloud(tmp_path, "ministack")
    pid = _invoke(server, server.function(_STUBBORN))["payload"]
    server.process.terminate()
    server.process.wait(timeout=20)
    try:
        assert _is_alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
