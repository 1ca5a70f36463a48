"""The tour reads what the platform's tools and tables say, and waits as long as something moves."""

from typing import Any

import pytest

from machine.client import Answer
from machine.failure import Failure
from tour import front, migration, operators, strangler, waiting
from tour.front import Found


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The tour's clock: a minute goes by with each time that it sleeps."""
    now = [0.0]

    def sleep(_: float) -> None:
        now[0] += 60.0

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting.time, "sleep", sleep)
    return now


def test_it_waits_as_long_as_something_moves(seconds: list[float]) -> None:
    notes: list[str] = []
    waiting.until(lambda: seconds[0] >= 3600.0, lambda: f"{seconds[0]:.0f} s", notes.append)
    assert (notes[0], notes[-1]) == ("0 s", "3600 s")


def test_it_gives_up_when_nothing_moves_and_says_what_it_saw(seconds: list[float]) -> None:
    with pytest.raises(Failure, match="7 of 9"):
        waiting.until(lambda: False, lambda: "7 of 9", lambda _: None)
    assert seconds[0] <= 2 * waiting.PATIENCE_SECONDS


def test_what_shadow_compared_is_read_from_the_operators_command() -> None:
    said = ["route       search: shadow 100 % - …", "shadow      12 compared, 3 differ: 3 order", "audit       …"]
    assert operators.compared(said) == 12
    assert operators.compared(said[:1]) == 0


def test_what_is_published_is_read_from_the_reconciliation() -> None:
    said = ["monolith   1938 published, 41 drafts, 22 withdrawn  sha256 f7", "new store  7 published, …"]
    assert operators.published(said) == 1938
    with pytest.raises(Failure):
        operators.published(said[1:])


def test_an_exports_rows_are_the_last_count_of_each_table_and_all_changes() -> None:
    said = """export: 500 rows of article
export: 731 rows of article
export: 500 rows of article_topic
export: 1204 rows of article_topic
export: 3 changes
"""
    assert migration.rows(said) == 731 + 1204 + 3
    assert migration.rows("") == 0


def item(etag: str, done: bool, applied: int) -> dict[str, Any]:
    return {"etag": etag, "done": done, "tally": {"applied": applied, "echoes": 1}}


def test_the_import_is_over_once_every_file_was_read_to_its_end() -> None:
    files = [("FILE#a", '"1"'), ("FILE#b", '"2"')]
    known = {"FILE#a": item('"1"', True, 5), "FILE#b": item('"2"', False, 2)}
    assert migration.progress(files, known) == (False, {"applied": 7, "echoes": 2})
    known["FILE#b"] = item('"2"', True, 3)
    assert migration.progress(files, known) == (True, {"applied": 8, "echoes": 2})


def test_a_file_that_was_not_begun_or_came_again_is_still_to_be_read() -> None:
    assert migration.progress([("FILE#a", '"1"')], {}) == (False, {})
    done, _ = migration.progress([("FILE#a", '"2"')], {"FILE#a": item('"1"', True, 5)})
    assert not done


def test_a_search_without_hits_has_no_first_one() -> None:
    answer = Answer(200, {"x-served-by": "monolith"}, {"total": 0, "hits": []})
    assert front.found(answer, 7.0) == Found("monolith", 7.0, 0, (), "")
    with pytest.raises(Failure):
        front.found(Answer(502, {}, {"detail": "not available"}), 7.0)


def test_both_sides_of_a_question_stand_in_one_line() -> None:
    old, new = Found("monolith", 41.2, 0, (), ""), Found("modern", 9.4, 1, ("a",), "A glacier")
    assert strangler._line("glacer", [old, new]).split() == [
        *("“glacer”", "the", "monolith", "41", "ms", "0", "hits"),
        *("the", "new", "service", "9", "ms", "1", "hit", "A", "glacier"),
    ]


def test_a_mismatch_is_told_in_words() -> None:
    sample = {"request": "GET /search?q=black+hole", "difference": "order"}
    assert strangler._sample(sample).endswith("GET /search?q=black hole: the same articles in another order")
