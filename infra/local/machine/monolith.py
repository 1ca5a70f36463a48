"""The monolith: its database, filled with articles once, and the program itself."""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine import settings, stand_ins
from machine.failure import Failure
from machine.processes import Processes

ARTICLES = "2000"
SEED = "7"


@dataclass(frozen=True)
class Monolith:
    """Where it is, where its articles are, and what it wants to hear from the articles service."""

    url: str
    database: Path
    token: str
    token_file: Path


def start(processes: Processes, port: int) -> Monolith:
    """Make its database anew, start it, and wait until it listens."""
    folder = settings.STATE / "monolith"
    folder.mkdir(parents=True, exist_ok=True)
    for former in folder.glob("newscience.db*"):
        former.unlink()
    database, token, token_file = folder / "newscience.db", secrets.token_urlsafe(24), folder / "token"
    token_file.write_text(token)
    token_file.chmod(0o600)
    fill(database)
    arguments = ["--db", str(database), "--internal-token-file", str(token_file)]
    return Monolith(stand_ins.start(processes, "monolith", port, arguments), database, token, token_file)


def fill(database: Path) -> None:
    """The same articles each time."""
    command = [str(stand_ins.BINARIES / "monolith"), "corpus", "--seed", SEED, "--articles", ARTICLES]
    made = subprocess.run([*command, "--db", str(database)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"The monolith's articles could not be made: {made.stderr.strip()}")
