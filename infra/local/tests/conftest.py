"""Fixtures: a server with the extension, and a stock one that shows whether upstream still has a gap."""

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNT = "000000000000"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 30.0, what: str = "the condition") -> T:
    """Ask `condition` until its answer is true, and return that answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s; the last answer was {answer!r}")
        time.sleep(0.05)


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclasses.dataclass
class Cloud:
    """A running server: its process, its address, its clients, and short ways to create what tests need."""

    process: subprocess.Popen
    endpoint: str
    log: pathlib.Path

    @functools.lru_cache  # noqa: B019 - as many as there are services, for one test session
    def client(self, service: str) -> Any:
        """A boto3 client of this server; it does not retry, so that a test sees the first answer."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
            config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        )

    def __hash__(self) -> int:
        return id(self)

    def stop(self) -> None:
        """End the server as `make down` does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def queue(self, **attributes: str) -> tuple[str, str]:
        """A new queue: its URL and its ARN."""
        name = unique("queue")
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def receive(self, url: str, seconds: float = 30.0) -> dict:
        """Wait for one message and delete it."""
        sqs = self.client("sqs")

        def poll() -> dict | None:
            got = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
            ).get("Messages")
            if not got:
                return None
            sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
            return got[0]

        return until(poll, seconds, "a message in the queue")

    def function(self, body: str, **settings: Any) -> str:
        """A function as a Python script; `body` computes `answer` from `event`. Returns its ARN."""
        return self.bootstrap(_RUNTIME.replace("# BODY", body.replace("\n", "\n    ")), **settings)

    def bootstrap(self, script: str, concurrency: int | None = None, **settings: Any) -> str:
        """A function with this Python script as its bootstrap. Returns its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, f"#!{sys.executable}\n{script}")
        client = self.client("lambda")
        arn = client.create_function(
            FunctionName=unique("function"),
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=ROLE,
            Code={"ZipFile": packed.getvalue()},
            **settings,
        )["FunctionArn"]
        if concurrency is not None:
            client.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=concurrency)
        return arn

    def state_machine(self, definition: dict) -> str:
        """A Standard state machine in JSONata; returns its ARN."""
        return self.client("stepfunctions").create_state_machine(
            name=unique("machine"), roleArn=ROLE, definition=json.dumps({"QueryLanguage": "JSONata", **definition})
        )["stateMachineArn"]

    def ended(self, execution: str, seconds: float = 30.0) -> dict:
        """Wait for the end of an execution and describe it."""
        client = self.client("stepfunctions")

        def poll() -> dict | None:
            described = client.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return until(poll, seconds, f"the end of {execution}")

    def run(self, definition: dict, given: Any = None, seconds: float = 30.0) -> dict:
        """Create a state machine, run it once, and describe the ended execution."""
        arn = self.state_machine(definition)
        started = self.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given or {}))
        return self.ended(started["executionArn"], seconds)


_RUNTIME = """
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
class Failed(Exception):
    def __init__(self, error_type, message):
        self.answer = {"errorType": error_type, "errorMessage": message}
def handle(event):
    answer = None
    # BODY
    return answer
while True:
    with urllib.request.urlopen(api + "next") as request:
        request_id, event = request.headers["Lambda-Runtime-Aws-Request-Id"], json.load(request)
    try:
        kind, answer = "response", handle(event)
    except Failed as failed:
        kind, answer = "error", failed.answer
    sys.stdout.flush()
    urllib.request.urlopen(api + request_id + "/" + kind, data=json.dumps(answer).encode()).close()
"""


def start_cloud(directory: pathlib.Path, *module: str, **environment: str) -> Cloud:
    """Start `python -m <module>` on a free port and wait until it is ready."""
    port = free_port()
    log = directory / f"{module[0]}-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "GATEWAY_PORT": str(port),
                "BIND_HOST": "127.0.0.1",
                "IOT_MTLS_ENABLED": "0",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_DEFAULT_REGION": REGION,
                "MINISTACK_REGION": REGION,
                **environment,
            },
        )
    cloud = Cloud(process, f"http://127.0.0.1:{port}", log)

    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with code {process.returncode}:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{cloud.endpoint}/_ministack/ready", timeout=5):
            return True
        return False

    until(ready, 60, "the server")
    return cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The local cloud: MiniStack with the whole extension."""
    started = start_cloud(tmp_path_factory.mktemp("cloud"), "extension")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """MiniStack without the extension: what a test finds missing here is why a gap module exists."""
    started = start_cloud(tmp_path_factory.mktemp("stock"), "ministack")
    yield started
    started.stop()
