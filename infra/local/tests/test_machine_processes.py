"""What the machine starts ends with it, and nothing else does."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import until

from machine import ports
from machine.failure import Failure
from machine.processes import Processes

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
FAMILY = ["sh", "-c", f"{sys.executable} -c 'import time; time.sleep(600)' & echo $!; wait"]


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")


def start(processes: Processes, folder: Path, command: list[str], name: str = "one") -> int:
    """Start `command`; the answer is the number of the last process that was started."""
    processes.start(name, command, os.environ, folder)
    return json.loads((folder / "processes.json").read_text())[-1]["pid"]


def test_the_end_of_the_block_ends_a_process_and_its_children(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        log = processes.start("family", FAMILY, os.environ, tmp_path)
        child = int(until(log.read_text, what="the child's number"))
        assert lives(child)
    assert not lives(child)
    assert not (tmp_path / "processes.json").exists()


def test_an_error_ends_them_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Processes(tmp_path) as processes:
        pid = start(processes, tmp_path, SLEEP)
        raise RuntimeError
    assert not lives(pid)


def test_what_was_kept_is_ended_by_the_next_run(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        pid = start(processes, tmp_path, SLEEP)
        processes.keep()
    assert lives(pid)
    with Processes(tmp_path) as following:
        assert following.stop_former()
        assert not following.stop_former()
    os.waitpid(pid, 0)
    assert not lives(pid)


def test_a_number_that_another_program_has_now_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        line = {"name": "old", "pid": other.pid, "started": "long ago"}
        (tmp_path / "processes.json").write_text(json.dumps([line]))
        with Processes(tmp_path) as processes:
            assert not processes.stop_former()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_that_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        start(processes, tmp_path, [sys.executable, "-c", "raise SystemExit('no memory for that')"], "cloud")

        def complaint() -> str:
            try:
                processes.check()
            except Failure as failure:
                return str(failure)
            return ""

        said = until(complaint, what="the complaint")
    assert said.startswith("cloud ended with status 1")
    assert "no memory for that" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import os, sys, time; from pathlib import Path; from machine import interrupts\n"
        "from machine.processes import Processes\n"
        "interrupts.listen()\n"
        "with Processes(Path(sys.argv[1])) as processes:\n"
        f"    processes.start('one', {SLEEP!r}, os.environ, Path('.'))\n"
        "    print('up', flush=True)\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    machine = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert machine.stdout is not None
    assert machine.stdout.readline() == b"up\n"
    child = json.loads((tmp_path / "processes.json").read_text())[0]["pid"]
    machine.send_signal(number)
    machine.communicate(timeout=30)
    assert not lives(child)


def test_a_busy_port_is_one_sentence_that_names_its_variable() -> None:
    with ports.socket.socket() as taken:
        taken.bind((ports.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Failure, match=rf"^Port {port} is busy \(PAGE_PORT={port}\): .*\.$"):
            ports.claim("PAGE_PORT", port)
    assert ports.claim("PAGE_PORT", port) == port
    assert ports.claim("PAGE_PORT", 0) > 0


def test_a_run_that_starts_nothing_leaves_the_list_of_a_kept_one(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        pid = start(processes, tmp_path, SLEEP)
        processes.keep()
    with Processes(tmp_path):
        pass
    with Processes(tmp_path) as following:
        assert following.stop_former()
    os.waitpid(pid, 0)
