"""Everything that reads the code without running it."""

import sys

from machine import settings
from suite import runner


def run() -> None:
    """Rust, Python, then the template and the state machines; the first finding ends it."""
    runner.run("rustfmt", ["cargo", "fmt", "--all", "--check"])
    runner.run(
        "clippy",
        ["cargo", "clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"],
    )
    runner.run("ruff", [sys.executable, "-m", "ruff", "check"])
    runner.run("ruff format", [sys.executable, "-m", "ruff", "format", "--check"])
    policies = {"PYTHONPATH": str(settings.ROOT / "infra")}
    runner.run("templates", [sys.executable, "-m", "policies", "template"], environment=policies)
    runner.run("state machines", [sys.executable, "-m", "policies", "asl"], environment=policies)
