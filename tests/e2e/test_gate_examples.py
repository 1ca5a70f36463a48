"""The gate's examples, as a stranger runs them: a table of their own, a URL to call."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import settings
from support.platform import Platform

CALLS = 10
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def examples() -> Path:
    """Where they are. The whole workspace is built, as everywhere, so that nothing else compiles again."""
    subprocess.run(["cargo", "build", "--workspace", "--examples", "--quiet"], cwd=settings.ROOT, check=True)
    metadata = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    said = subprocess.run(metadata, cwd=settings.ROOT, check=True, capture_output=True)
    return Path(json.loads(said.stdout)["target_directory"]) / "debug" / "examples"


@pytest.fixture
def table(platform: Platform) -> Iterator[str]:
    """A table with the key `pk`, and nothing else."""
    name = f"gates-{uuid.uuid4().hex}"
    dynamodb = platform.aws("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    yield name
    dynamodb.delete_table(TableName=name)


def run(example: Path, platform: Platform, table: str, url: str) -> list[str]:
    """What became of each call."""
    environment = os.environ | settings.aws_environment(platform.stack["endpoint"]) | {"GATES_TABLE": table, "URL": url}
    said = subprocess.run([example], env=environment, check=True, capture_output=True, text=True)
    calls = re.findall(r"^call (\d+): (.*)$", said.stdout, re.MULTILINE)
    assert [int(number) for number, _ in calls] == list(range(1, CALLS + 1)), said.stdout
    return [end for _, end in calls]


@pytest.mark.parametrize("example", ["gate_library", "gate_layer"])
def test_a_provider_that_answers_is_called_and_every_call_is_counted(
    platform: Platform, table: str, examples: Path, example: str
) -> None:
    ends = run(examples / example, platform, table, platform.stack["standIns"]["fraud"]["url"])
    assert all(re.match(r"HTTP \d{3}, \d+ ms", end) for end in ends), ends
    assert gate(platform, table) == ("closed", str(CALLS))


@pytest.mark.parametrize("example", ["gate_library", "gate_layer"])
def test_a_provider_that_is_dead_is_called_three_times_and_then_no_more(
    platform: Platform, table: str, examples: Path, example: str
) -> None:
    ends = run(examples / example, platform, table, NOWHERE)
    refused = ["not permitted (open)" in end for end in ends]
    assert refused == [False] * 3 + [True] * (CALLS - 3), ends
    assert gate(platform, table) == ("open", "3")


def gate(platform: Platform, table: str) -> tuple[str, str]:
    """State and calls of the only item."""
    (item,) = platform.aws("dynamodb").scan(TableName=table)["Items"]
    return item["state"]["S"], item["seq"]["N"]
