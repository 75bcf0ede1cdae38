"""Children end with us, whatever ends us."""

import subprocess
import sys
from pathlib import Path

import psutil

from agent.adapters.processes import spawn, stop
from tests.conftest import wait_for

PARENT = """
import subprocess, sys
from agent.adapters.processes import spawn
with open(sys.argv[1], "ab") as out:
    child = spawn([sys.executable, "-c", "import time; time.sleep(600)"], subprocess.DEVNULL, out)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_child_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child is gone")


def test_stop_asks_first_and_kills_what_does_not_listen(tmp_path: Path, monkeypatch: "object") -> None:
    from agent.adapters import processes

    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(99)"
    )
    with (tmp_path / "log").open("ab") as log:
        children = [
            spawn([sys.executable, "-c", "import time; time.sleep(99)"], subprocess.PIPE, log),
            spawn([sys.executable, "-c", deaf], subprocess.PIPE, log),
        ]
    wait_for(lambda: "deaf" in (tmp_path / "log").read_text(), "the deaf one is up")
    monkeypatch.setattr(processes, "STOP_WITHIN_S", 0.5)  # type: ignore[attr-defined]
    stop(children)
    assert [child.returncode for child in children] == [-15, -9]
