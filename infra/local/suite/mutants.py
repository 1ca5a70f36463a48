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

TESTS = {
    # Its exhaustive searches would find some, too, and take longer than all other tests together.
    "domain": ["--lib"],
    "admission": ["--lib", "--tests"],
}
"""A package's mutants are found by its own tests, these of them."""


def run() -> str:
    """Plant all of them (`.cargo/mutants.toml` says where); the answer is the count."""
    install()
    planned, outcomes = 0, []
    for package, tests in TESTS.items():
        results = OUTPUT / f"mutants-{package}"
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir(parents=True)
        command = [str(TOOL / "bin" / "cargo-mutants"), "mutants", "--package", package, "--test-package", package]
        arguments = [f"--cargo-test-arg={argument}" for argument in tests]
        options = ["--jobs", JOBS, "--output", str(results), "--colors", "never"]
        try:
            runner.run(f"mutants of {package}", [*command, *arguments, *options])
        except Failure:
            # Missed mutants and time-outs end it badly too: the count says which.
            if not (results / "mutants.out" / "outcomes.json").exists():
                raise
        planned += len(json.loads((results / "mutants.out" / "mutants.json").read_text()))
        outcomes += json.loads((results / "mutants.out" / "outcomes.json").read_text())["outcomes"]
    return verdict(planned, outcomes)


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
