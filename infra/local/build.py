"""Build the functions and the stand-ins for this machine, and put each where its user looks for it.

`target/lambda/<bin>/bootstrap` is what the template names (`cargo lambda build` puts its Linux binaries in the same
place), `target/stand-ins/<bin>` what the local machine starts. Cargo's own folder may be anywhere.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Compile, then copy what changed."""
    compiled = subprocess.run(["cargo", "build", "--workspace", "--bins"], cwd=ROOT, check=False)
    if compiled.returncode != 0:
        return compiled.returncode
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    folder = Path(metadata["target_directory"]) / "debug"
    for package in metadata["packages"]:
        place = Path(package["manifest_path"]).relative_to(ROOT)
        for target in package["targets"]:
            if "bin" not in target["kind"]:
                continue
            if place.parts[0] == "functions":
                install(folder / target["name"], ROOT / "target" / "lambda" / target["name"] / "bootstrap")
            elif place.parts[:2] == ("tests", "stand-ins"):
                install(folder / target["name"], ROOT / "target" / "stand-ins" / target["name"])
    return 0


def install(binary: Path, destination: Path) -> None:
    """Copy `binary` unless it is there already; never write into a file that may be running."""
    new, old = binary.stat(), destination.stat() if destination.exists() else None
    if old and (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    draft = destination.with_name(f".{destination.name}.draft")
    shutil.copy2(binary, draft)
    os.replace(draft, destination)


if __name__ == "__main__":
    sys.exit(main())
