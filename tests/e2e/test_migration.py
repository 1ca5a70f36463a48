"""The migration under fire: the monolith is edited all the while, and its files come late, twice, torn and damaged."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import migrated
from support.migrated import Migration, Monolith
from support.platform import Platform

SEED = 20261123
TORN = "the file ends inside this record"


@pytest.fixture(scope="module")
def migration(platform: Platform) -> Migration:
    """The example, deployed once."""
    return migrated.deployed(platform)


@pytest.fixture(scope="module")
def monolith(tmp_path_factory: pytest.TempPathFactory) -> Monolith:
    """A monolith with a thousand articles."""
    return Monolith(tmp_path_factory.mktemp("monolith"))


@pytest.fixture(scope="module")
def migrated_under_fire(migration: Migration, monolith: Monolith) -> Iterator[list[str]]:
    """All files, delivered in an order that nobody would choose, while somebody edited; their keys."""
    chance = random.Random(SEED)
    with monolith.being_edited(SEED):
        monolith.export("full-load")
        keys: list[str] = []
        for _ in range(4):
            keys = monolith.export("changes")
    keys = monolith.export("changes")
    deliveries = keys + chance.sample(keys, len(keys) // 3)
    chance.shuffle(deliveries)
    torn = set(chance.sample(keys, len(keys) // 4))
    for key in deliveries:
        content = monolith.read(key)
        if key in torn:
            torn.discard(key)
            migration.upload(key, content[: chance.randrange(1, len(content))])
        migration.upload(key, content)
    migration.read_all(keys)
    yield keys


def test_whatever_happened_counts_and_checksums_agree_afterwards(
    migration: Migration, monolith: Monolith, migrated_under_fire: list[str]
) -> None:
    """Late, twice, torn and out of order, with equal commit times inside transactions."""
    monolith.export("full-load", to="final")
    code, said = migration.reconcile(monolith.folder / "final")
    assert code == 0, said
    assert "Both sides agree" in said, said
    # A torn file is seen only where the import was faster than the whole one; whatever is reported was torn.
    assert all(TORN in letter["why"] or "header" in letter["why"] for letter in migration.letters())


def test_a_file_that_comes_again_is_not_read_again(migration: Migration, migrated_under_fire: list[str]) -> None:
    """Each row was applied once, or known already."""
    before = [migration.progress(key) for key in migrated_under_fire]
    key = migrated_under_fire[0]
    content = migration.platform.aws("s3").get_object(Bucket=migration.outputs["ImportBucketName"], Key=key)["Body"]
    migration.upload(key, content.read())
    migration.read_all([key])
    assert [migration.progress(key) for key in migrated_under_fire] == before


def test_a_damaged_row_is_reported_with_its_line_and_column_and_the_rest_goes_on(
    migration: Migration, monolith: Monolith, migrated_under_fire: list[str]
) -> None:
    """And once the file was mended, nothing is missing."""
    with monolith.transaction() as connection:
        for number in range(5):
            key = f"damaged-{number}"
            columns = (key, f"Title {number}", "Two\nlines", "23.11.2026 10:00:00")
            connection.execute(
                "INSERT INTO article VALUES (?1, ?2, '', ?3, 'ada', 'Ada', 'N', 'P', ?4, ?4, 'ada')", columns
            )
    (key,) = set(monolith.export("changes")) - set(migrated_under_fire)
    whole = monolith.read(key)
    # The rows have two lines each; the third begins on line 6.
    damaged = whole.replace(b"damaged-2", b"Damaged-2").replace(b",damaged-3,Title", b',damaged-3,Tit"le')
    migration.upload(key, damaged)
    migration.read_all([key])
    assert migration.progress(key)["tally"] == {"applied": 3, "stale": 0, "echoes": 0, "poison": 2, "conflicts": 0}
    letters = {(letter["file"], letter["line"], letter["column"]): letter["why"] for letter in migration.letters()}
    assert sorted(letters) == [(key, 6, 30), (key, 8, 43)], letters
    assert letters[key, 6, 30].startswith("art_key: must be"), letters
    assert "must be in quotes" in letters[key, 8, 43], letters
    migration.upload(key, whole)
    migration.read_all([key])
    monolith.export("full-load", to="mended")
    code, said = migration.reconcile(monolith.folder / "mended")
    assert code == 0, said


def test_what_differs_is_listed_and_the_command_ends_badly(
    migration: Migration, monolith: Monolith, migrated_under_fire: list[str], tmp_path: Path
) -> None:
    """An article that the import has not seen yet, and a body that is cut."""
    with monolith.transaction() as connection:
        connection.execute(
            "INSERT INTO article VALUES ('unseen', 'Unseen', '', 'Body', 'ada', 'Ada', 'N', 'E', NULL,"
            " '23.11.2026 10:00:00', 'ada')"
        )
    monolith.export("full-load", to="ahead")
    code, said = migration.reconcile(monolith.folder / "ahead")
    assert code == 1, said
    assert "unseen  missing in the new store" in said, said
    assert migration.reconcile(tmp_path)[0] == 2
