"""One agent for one state folder: two would write over each other's memory, and drive one room's relays."""

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from agent.core.errors import RunningError

log = logging.getLogger("diemcau")

FILE = "agent.lock"


class StateLock:
    """Held as long as the process lives; the kernel lets go of it however that ends. Thread: the main one.

    Args:
        state: The state folder; made where it is not there.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._fd: int | None = None

    def start(self) -> None:
        """Take it. A folder that cannot be written is no reason not to run: the room is worth more.

        Raises:
            RunningError: Another agent has it.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Readable for all, whatever the unit's UMask: another user's agent has to find it too, and flock asks for
            # no more than an open file.
            fd = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with suppress(PermissionError):  # somebody else's, which is as it should be
                os.fchmod(fd, 0o644)
        except OSError as error:
            log.warning("nothing keeps a second agent from %s: %s", self._path.parent, error.strerror)
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise RunningError(
                f"an agent already runs with the state folder {self._path.parent}: stop that one first "
                "(sudo systemctl stop diemcau-agent), or name another folder with --state"
            ) from error
        except OSError as error:  # a filesystem without locks
            log.warning("nothing keeps a second agent from %s: %s", self._path.parent, error.strerror)
        self._fd = fd

    def close(self) -> None:
        """Let go of it. The file stays: removing it would let two agents lock two files of one name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
