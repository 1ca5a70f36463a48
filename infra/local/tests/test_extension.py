"""The extension as a whole: its version, its modules, its documentation."""

import os
import pathlib
import subprocess
import sys

from conftest import ROOT, start_cloud

import extension


def _start(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "extension"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_another_version_is_refused_in_one_sentence() -> None:
    code = (
        "import extension, runpy; extension.PINNED_VERSION = '0.0.0'; "
        "runpy.run_module('extension.__main__', None, '__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("local cloud: MiniStack 1.5.33 is installed, but")
    assert ended.stderr.count("\n") == 1


def test_a_wrong_module_name_is_refused_in_one_sentence() -> None:
    ended = _start(LOCAL_AWS_WITHOUT="pipes_sqs,pipe_sqs")
    assert ended.returncode == 1
    assert ended.stderr == "local cloud: LOCAL_AWS_WITHOUT names no module of the extension: pipe_sqs\n"


def test_modules_can_be_left_out(tmp_path: pathlib.Path) -> None:
    without = start_cloud(tmp_path, "extension", LOCAL_AWS_WITHOUT="stepfunctions_http, pipes_sqs")
    try:
        call = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Arguments": {}, "End": True}
        execution = without.run({"StartAt": "Call", "States": {"Call": call}})
        assert "not yet implemented" in execution["cause"]
    finally:
        without.stop()


def test_every_module_is_in_the_list_of_gaps() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in extension.GAPS if f"`{name}`" not in readme] == []
