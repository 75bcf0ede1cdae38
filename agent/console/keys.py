"""Single keys from a terminal, without Enter; the terminal is as it was afterwards."""

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down"}
NAMES = {b"\r": "enter", b"\n": "enter", b"\x03": "quit", b"k": "up", b"j": "down", b"q": "quit", b"h": "hold"}
POLL_S = 0.2


class Keys:
    """Calls ``on_key`` with ``up``, ``down``, ``enter``, ``hold`` or ``quit``. Does nothing where stdin is no terminal.

    Thread: ``on_key`` is called on a thread of its own. Use as ``with``.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._stop = threading.Event()
        self._before: Any = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Keys":
        if sys.stdin is not None and sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
            self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1)
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def _run(self) -> None:
        end = sys.stdin.fileno()
        while not self._stop.is_set():
            if select.select([end], [], [], POLL_S)[0]:
                raw = os.read(end, 16)
                name = ARROWS.get(raw) or NAMES.get(raw)
                if name:
                    self._on_key(name)
                elif not raw:
                    return
