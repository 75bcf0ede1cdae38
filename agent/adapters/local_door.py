"""The door for whoever administers this box: a socket on which ``diemcau config apply`` offers a room config and hears
what becomes of it. What is offered here goes the same way as what is pushed.

One JSON object a line, both ways::

    → {"offer": {…}}             as on config/desired
    → {"confirm": {"id": "…"}}   as on config/confirm
    ← {"at": …, "state": …}      everything that is said on config/reported, to everybody who is connected
    ← {"error": "one sentence"}  and the end of this connection
"""

import logging
import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path

from agent.adapters.door_path import at
from agent.adapters.door_path import door_path as door_path
from agent.adapters.porter import CALLERS_MAX, Porter
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.config")


class LocalDoor:
    """A part of the agent. Thread: ``start`` and ``close`` the main one, ``say`` any.

    Args:
        path: See ``door_path``. What an earlier run has left there is replaced: the agent has the state folder's lock,
            so nobody else uses it.
        inbox: Gets ``ConfigOffered`` and ``ConfigConfirmed``.
        patience_s: Whoever has asked for nothing by then makes room for others.
    """

    def __init__(self, path: Path, inbox: Inbox, patience_s: float = 10.0) -> None:
        self._path, self._inbox, self._patience_s = path, inbox, patience_s
        self._listening: socket.socket | None = None
        self._porter: Porter | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open it. Where that cannot be done the room is run without."""
        if self._porter is not None:
            return
        try:
            self._listening = self._listen()
            self._porter = Porter(self._listening, self._inbox, self._patience_s)
        except OSError as error:
            log.warning("no config can be applied on this box, for want of a socket at %s: %s", self._path, error)
            return
        self._thread = threading.Thread(target=self._porter.run, name="door", daemon=True)
        self._thread.start()

    def say(self, raw: bytes) -> None:
        """Tell everybody who is connected what was published on ``config/reported``. Thread: any; returns at once."""
        if self._porter is not None:
            self._porter.say(raw)

    def close(self) -> None:
        """End every connection, and take the socket away."""
        if self._porter is not None:
            self._porter.end()
        if self._thread is not None:
            self._thread.join(1)
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            with suppress(OSError):
                self._path.unlink()

    def _listen(self) -> socket.socket:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()
        listening = socket.socket(socket.AF_UNIX)
        try:
            # Before it has a name, so that there is no moment for others. Source: unix_bind_bsd() of the kernel.
            os.fchmod(listening.fileno(), 0o600)
            at(self._path, listening.bind)
            listening.listen(CALLERS_MAX)
        except BaseException:
            listening.close()
            raise
        return listening
