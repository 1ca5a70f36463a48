"""Where things are, and what a variable may change."""

import os
from dataclasses import dataclass
from pathlib import Path

from machine.failure import Failure

ROOT = Path(__file__).resolve().parents[3]
"""The repository."""
LOCAL = ROOT / "infra" / "local"
STATE = Path(os.environ.get("LOCAL_STATE", ROOT / "target" / "local"))
"""Everything that one machine leaves behind: `stack.json`, the list of its processes, its logs."""
STACK_FILE = STATE / "stack.json"
LOGS = STATE / "logs"

REGION = "eu-central-1"
ACCOUNT = "000000000000"
PREFIX = "new-science"
STAGE = "local"


def name(resource: str) -> str:
    """The full name of a resource of the local stage, as the template builds it."""
    return f"{PREFIX}-{STAGE}-{resource}"


@dataclass(frozen=True)
class Ports:
    """The ports that were asked for; 0 means any free one."""

    cloud: int
    page: int
    front: int
    payment: int
    fraud: int
    monolith: int

    @classmethod
    def from_env(cls) -> "Ports":
        """Read `PORT`, `PAGE_PORT`, `FRONT_PORT`, `PAYMENT_PORT`, `FRAUD_PORT`, `MONOLITH_PORT`; each is optional."""
        variables = ("PORT", "PAGE_PORT", "FRONT_PORT", "PAYMENT_PORT", "FRAUD_PORT", "MONOLITH_PORT")
        return cls(*(_port(variable) for variable in variables))


def _port(variable: str) -> int:
    text = os.environ.get(variable) or "0"
    if not text.isdecimal() or int(text) > 65535:
        raise Failure(f"{variable}={text} is not a port; use a number up to 65535, or leave it out for a free one.")
    return int(text)


def aws_environment(endpoint: str) -> dict[str, str]:
    """The environment of a program that must talk to the local cloud, and can never reach a real account."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return environment | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        # A profile with a session token or an endpoint of its own must not win over the lines above.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
