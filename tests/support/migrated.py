"""The migration, deployed under a stage of its own, and a monolith whose articles go there."""

import contextlib
import json
import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import deploy, settings, stand_ins
from support import example
from support.platform import Platform
from support.waiting import until

RECONCILE = settings.ROOT / "target" / "lambda" / "articles-reconcile" / "bootstrap"
PARAMETERS = {"Architecture": deploy.LOCAL["Architecture"], "ConsumerVisibilitySeconds": "30"}


class Monolith:
    """The monolith's database in a folder, without the site."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.db = folder, folder / "site.db"
        run("corpus", "--db", self.db, "--articles", 1000, "--seed", 5)

    def export(self, what: str, to: str = "out", max_rows: int = 300) -> list[str]:
        """Export into a folder; the keys of all files that are there."""
        out = self.folder / to
        position = self.folder / f"{to}.position"
        run(
            *("export", "--db", self.db, "--to", out, "--what", what),
            *("--position", position, "--max-rows", max_rows),
        )
        return sorted(str(path.relative_to(out)) for path in out.rglob("*.csv"))

    def read(self, key: str) -> bytes:
        """An exported file."""
        return (self.folder / "out" / key).read_bytes()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that the journal knows, as the site's own are."""
        connection = sqlite3.connect(self.db, isolation_level=None, timeout=20)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE change_tx SET tx_id = tx_id + 1, committed_at_micros = max(?, committed_at_micros + 1)",
                [time.time_ns() // 1_000_000 * 1000],
            )
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()

    @contextlib.contextmanager
    def being_edited(self, seed: int) -> Iterator[None]:
        """Somebody edits at random, until the body ends."""
        over = threading.Event()
        failures: list[BaseException] = []

        def edit() -> None:
            chance = random.Random(seed)
            try:
                while not over.wait(0.01):
                    with self.transaction() as connection:
                        for _ in range(chance.randint(1, 4)):
                            edit_one(connection, chance)
            except BaseException as error:  # the test tells it
                failures.append(error)

        editor = threading.Thread(target=edit)
        editor.start()
        try:
            yield
        finally:
            over.set()
            editor.join()
        assert not failures, failures


def edit_one(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One row or a few, of one article."""
    key = chance.choice(connection.execute("SELECT art_key FROM article ORDER BY art_key").fetchall())[0]
    now = time.strftime("%d.%m.%Y %H:%M:%S", time.gmtime())
    number = chance.randrange(1_000_000)
    text = f'Line {number}, "quoted"\r\nand ü, NULL\n'
    match chance.randrange(8):
        case 0:
            columns = (f"new-{number}", f"New {number}", text, now, now)
            connection.execute(
                "INSERT OR IGNORE INTO article VALUES (?, ?, 'NULL', ?, 'ada', 'Ada', 'N', 'P', ?, ?, 'ada')", columns
            )
        case 1:
            connection.execute("DELETE FROM article_topic WHERE art_key = ?", [key])
            connection.execute("DELETE FROM article WHERE art_key = ?", [key])
        case 2:
            connection.execute("UPDATE article SET state = 'Z', chg_date = ? WHERE art_key = ?", [now, key])
        case 3 | 4:
            topic = f"topic-{chance.randrange(3)}"
            gone = connection.execute("DELETE FROM article_topic WHERE art_key = ? AND topic = ?", [key, topic])
            topics = connection.execute("SELECT count(*) FROM article_topic WHERE art_key = ?", [key]).fetchone()[0]
            if not gone.rowcount and topics < 10:
                connection.execute("INSERT INTO article_topic VALUES (?, ?)", [key, topic])
        case _:
            # The same row twice, at one commit time: the last one counts.
            for headline in (f"Passing {number}", f"Title {number}"):
                connection.execute(
                    "UPDATE article SET headline = ?, body_text = ?, pay_flag = ?, chg_date = ? WHERE art_key = ?",
                    [headline, text, chance.choice("YN"), now, key],
                )


def run(*arguments: Any) -> None:
    """Run the monolith's program to its end."""
    binary = stand_ins.BINARIES / "monolith"
    command = [str(binary), *map(str, arguments)]
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ended.returncode == 0, ended.stdout


@dataclass(frozen=True)
class Migration:
    """The deployed example."""

    platform: Platform
    outputs: Mapping[str, str]

    def upload(self, key: str, content: bytes) -> None:
        """Put a file where DMS would."""
        self.platform.aws("s3").put_object(Bucket=self.outputs["ImportBucketName"], Key=key, Body=content)

    def progress(self, key: str) -> dict[str, Any]:
        """How far a file was read; empty before it was begun."""
        dynamodb, table = self.platform.aws("dynamodb"), self.outputs["ImportsTableName"]
        item = dynamodb.get_item(TableName=table, Key={"pk": {"S": f"FILE#{key}"}}, ConsistentRead=True).get("Item", {})
        return {
            "done": item.get("done", {}).get("BOOL", False),
            "etag": item.get("etag", {}).get("S"),
            "tally": {name: int(value["N"]) for name, value in item.get("tally", {}).get("M", {}).items()},
        }

    def is_done(self, key: str) -> bool:
        """Whether the file was read to its end as it is now."""
        head = self.platform.aws("s3").head_object(Bucket=self.outputs["ImportBucketName"], Key=key)
        progress = self.progress(key)
        return progress["done"] and progress["etag"] == head["ETag"]

    def read_all(self, keys: list[str], seconds: float = 400.0) -> None:
        """Wait until the files were read to their ends."""
        waiting = list(keys)

        def done() -> bool:
            waiting[:] = [key for key in waiting if not self.is_done(key)]
            return not waiting and self.platform.is_empty(self.outputs["ImportQueueUrl"])

        until(done, seconds, "the end of the import", every=0.5)

    def letters(self) -> list[dict[str, Any]]:
        """Take all letters out of the dead-letter queue."""
        sqs, url, found = self.platform.aws("sqs"), self.outputs["ImportDlqUrl"], []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def reconcile(self, export: Path) -> tuple[int, str]:
        """Compare an export with what the import wrote: exit code, and what was said."""
        environment = settings.aws_environment(self.platform.stack["endpoint"]) | {
            "ARTICLES_TABLE": self.outputs["ArticlesTableName"],
            "CONTENTS_BUCKET": self.outputs["ContentsBucketName"],
        }
        ended = subprocess.run(
            [str(RECONCILE), str(export)],
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return ended.returncode, ended.stdout


def deployed(platform: Platform) -> Migration:
    """Deploy the example under a stage of its own."""
    stage = example.new_stage()
    outputs = example.deploy_stack(platform, "migrated", f"migrated-{stage}", PARAMETERS | {"Stage": stage})
    return Migration(platform, outputs)
