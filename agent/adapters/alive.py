"""A sign of life of the loop that outlives the process, so that the next run knows whether this one hung or fell.

On a box it lies in ``/run/diemcau``: memory, which wears out no card and which systemd keeps over a restart of the unit
(``RuntimeDirectoryPreserve=yes``). A run by hand has it in its state folder; there nothing is ever fsynced.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

log = logging.getLogger("diemcau")

FILE = "alive"
EVERY_S = 2.0  # well below the watchdog's patience, which this is to be compared with


def alive_file(state: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Where the sign lies: in the unit's runtime folder, or without systemd in the state folder."""
    given = (os.environ if environment is None else environment).get("RUNTIME_DIRECTORY", "")
    # systemd joins several with colons; the first one is ours.
    return Path(given.split(":")[0]) / FILE if given else state / FILE


class Alive:
    """The sign: this boot's id, and when the loop last went round. Thread: agent thread.

    Args:
        path: See ``alive_file``.
        boot_id: The machine's present boot; a sign of another one is none, since its clock is another one.
        clock: Monotonic seconds.
    """

    def __init__(self, path: Path, boot_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._boot_id, self._clock = path, boot_id, clock
        self._touched_s = float("-inf")
        self._complained = False

    def last_s(self) -> float | None:
        """When an earlier run's loop last went round, in this boot; None: not known. To be asked before ``touch``."""
        try:
            boot_id, _, at = self._path.read_text(encoding="utf-8").strip().partition(" ")
            return float(at) if boot_id and boot_id == self._boot_id else None
        except (OSError, ValueError):
            return None

    def touch(self) -> None:
        """The loop went round. Writes every other second at most, and never raises: the room is worth more."""
        now_s = self._clock()
        if now_s - self._touched_s < EVERY_S:
            return
        self._touched_s = now_s
        try:
            # Of one length and in one piece, over the old text: a reader never finds half of it.
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, f"{self._boot_id} {now_s:020.3f}\n".encode())
            finally:
                os.close(fd)
        except OSError as error:
            if not self._complained:
                log.warning("no sign of life can be left at %s: %s", self._path, error.strerror)
            self._complained = True
