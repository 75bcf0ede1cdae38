"""Where the agent's door on its own box is (``local_door``), and how one comes to it."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

FILE = "agent.sock"
STATE_OF_UNIT, RUN_OF_UNIT = Path("/var/lib/diemcau"), Path("/run/diemcau")  # StateDirectory=, RuntimeDirectory=


def door_path(state: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Where an agent has its door: in the unit's runtime folder, or without systemd in the state folder."""
    given = (os.environ if environment is None else environment).get("RUNTIME_DIRECTORY", "")
    # systemd joins several with colons; the first one is ours.
    return Path(given.split(":")[0]) / FILE if given else state / FILE


def doors(state: Path) -> tuple[Path, ...]:
    """Where to look for the door of the agent with this state folder: a shell knows nothing of the unit."""
    there = (RUN_OF_UNIT / FILE,) if state == STATE_OF_UNIT else ()
    return tuple(dict.fromkeys((*there, door_path(state), state / FILE)))


def knock(path: Path) -> socket.socket:
    """Connect. Raises OSError: nobody is there, or this user may not."""
    end = socket.socket(socket.AF_UNIX)
    try:
        at(path, end.connect)
    except BaseException:
        end.close()
        raise
    return end


def at(path: Path, act: Callable[[str], None]) -> None:
    """Bind or connect at a path of any length: an address has 107 bytes, and a folder's descriptor is a short one.

    Source: unix(7), and proc(5) on ``/proc/self/fd``. Raises OSError.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        act(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
