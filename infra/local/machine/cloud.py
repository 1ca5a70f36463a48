"""The local cloud: MiniStack with the extension, one process."""

import os
import shutil
import sys
import time
import urllib.error
import urllib.request

from machine import ports, settings
from machine.failure import Failure
from machine.processes import Processes

START_SECONDS = 60.0


def start(processes: Processes, port: int = 0, front: int = 0) -> str:
    """Start it, wait until it answers, and return its endpoint; at the port `front`, if any, is the façade's host."""
    port = ports.claim("PORT", port)
    endpoint = f"http://{ports.HOST}:{port}"
    # What the cloud unpacks goes with the rest of this machine's state, and does not pile up elsewhere.
    scratch = settings.STATE / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    environment = settings.aws_environment(endpoint) | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": ports.HOST,
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": settings.REGION,
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),
    }
    if front:
        environment["FRONT_PORT"] = str(front)
    processes.start("cloud", [sys.executable, "-m", "extension"], environment, settings.LOCAL)
    _wait(processes, f"{endpoint}/_ministack/health")
    return endpoint


def _wait(processes: Processes, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        processes.check()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                log = settings.LOGS / "cloud.log"
                raise Failure(f"The local cloud did not answer within {START_SECONDS:.0f} s; see {log}.") from None
            time.sleep(0.05)


def without_proxies() -> None:
    """Let this process speak to loopback directly, whatever proxy the shell has set up."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
