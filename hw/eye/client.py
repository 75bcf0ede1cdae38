"""The agent's side of the eye: start the process or call the service, hand it its order, pass its numbers on, end it.

Where systemd offers the eye's socket the eye is a service of its own, and its watchdog ends one that hangs; elsewhere
it is a child of the agent, ended with SIGKILL: it holds no state and no file, and it may be inside a driver for ever.
"""

import logging
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.core.commands import WatchCamera
from agent.core.events import EyeEnded
from agent.core.ports import Inbox
from hw.eye.protocol import LONGEST_LINE, decode_event, encode_order

log = logging.getLogger("diemcau.eye")

SOCKET = Path("/run/diemcau/eye.sock")
# -P: not whatever package `agent` lies in the current folder. -B: the eye writes no file, no compiled module either.
COMMAND = (sys.executable, "-P", "-B", "-m", "agent", "eye")
# The agent's one thread calls: an eye that does not answer must not stop a room.
ANSWER_WITHIN_S = 1.0


class EyeClient:
    """One eye at a time.

    Args:
        inbox: Where events go; called on a reader thread.
        film: The script that stands in for the camera in simulation; None: a real camera.
        service: The eye service's socket; used if it is there.
        command: How the child is started where there is no service.
    """

    def __init__(
        self,
        inbox: Inbox,
        film: dict[str, Any] | None = None,
        service: Path = SOCKET,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._inbox = inbox
        self._film = film
        self._service = service
        self._command = command
        self._end: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def watch(self, order: WatchCamera) -> None:
        """End the eye that may be there, start one, hand it its order. Thread: agent thread."""
        self.close()
        try:
            self._end = self._connect()
            self._end.sendall(encode_order(order, self._film))
            self._end.settimeout(None)  # the reader waits as long as it takes
        except OSError as error:
            self._inbox(EyeEnded(order.watch, f"it cannot be started: {error}"))
            return
        reader = threading.Thread(
            target=self._read, args=(self._end, self._child, order.watch), name="eye reader", daemon=True
        )
        reader.start()

    def look_every(self, order: WatchCamera) -> None:
        """Tell the eye of another interval. Thread: agent thread; returns at once."""
        if self._end is not None:
            with suppress(OSError):  # it has left, which its reader tells, or hangs, and will be ended
                self._end.send(encode_order(order, self._film), socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Let go of the eye; a child is killed, whatever it is doing. Thread: agent thread."""
        if self._end is not None:
            # shutdown wakes the reader, and an eye that is a service ends by it.
            _shut(self._end)
            self._end = None
        if self._child is not None:
            self._child.kill()
            try:
                self._child.wait(ANSWER_WITHIN_S)
            except subprocess.TimeoutExpired:
                # Inside a driver it may not even die: then somebody else waits for it.
                threading.Thread(target=self._child.wait, name="eye reaper", daemon=True).start()
            self._child = None

    def _connect(self) -> socket.socket:
        if self._film is None and self._service.exists():
            end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            end.settimeout(ANSWER_WITHIN_S)
            try:
                end.connect(str(self._service))
            except OSError:
                end.close()
                raise
            return end
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_WITHIN_S)
        with theirs:
            # Its standard input is the socket, as inetd would do it; its own log goes where ours goes.
            self._child = subprocess.Popen(self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
        return ours

    def _read(self, end: socket.socket, child: subprocess.Popen[bytes] | None, watch: int) -> None:
        message = "it closed its socket"
        try:
            with end, end.makefile("rb") as lines:
                while line := lines.readline(LONGEST_LINE):
                    self._inbox(decode_event(line))
        except (OSError, ValueError) as error:
            message = f"its line cannot be read: {error}"
        self._inbox(EyeEnded(watch, f"{message}{_exit(child)}"))


def _exit(child: subprocess.Popen[bytes] | None) -> str:
    code = None if child is None else child.poll()
    return "" if code is None else f" (exit {code})"


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
