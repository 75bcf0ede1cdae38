"""Who has the lock of a state folder, found without touching it."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.running_agent import find, has_changed_since
from tests.conftest import wait_for

HOLD = """
import sys
from pathlib import Path
from agent.adapters.state_lock import StateLock
StateLock(Path("state")).start()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("arguments", "identity"),
    [
        (["run"], "/etc/diemcau/agent.toml"),
        (["run", "--config", "own.toml"], "own.toml"),
        (["run", "--config=/etc/own.toml"], "/etc/own.toml"),
    ],
)
def test_it_is_found_with_its_identity_file_and_its_start(tmp_path: Path, arguments: list[str], identity: str) -> None:
    state = tmp_path / "state"
    assert find(state) is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        found = find(state)
        assert found is not None
        assert (found.pid, found.identity) == (process.pid, tmp_path / identity)
        assert abs(datetime.now(UTC) - found.since) < timedelta(minutes=5)
        process.kill()
    wait_for(lambda: find(state) is None, "the kernel has let go of it")
    assert (state / "agent.lock").exists()


def test_a_file_has_changed_also_where_a_copy_keeps_its_old_time(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("")
    os.utime(path, (0, 0))
    assert has_changed_since(path, datetime.now(UTC) - timedelta(minutes=5))
    assert not has_changed_since(path, datetime.now(UTC) + timedelta(minutes=5))
