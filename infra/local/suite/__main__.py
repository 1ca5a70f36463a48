"""`python -m suite <command>`: see `make` for what each does."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from machine import cloud, interrupts, platform, search_node, settings, stand_ins
from machine.failure import Failure
from machine.processes import Processes
from machine.progress import say
from suite import bench, lint, mutants, runner
from suite.runner import Count

WEB = settings.ROOT / "tests" / "web"
# The whole workspace, as everywhere: another selection would compile the AWS SDK again, with other features.
CONTRACT_AWS = ["cargo", "test", "--workspace", "--features", "aws/contract", "--test", "contract", "--"]
CONTRACT_SEARCH = ["cargo", "test", "--workspace", "--features", "search-engines/contract", "--test", "engines"]
PYTEST = [sys.executable, "-m", "pytest", "-q"]


def main() -> int:
    """Run one suite; the answer is the exit code."""
    suites = {
        "test": test,
        "lint": lint.run,
        "contract-payment": payment,
        "contract-dynamodb": dynamodb,
        "contract-search": search,
        "bench": bench.run,
        "mutants": mutants.run,
    }
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("suite", choices=suites)
    suite = parser.parse_args().suite
    cloud.without_proxies()
    interrupts.listen()
    began = time.monotonic()
    try:
        said = suites[suite]()
    except Failure as failure:
        print(f"\nmake {suite}: {failure}", file=sys.stderr, flush=True)
        return 1
    except interrupts.Ended as ended:
        say("\nended; nothing is left running")
        return ended.status
    took = f"{int(time.monotonic() - began) // 60} min {int(time.monotonic() - began) % 60} s"
    say(f"\nmake {suite}: {said or 'nothing to complain about'} ({took})")
    return 0


def test() -> str:
    """Every check there is, the quick ones first; the answer is the count of each runner."""
    counts: dict[str, Count] = {}
    search_node.build()  # what it lacks is said before anything takes long
    lint.run()
    counts["Rust"] = runner.cargo(runner.run("unit and property tests", ["cargo", "test", "--workspace"]))
    counts["policies"] = runner.pytest(runner.run("the lint rules' own tests", [*PYTEST, "infra/policies"]))
    build()
    counts["local cloud"] = runner.pytest(runner.run("the local cloud's own tests", [*PYTEST, "infra/local/tests"]))
    counts["adapters"] = contract_aws()
    counts["payment connector"] = contract_payment()
    counts["search engines"] = contract_search()
    say("\n── the platform on one machine")
    with platform.running():
        counts["state machines"] = runner.pytest(runner.run("state machine tests", [*PYTEST, "tests/statemachines"]))
        counts["end to end"] = runner.pytest(runner.run("end-to-end tests", [*PYTEST, "tests/e2e"]))
        runner.run("the browser tests' packages", ["npm", "ci", "--no-audit", "--no-fund"], WEB)
        counts["browser"] = runner.node(runner.run("browser tests", ["npm", "test"], WEB))
    return verdict(counts)


def payment() -> str:
    """The payment connector's suite alone."""
    return verdict({"payment connector": contract_payment()})


def dynamodb() -> str:
    """The gates' suite alone, against `AWS_ENDPOINT_URL_DYNAMODB` or a local cloud of its own."""
    given = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    if not given:
        return verdict({"gates": contract_aws("the gates against a local cloud", ["gates"])})
    output = runner.run(f"the gates against {given}", [*CONTRACT_AWS, "gates"])
    return verdict({"gates": runner.cargo(output)})


def search() -> str:
    """The search engines' suite alone."""
    return verdict({"search engines": contract_search()})


def verdict(counts: dict[str, Count]) -> str:
    """The line that counts; a runner that ran nothing, or left something out, is a failure."""
    for name, count in counts.items():
        if count.failed or count.skipped or not count.passed:
            raise Failure(f"{name}: {count.passed} passed, {count.failed} failed, {count.skipped} skipped.")
    total = sum(counts.values(), Count()).passed
    return f"{total} tests passed: " + ", ".join(f"{name} {count.passed}" for name, count in counts.items())


def build() -> None:
    """The functions and stand-ins, for this machine."""
    runner.run("functions and stand-ins", [sys.executable, str(settings.LOCAL / "build.py")])


def contract_aws(title: str = "the adapters' contract with AWS", selection: Sequence[str] = ()) -> Count:
    """The adapters of `shared/aws`, or those that `selection` names, against a local cloud of their own."""
    with Processes(settings.STATE / "contract") as processes:
        processes.stop_former()
        endpoint = cloud.start(processes)
        output = runner.run(title, [*CONTRACT_AWS, *selection], environment=settings.aws_environment(endpoint))
    return runner.cargo(output)


def contract_payment() -> Count:
    """The payment connector's requests, against `PAYMENT_BASE_URL` or a stand-in of their own."""
    command = ["cargo", "test", "-p", "connectors", "--features", "contract", "--test", "contract_payment"]
    given = os.environ.get("PAYMENT_BASE_URL")
    if given:
        return runner.cargo(runner.run(f"the payment connector against {given}", command))
    with Processes(settings.STATE / "contract") as processes:
        processes.stop_former()
        if not (stand_ins.BINARIES / "payment").exists():
            build()
        url = stand_ins.start(processes, "payment", 0)
        return runner.cargo(
            runner.run("the payment connector against its stand-in", command, environment={"PAYMENT_BASE_URL": url})
        )


def contract_search() -> Count:
    """Both search engines; OpenSearch at `OPENSEARCH_URL`, or a node of its own."""
    given = os.environ.get("OPENSEARCH_URL")
    if given:
        return runner.cargo(runner.run(f"the search engines, OpenSearch at {given}", CONTRACT_SEARCH))
    with Processes(settings.STATE / "contract") as processes:
        processes.stop_former()
        environment = {"OPENSEARCH_URL": search_node.start(processes)}
        return runner.cargo(runner.run("the search engines", CONTRACT_SEARCH, environment=environment))


if __name__ == "__main__":
    sys.exit(main())
