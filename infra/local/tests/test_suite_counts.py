"""The last line of `make test` counts right, and hides nothing."""

import pytest

from machine.failure import Failure
from suite import runner
from suite.__main__ import verdict
from suite.runner import Count

CARGO = """
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
   Doc-tests domain
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
"""
NODE = "# tests 3\n# pass 3\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\nℹ pass 4\nℹ fail 1\nℹ skipped 2\n"


def test_cargo_is_counted_over_all_its_binaries() -> None:
    assert runner.cargo(CARGO) == Count(15, 0, 1)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("12 passed in 3.41s", Count(12)),
        ("1 failed, 11 passed, 2 skipped, 1 error in 3.41s", Count(11, 2, 2)),
        ("=== 3 passed, 1 xfailed, 4 deselected in 62.10s (0:01:02) ===", Count(3, 0, 5)),
        ("no tests ran in 0.01s", Count()),
    ],
)
def test_pytest_is_counted_from_its_last_line(line: str, count: Count) -> None:
    assert runner.pytest(f"7 passed in a log line\n{line}\n") == count


def test_node_is_counted_over_all_its_runs() -> None:
    assert runner.node(NODE) == Count(7, 1, 2)


def test_the_verdict_counts_each_runner() -> None:
    assert verdict({"Rust": Count(12), "browser": Count(3)}) == "15 tests passed: Rust 12, browser 3"


@pytest.mark.parametrize("count", [Count(), Count(3, 1), Count(3, 0, 1)])
def test_a_failed_a_skipped_or_an_empty_run_is_no_success(count: Count) -> None:
    with pytest.raises(Failure, match="browser"):
        verdict({"Rust": Count(12), "browser": count})
