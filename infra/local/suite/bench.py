"""`make bench`: what is promised about cost, measured; a missed goal is a failure."""

import json
import os

from machine import search_node, settings
from machine.failure import Failure
from machine.processes import Processes
from suite import runner

TARGET = settings.ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
REPORTS = settings.ROOT / "target" / "bench"
# One package, and no other: nothing of it needs the AWS SDK, which would take minutes to compile with this profile.
BENCH = ["--profile", "bench", "--package", "bench", "--features", "criterion"]


def run() -> str:
    """One part (`ONLY=gate`) or all parts; the answer names them and counts their goals."""
    parts = {"gate": gate, "search": search}
    only = os.environ.get("ONLY", "")
    if only and only not in parts:
        raise Failure(f"ONLY={only} is no part; there is: {', '.join(parts)}.")
    return "; ".join(parts[name]() for name in ([only] if only else parts))


def gate() -> str:
    """The gate: criterion for its pure core, a count in virtual time for the rest."""
    criterion = TARGET / "criterion"
    home = {"CRITERION_HOME": str(criterion)}
    runner.run("the gate's pure core", ["cargo", "bench", *BENCH, "--bench", "gate"], environment=home)
    report = REPORTS / "gate.json"
    command = ["cargo", "run", "--quiet", *BENCH, "--bin", "gate-costs", "--", str(criterion), str(report)]
    runner.run("the gate's costs", command)
    return f"all {len(json.loads(report.read_text())['goals'])} goals of the gate are met"


def search() -> str:
    """The searches: the monolith's, the embedded engine's and OpenSearch's, over one corpus."""
    report = REPORTS / "search.json"
    program = ["cargo", "run", "--quiet", "--profile", "bench", "--package", "bench", "--features", "search"]
    with Processes(settings.STATE / "bench") as processes:
        processes.stop_former()
        url = search_node.start(processes, fast=True)
        command = [*program, "--bin", "search-costs", "--", url, str(search_node.DATA), str(report)]
        runner.run("the searches", command)
    return f"all {len(json.loads(report.read_text())['goals'])} goals of the search are met"
