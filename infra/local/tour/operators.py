"""What operators do and see: the commands behind `make route` and `make reconcile`, records and alarms as they are."""

import os
import re
import subprocess
import sys
from typing import Any

from machine import deploy, settings
from machine.failure import Failure

OPS = settings.ROOT / "infra" / "ops"


def steer(route: str, mode: str, why: str, percent: int | None = None) -> None:
    """Steer a route; returns when every request follows."""
    order = {"ROUTE": route, "MODE": mode, "WHY": why} | ({} if percent is None else {"PERCENT": str(percent)})
    _command("routes", order)


def shown(route: str) -> list[str]:
    """What `make route` shows of a route."""
    return _command("routes", {"ROUTE": route}).splitlines()


def compared(lines: list[str]) -> int:
    """How many requests were compared lately, as `make route` shows it."""
    said = re.search(r"^shadow +(\d+) compared", "\n".join(lines), re.MULTILINE)
    return int(said.group(1)) if said else 0


def reconcile() -> tuple[bool, list[str]]:
    """Whether the monolith, exported now, and the new store agree on all articles, and what `make reconcile` says."""
    ended = _run("reconcile", {})
    if ended.returncode > 1:
        raise Failure(f"Nothing was reconciled: {ended.stderr.strip()}")
    return ended.returncode == 0, ended.stdout.splitlines()


def published(lines: list[str]) -> int:
    """How many articles the monolith has published, as `make reconcile` says it."""
    said = re.search(r"^monolith +(\d+) published", "\n".join(lines), re.MULTILINE)
    if said is None:
        raise Failure("make reconcile does not say how many articles are published.")
    return int(said.group(1))


def record(stack: dict[str, Any], route: str) -> dict[str, Any]:
    """A route's record; empty before anybody steered it."""
    return _routes(stack).get_item(Key={"pk": f"ROUTE#{route}"}, ConsistentRead=True).get("Item", {})


def mismatches(stack: dict[str, Any], route: str) -> list[dict[str, Any]]:
    """The samples of what shadow found on a route, the latest first."""
    # The table holds a few records and a hundred samples at most: one page.
    items = _routes(stack).scan(ConsistentRead=True)["Items"]
    samples = [item for item in items if item["pk"].startswith(f"MISMATCH#{route}#")]
    return sorted(samples, key=lambda sample: sample["at"], reverse=True)


def alarm(stack: dict[str, Any], route: str) -> str:
    """The state of a route's alarm."""
    cloudwatch = deploy.session().client("cloudwatch", endpoint_url=stack["endpoint"])
    found = cloudwatch.describe_alarms(AlarmNames=[settings.name(f"route-{route}-failures")])
    return found["MetricAlarms"][0]["StateValue"]


def _routes(stack: dict[str, Any]) -> Any:
    return deploy.session().resource("dynamodb", endpoint_url=stack["endpoint"]).Table(stack["tables"]["routes"])


def _command(name: str, variables: dict[str, str]) -> str:
    ended = _run(name, variables)
    if ended.returncode != 0:
        raise Failure(f"infra/ops/{name}.py: {(ended.stderr or ended.stdout).strip()}")
    return ended.stdout


def _run(name: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    about = {"STAGE": settings.STAGE, "LOCAL_STATE": str(settings.STATE)}
    others = {key: value for key, value in os.environ.items() if key not in ("ROUTE", "MODE", "PERCENT", "EXPORT")}
    command = [sys.executable, str(OPS / f"{name}.py")]
    return subprocess.run(command, env=others | about | variables, capture_output=True, text=True, check=False)
