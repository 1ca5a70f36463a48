"""Whether the monolith and the new store have the same articles: counts, checksums, and each difference.

    make reconcile                     the local stage's monolith, exported now
    make reconcile EXPORT=<folder>     an export that is there: files in DMS's format, which DMS has not written itself

It ends with 0 where both agree, with 1 where not, with 2 where nothing was compared.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import stage
from stage import Stage

BINARIES = Path(__file__).resolve().parents[2] / "target"
RECONCILE = BINARIES / "lambda" / "articles-reconcile" / "bootstrap"
MONOLITH = BINARIES / "stand-ins" / "monolith"


def main() -> int:
    """Do what the variables ask for."""
    where, export = stage.from_env(), os.environ.get("EXPORT", "").strip()
    if export:
        return compare(where, Path(export))
    if where.endpoint is None:
        give_up("Say where the monolith's export is: EXPORT=<folder>. docs/cut-over.md says how to make one.")
    with tempfile.TemporaryDirectory() as folder:
        export_stand_in(Path(folder))
        return compare(where, Path(folder) / "export")


def give_up(sentence: str) -> NoReturn:
    """End with one sentence and the exit code that says that nothing was compared."""
    print(sentence, file=sys.stderr)
    sys.exit(2)


def export_stand_in(folder: Path) -> None:
    """Export the database of the monolith that runs on this machine."""
    stack = json.loads(stage.STACK_FILE.read_text())
    database = stack.get("standIns", {}).get("monolith", {}).get("database")
    if not database:
        give_up("No monolith runs on this machine.")
    command = [
        *(str(MONOLITH), "export", "--db", database, "--what", "full-load"),
        *("--to", str(folder / "export"), "--position", str(folder / "position")),
    ]
    ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        give_up(f"The monolith cannot be exported: {ended.stderr}")


def compare(where: Stage, export: Path) -> int:
    """Compare the export with the stage's table and bucket."""
    credentials = where.session.get_credentials()
    if credentials is None:
        give_up("There are no AWS credentials: sign in first, for example with `aws sso login`.")
    frozen = credentials.get_frozen_credentials()
    account = where.client("sts").get_caller_identity()["Account"]
    environment = os.environ | {
        "ARTICLES_TABLE": where.resource("articles"),
        "CONTENTS_BUCKET": f"{where.resource('articles')}-{account}",
        "AWS_REGION": where.region,
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
    }
    if frozen.token:
        environment["AWS_SESSION_TOKEN"] = frozen.token
    if where.endpoint:
        environment["AWS_ENDPOINT_URL"] = where.endpoint
    return subprocess.run([str(RECONCILE), str(export)], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
