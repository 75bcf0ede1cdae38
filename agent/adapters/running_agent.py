"""Which agent runs with a state folder, since when, and with which identity file: found, never asked.

Whoever only looks must not take the folder's lock even for a moment: an agent that starts just then would think that
another one runs. So the kernel is asked who has it. Source: proc_locks(5).
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from agent.adapters.state_lock import FILE

LOCKS = Path("/proc/locks")
IDENTITY = "/etc/diemcau/agent.toml"  # the default of `diemcau run --config`


# The start of a process is known from the boot's, which the kernel tells in whole seconds; and it takes about one until
# the file is read.
ROUNDED_S = 2.0


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """A running agent. ``identity`` is the file that it was started with, and read once, at ``since`` (UTC)."""

    pid: int
    since: datetime
    identity: Path


def find(state: Path) -> RunningAgent | None:
    """The agent with this state folder; None: there is none, or this user cannot tell. Thread: any."""
    try:
        pid = _holder((state / FILE).stat(), LOCKS.read_text())
        if pid is None:
            return None
        process = psutil.Process(pid)
        with process.oneshot():
            arguments, since = process.cmdline(), datetime.fromtimestamp(process.create_time(), UTC)
        path = _identity(arguments)
        return RunningAgent(pid, since, path if path.is_absolute() else Path(process.cwd()) / path)
    except (OSError, ValueError, psutil.Error):
        return None


def has_changed_since(path: Path, moment: datetime) -> bool:
    """Whether something was done to a file after this moment, the first seconds left out. Raises OSError.

    By its ctime: a copy that keeps its old time, and a file that was renamed into its place, have a new one too.
    """
    return path.stat().st_ctime > moment.timestamp() + ROUNDED_S


def _holder(lock: os.stat_result, text: str) -> int | None:
    """Who has a lock on this file: ``1: FLOCK  ADVISORY  WRITE 812 08:02:131 0 EOF``. The device's number is left out,
    since btrfs and overlays give another one than ``stat`` does."""
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(lock.st_ino):
            pid = int(words[4])
            if pid > 0 and "run" in psutil.Process(pid).cmdline():
                return pid
    return None


def _identity(arguments: list[str]) -> Path:
    for number, word in enumerate(arguments):
        if word == "--config" and number + 1 < len(arguments):
            return Path(arguments[number + 1])
        if word.startswith("--config="):
            return Path(word.partition("=")[2])
    return Path(IDENTITY)
