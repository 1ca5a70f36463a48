"""Which stage a command is about, and how to reach it.

`STAGE=local`, the default, is the one that runs on this machine: `target/local/stack.json` says where (`LOCAL_STATE` is
another folder, as it is for `make up`). Any other stage is looked up in AWS, with the credentials that the AWS command
line would use.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

STATE = Path(os.environ.get("LOCAL_STATE") or Path(__file__).resolve().parents[2] / "target" / "local")
STACK_FILE = STATE / "stack.json"


@dataclass(frozen=True)
class Stage:
    """A deployed stage: its API, and a session for the rest of its account."""

    prefix: str
    name: str
    session: boto3.Session
    endpoint: str | None
    api: str

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.session.region_name

    def client(self, service: str):  # noqa: ANN201 (boto3 builds its clients' classes at run time)
        """A client of one AWS service."""
        return self.session.client(service, endpoint_url=self.endpoint)

    def resource(self, name: str) -> str:
        """The full name of one of the stage's resources."""
        return f"{self.prefix}-{self.name}-{name}"


def give_up(sentence: str) -> NoReturn:
    """End with one sentence and a bad exit code."""
    sys.exit(sentence)


def from_env() -> Stage:
    """The stage that `STAGE`, `PREFIX` and `REGION` name."""
    name = os.environ.get("STAGE") or "local"
    return _local() if name == "local" else _deployed(os.environ.get("PREFIX") or "new-science", name)


def _local() -> Stage:
    try:
        stack = json.loads(STACK_FILE.read_text())
    except FileNotFoundError:
        give_up("Nothing runs on this machine: start it with `make up`, or name a deployed stage with STAGE=….")
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=stack["region"])
    return Stage(stack["prefix"], stack["stage"], session, stack["endpoint"], stack["api"])


def _deployed(prefix: str, name: str) -> Stage:
    session = boto3.Session(region_name=os.environ.get("REGION") or None)
    stack = f"{prefix}-{name}"
    try:
        described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        give_up(f"The stack {stack} cannot be read in {session.region_name}: {error}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if "ApiUrl" not in outputs:
        give_up(f"The stack {stack} has no output ApiUrl; is it a New Science stage?")
    return Stage(prefix, name, session, None, outputs["ApiUrl"].rstrip("/"))
