"""`make mutants`: errors planted one by one in gate and admission; each must make a test fail."""

import json
import shutil
from collections import Counter

from machine import settings
from machine.failure import Failure
from suite import runner

VERSION = "27.1.0"
TOOL = settings.ROOT / ".tools-cargo"
OUTPUT = settings.ROOT / "target"
JOBS = "2"


def run() -> str:
    """Plant all of them (`.cargo/mutants.toml` says where); the answer is the count."""
    install()
    results = OUTPUT / "mutants.out"
    shutil.rmtree(results, ignore_errors=True)
    command = [str(TOOL / "bin" / "cargo-mutants"), "mutants", "--package", "domain", "--package", "admission"]
    try:
        runner.run("mutants", [*command, "--jobs", JOBS, "--output", str(OUTPUT), "--colors", "never"])
    except Failure:
        # Missed mutants and time-outs end it badly too: the count says which.
        if not (results / "outcomes.json").exists():
            raise
    planned = json.loads((results / "mutants.json").read_text())
    return verdict(len(planned), json.loads((results / "outcomes.json").read_text())["outcomes"])


def verdict(planned: int, outcomes: list[dict]) -> str:
    """What became of them; one that no test noticed, or that was not tried, is a failure."""
    mutants = [outcome for outcome in outcomes if outcome["scenario"] != "Baseline"]
    count = Counter(outcome["summary"] for outcome in mutants)
    missed = [outcome["scenario"]["Mutant"]["name"] for outcome in mutants if outcome["summary"] == "MissedMutant"]
    if missed:
        raise Failure(f"{len(missed)} of {viable(count)} viable mutants were missed:\n  " + "\n  ".join(missed))
    tried = viable(count) + count["Unviable"]
    if tried != planned or not viable(count):
        raise Failure(f"only {tried} of {planned} mutants were tried.")
    return f"all {viable(count)} viable mutants are caught, {count['Timeout']} of them by a time-out"


def viable(count: Counter[str]) -> int:
    """Those that compile."""
    return count["CaughtMutant"] + count["Timeout"] + count["MissedMutant"]


def install() -> None:
    """The tool itself, on first use: about four minutes."""
    # cargo keeps a list of what it installed where.
    installed = TOOL / ".crates.toml"
    if installed.exists() and f'"cargo-mutants {VERSION} ' in installed.read_text():
        return
    command = ["cargo", "install", "--locked", "cargo-mutants", "--version", VERSION, "--root", str(TOOL)]
    runner.run("cargo-mutants, about four minutes", command)
