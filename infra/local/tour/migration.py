"""From the monolith's database into the new store: the export that stands for DMS, and how far the import has come."""

import re
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

from machine import deploy, settings
from machine.failure import Failure
from machine.stand_ins import BINARIES

MAX_ROWS = 500
"""Of a file: several of them, so that the import works on more than one at a time."""
POSITION = settings.STATE / "monolith" / "position"
"""Up to where the monolith's changes were exported."""
PROGRESS_KEYS = 100
"""So many items DynamoDB returns at once."""


def export(stack: dict[str, Any], what: str) -> int:
    """Export the monolith's tables of articles into the import's bucket; how many rows."""
    bucket = f"{stack['endpoint']}/{stack['buckets']['import']}"
    command = [
        *(str(BINARIES / "monolith"), "export", "--db", stack["standIns"]["monolith"]["database"]),
        *("--to", bucket, "--what", what, "--position", str(POSITION), "--max-rows", str(MAX_ROWS)),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise Failure(f"The monolith cannot be exported: {ended.stderr.strip()}")
    return rows(ended.stderr)


def rows(said: str) -> int:
    """How many rows an export wrote, as it says: of each table the last count, and all changes."""
    tables = {table: int(count) for count, table in re.findall(r"^export: (\d+) rows of (\w+)$", said, re.MULTILINE)}
    changes = sum(int(count) for count in re.findall(r"^export: (\d+) changes$", said, re.MULTILINE))
    return sum(tables.values()) + changes


def imported(stack: dict[str, Any]) -> tuple[bool, dict[str, int]]:
    """Whether every file that was exported was read to its end, and what became of the rows that were read."""
    session = deploy.session()
    pages = session.client("s3", endpoint_url=stack["endpoint"]).get_paginator("list_objects_v2")
    files = [file for page in pages.paginate(Bucket=stack["buckets"]["import"]) for file in page.get("Contents", [])]
    dynamodb, table = session.resource("dynamodb", endpoint_url=stack["endpoint"]), stack["tables"]["imports"]
    known = {}
    for first in range(0, len(files), PROGRESS_KEYS):
        keys = [{"pk": f"FILE#{file['Key']}"} for file in files[first : first + PROGRESS_KEYS]]
        asked = {table: {"Keys": keys, "ConsistentRead": True}}
        known |= {item["pk"]: item for item in dynamodb.batch_get_item(RequestItems=asked)["Responses"][table]}
    return progress([(f"FILE#{file['Key']}", file["ETag"]) for file in files], known)


def progress(files: list[tuple[str, str]], known: dict[str, Any]) -> tuple[bool, dict[str, int]]:
    """Of files, each with its present ETag, and of the items in which their progress is noted."""
    items = [known.get(key, {}) for key, _ in files]
    done = all(item.get("done") and item.get("etag") == etag for item, (_, etag) in zip(items, files, strict=True))
    tally: dict[str, int] = {}
    for item in items:
        for name, count in item.get("tally", {}).items():
            tally[name] = tally.get(name, 0) + int(count)
    return done, tally


def changed_by(stack: dict[str, Any], article: str) -> str:
    """Who changed an article's row in the monolith's database last; empty where there is no row."""
    database = stack["standIns"]["monolith"]["database"]
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        row = connection.execute("SELECT chg_by FROM article WHERE art_key = ?", [article]).fetchone()
    return row[0] if row else ""
