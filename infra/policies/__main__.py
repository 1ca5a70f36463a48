"""`python -m policies template | asl`: the templates through cfn-lint and our rules; the state machines likewise.

cfn-lint is found in `.tools/bin` or on the PATH; the validators of state machines are npm's, installed when they are
missing or old.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from policies import asl_rules, loading, template_rules

HERE = Path(__file__).resolve().parent
IGNORED = ["W3002"]
"""W3002: local paths. They are uploaded before AWS sees the template."""


def template() -> int:
    """Lint every template: as it is written (cfn-lint), and as CloudFormation gets it (cfn-lint and our rules)."""
    tools = os.pathsep.join([str(loading.ROOT / ".tools" / "bin"), os.environ.get("PATH", "")])
    linter = shutil.which("cfn-lint", path=tools)
    if not linter:
        sys.exit("cfn-lint is missing; `make lint` installs it into .tools, or: pip install cfn-lint")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for path in loading.all_templates():
            original = loading.load(path)
            translated = loading.translate(original)
            name = str(path.relative_to(loading.ROOT))
            for finding in template_rules.check(translated):
                print(f"{name}: {finding}")
                bad += 1
            files.append(str(path))
            if translated is original:
                continue
            file = Path(folder) / (name.replace("/", "-").removesuffix(".yaml") + ".translated.json")
            file.write_text(json.dumps(translated, indent=1), encoding="utf-8")
            files.append(str(file))
        command = [linter, "--ignore-checks", *IGNORED, "--format", "parseable", "--", *files]
        ended = subprocess.run(command, check=False)
        print(f"{len(loading.all_templates())} templates linted")
    return 1 if bad or ended.returncode else 0


def asl() -> int:
    """Lint every state machine with both public validators and our rules."""
    bad = 0
    for path in loading.STATE_MACHINES:
        for finding in asl_rules.check(json.loads(path.read_text(encoding="utf-8"))):
            print(f"{path.relative_to(loading.ROOT)}: {finding}")
            bad += 1
    installed, wanted = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    command = ["node", "check-asl.mjs", *(os.path.relpath(path, HERE) for path in loading.STATE_MACHINES)]
    ended = subprocess.run(command, cwd=HERE, check=False)
    print(f"{len(loading.STATE_MACHINES)} state machines linted")
    return 1 if bad or ended.returncode else 0


if __name__ == "__main__":
    checks = {"template": template, "asl": asl}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    sys.exit(checks[sys.argv[1]]())
