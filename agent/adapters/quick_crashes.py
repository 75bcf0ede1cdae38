"""How many runs directly before this one ended soon and not in order: after five of them the next start is a safe one.

The count lies in a small file of its own in the state folder, so that it does not need the database. It is of one boot:
a power cut is no crash. So nothing is fsynced, for what a process has written outlives that process. A disk that cannot
be written costs the safe start, and nothing else.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("diemcau")

FILE = "quick-crashes"
SAFE_AFTER = 5
LIVED_S = 60.0


class QuickCrashes:
    """The count. Thread: agent thread. Never raises.

    Args:
        state: The state folder. It must be this agent's already (``StateLock``): a second one that is sent away at once
            is no crash of the first.
        boot_id: The machine's present boot; empty: not known, and nothing is counted.
        clock: Monotonic seconds.
    """

    def __init__(self, state: Path, boot_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._boot_id, self._clock = state / FILE, boot_id, clock
        self._began_s = clock()
        self._is_settled = False
        self.is_safe = False

    def begin(self) -> int:
        """Count this run as a crash until it has lived, or ends in order.

        Returns:
            The quick crashes directly before this run. From five on ``is_safe`` is true: this run is to be a safe one.
        """
        self._began_s = self._clock()
        crashes = self._read()
        self.is_safe = crashes >= SAFE_AFTER
        if self._boot_id:
            self._write(min(crashes + 1, 999))
        return crashes

    def lived(self) -> None:
        """The loop went round. After a minute this run is no quick crash any more, and the count begins anew."""
        if not self._is_settled and self._clock() - self._began_s >= LIVED_S:
            self._settle()

    def ended_in_order(self) -> None:
        """This run was asked to end. After a safe one the next start tries the room's own config again."""
        if not self._is_settled:
            self._settle()

    def _settle(self) -> None:
        self._is_settled = True
        if self._boot_id:
            self._write(0)

    def _read(self) -> int:
        try:
            boot_id, _, count = self._path.read_text(encoding="ascii").partition("\n")[0].partition(" ")
            return max(0, int(count)) if boot_id and boot_id == self._boot_id else 0
        except (OSError, ValueError):
            return 0

    def _write(self, count: int) -> None:
        try:
            # Of one length and in one piece, over the old text: a reader never finds half of it.
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, f"{self._boot_id} {count:03d}\n".encode())
            finally:
                os.close(fd)
        except OSError as error:
            log.warning("quick crashes are not counted in %s: %s", self._path, error.strerror)
