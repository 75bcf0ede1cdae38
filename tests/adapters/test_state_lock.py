"""agent/adapters/state_lock.py: one agent for one state folder, and no folder that keeps an agent from running."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.adapters.state_lock import FILE, StateLock
from agent.core.errors import RunningError

HOLD = """
import pathlib, sys
from agent.adapters.state_lock import StateLock
lock = StateLock(pathlib.Path(sys.argv[1]))
lock.start()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(state: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the folder."""
    command = [sys.executable, "-c", HOLD, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_one_is_told_and_the_first_one_keeps_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with another(state):
        for _ in range(2):
            with pytest.raises(RunningError, match=f"already runs with the state folder {state}: stop that one"):
                StateLock(state).start()


def test_one_that_was_killed_leaves_it_free(tmp_path: Path) -> None:
    with another(tmp_path) as process:
        process.kill()
        process.wait()
        lock = StateLock(tmp_path)
        lock.start()
        lock.close()
    again = StateLock(tmp_path)
    again.start()
    again.close()
    again.close()


def test_no_child_inherits_it(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.start()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        lock.close()
        StateLock(tmp_path).start()
    finally:
        child.kill()
        child.wait()


def test_a_folder_that_cannot_be_written_keeps_no_agent_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()  # a folder in its place: neither root nor anybody else can open it to write
    StateLock(tmp_path).start()
    assert "nothing keeps a second agent from" in caplog.text


def test_another_users_agent_finds_it_too(tmp_path: Path) -> None:
    before = os.umask(0o077)  # as the unit has it
    try:
        lock = StateLock(tmp_path)
        lock.start()
    finally:
        os.umask(before)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644
    with pytest.raises(RunningError):
        StateLock(tmp_path).start()
    lock.close()
