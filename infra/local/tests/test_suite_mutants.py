"""`make mutants` says yes only where every mutant was tried and found."""

import pytest

from machine.failure import Failure
from suite import mutants

CAUGHT = {"scenario": {"Mutant": {"name": "a.rs:1:1: replace f with ()"}}, "summary": "CaughtMutant"}
MISSED = {"scenario": {"Mutant": {"name": "a.rs:2:2: replace g with ()"}}, "summary": "MissedMutant"}
UNVIABLE = CAUGHT | {"summary": "Unviable"}
TIMEOUT = CAUGHT | {"summary": "Timeout"}
BASELINE = {"scenario": "Baseline", "summary": "Success"}


def test_mutants_that_are_all_caught_are_counted() -> None:
    said = mutants.verdict(4, [BASELINE, CAUGHT, CAUGHT, UNVIABLE, TIMEOUT])
    assert said == "all 3 viable mutants are caught, 1 of them by a time-out"


def test_a_missed_mutant_is_named() -> None:
    with pytest.raises(Failure, match=r"1 of 2 viable mutants were missed:\n  a\.rs:2:2: replace g with \(\)"):
        mutants.verdict(2, [BASELINE, CAUGHT, MISSED])


@pytest.mark.parametrize("outcomes", [[], [BASELINE | {"summary": "Failure"}], [BASELINE, CAUGHT], [UNVIABLE] * 2])
def test_a_run_that_tried_too_few_is_a_failure(outcomes: list[dict]) -> None:
    with pytest.raises(Failure, match="of 2 mutants were tried"):
        mutants.verdict(2, outcomes)
