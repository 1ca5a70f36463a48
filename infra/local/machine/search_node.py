"""A real OpenSearch node on this machine."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from machine import ports, settings
from machine.failure import Failure
from machine.processes import Processes, tail

SCRIPT = settings.LOCAL / "opensearch" / "node.sh"
BUILD = settings.ROOT / "target" / "opensearch"
DATA = settings.STATE / "opensearch"
START_SECONDS = 90.0


def build() -> None:
    """Fetch and compile it, unless that was done; a `Failure` says what to install where something is missing."""
    built = subprocess.run(["sh", str(SCRIPT), "build", str(BUILD)], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise Failure(f"There is no OpenSearch node: {(built.stderr or built.stdout).strip()}")


def start(processes: Processes, port: int = 0, *, fast: bool = False) -> str:
    """Start it without any data, wait until it answers, and return its URL. `fast`: for figures; it starts slower."""
    build()
    port = ports.claim("OPENSEARCH_PORT", port)
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    environment = os.environ | ({"OPENSEARCH_FAST": "1", "OPENSEARCH_HEAP": "1g"} if fast else {})
    command = ["sh", str(SCRIPT), "run", str(BUILD), str(port), str(DATA)]
    log = processes.start("opensearch", command, environment, settings.ROOT)
    url = f"http://{ports.HOST}:{port}"
    _wait(processes, f"{url}/_cluster/health?wait_for_status=yellow", log)
    return url


def _wait(processes: Processes, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        processes.check()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise Failure(f"OpenSearch did not answer within {START_SECONDS:.0f} s:\n{tail(log)}") from None
            time.sleep(0.05)
