"""Who stands at the door (``local_door``): lets callers in, hears what they ask for, tells them what is said.

Nobody at the door holds up the agent or makes it grow: what a caller has not said or not read is bounded, callers are
few, and what they ask for is taken no faster than a person could want it.
"""

import json
import logging
import os
import re
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from agent.core.config_document import decode_strictly
from agent.core.contract import MAX_PAYLOAD_BYTES, ConfigConfirm, decode
from agent.core.errors import ConfigError
from agent.core.events import ConfigConfirmed, ConfigOffered
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.config")

LINE_MAX = MAX_PAYLOAD_BYTES + 1024
UNREAD_MAX_BYTES = 4 * LINE_MAX
CALLERS_MAX = 8
ASKED_MAX, WITHIN_S = 8, 1.0  # of all callers together: the agent's inbox takes what comes
SAID_MAX = 16
FULL_S = 0.2  # without a free descriptor nobody can be let in, and the kernel goes on saying that somebody knocks
ASKED = re.compile(rb'\{\s*"(offer|confirm)"\s*:(.*)\}', re.DOTALL)
FORM = 'a line is {"offer": {…}} or {"confirm": {"id": "…"}}'


def welcomes(environment: Mapping[str, str]) -> tuple[int, ...]:
    """Users that may come in. In a unit root alone: what else runs as the agent's user there is not a person, but a
    process that looks at pictures, which are anybody's. Without one the agent's user is the person who started it.
    """
    return (0,) if environment.get("RUNTIME_DIRECTORY") else (0, os.geteuid())


class Caller:
    """One connection: what it has said of a line that is not at its end, and what it has not read yet.

    Thread: the door's.
    """

    def __init__(self, end: socket.socket, now_s: float) -> None:
        end.setblocking(False)
        self.end, self.since_s, self.has_spoken = end, now_s, False
        self._heard, self.unread = bytearray(), bytearray()

    def lines(self) -> list[bytes]:
        """What it has said by now, as whole lines. Raises OSError: it is gone; ValueError: a line without an end."""
        raw = self.end.recv(LINE_MAX)
        if not raw:
            raise ConnectionResetError
        *whole, rest = (self._heard + raw).split(b"\n")
        self._heard = bytearray(rest)
        if max(map(len, (*whole, rest))) > LINE_MAX:
            raise ValueError(f"a line has {LINE_MAX} bytes at most")
        return [bytes(line) for line in whole]

    def tell(self, line: bytes) -> None:
        """Say one line, as far as it can be said now. Raises OSError: it does not read, or is gone."""
        self.unread += line + b"\n"
        if len(self.unread) > UNREAD_MAX_BYTES:
            raise BrokenPipeError
        self.flush()

    def flush(self) -> None:
        """Say more of what it has not read yet. Raises OSError."""
        if self.unread:
            with suppress(BlockingIOError):
                del self.unread[: self.end.send(self.unread)]


class Porter:
    """Serves a socket that listens. Thread: ``say`` and ``end`` any; the rest is the door's own.

    Args:
        listening: Stays the caller's to close.
        inbox: Gets ``ConfigOffered`` and ``ConfigConfirmed``.
        patience_s: Whoever has asked for nothing by then makes room for others.
    """

    def __init__(self, listening: socket.socket, inbox: Inbox, patience_s: float) -> None:
        self._listening, self._inbox, self._patience_s = listening, inbox, patience_s
        self._callers: dict[socket.socket, Caller] = {}
        self._asked: deque[float] = deque(maxlen=ASKED_MAX)
        self._said: deque[bytes] = deque(maxlen=SAID_MAX)
        self._is_over = False
        self._welcomes = welcomes(os.environ)
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        for end in (listening, self._bell, self._rope):
            end.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ, self._welcome)
        self._selector.register(self._bell, selectors.EVENT_READ, partial(self._bell.recv, 4096))

    def say(self, raw: bytes) -> None:
        """Tell everybody who is connected."""
        self._said.append(raw)
        self._ring()

    def end(self) -> None:
        """Have ``run`` end."""
        self._is_over = True
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or nobody is there any more
            self._rope.send(b".")

    def run(self) -> None:
        """Until ``end`` was called."""
        while not self._is_over:
            is_watched = any(not caller.has_spoken for caller in self._callers.values())
            for key, _ in self._selector.select(self._patience_s / 4 if is_watched else None):
                key.data()
            self._pass_on()
            self._look_after()
        for end in (*self._callers, self._bell, self._rope):
            end.close()
        self._selector.close()

    def _look_after(self) -> None:
        now_s = time.monotonic()
        for caller in list(self._callers.values()):
            if not caller.has_spoken and now_s - caller.since_s > self._patience_s:
                self._send_away(caller, f"nothing was asked for within {self._patience_s:.0f} s")
            else:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if caller.unread else 0)
                self._selector.modify(caller.end, wanted, partial(self._serve, caller))

    def _welcome(self) -> None:
        try:
            end, _ = self._listening.accept()
        except BlockingIOError:
            return  # it has gone again
        except OSError as error:
            log.warning("nobody can be let in to apply a config: %s", error)
            time.sleep(FULL_S)
            return
        caller = Caller(end, time.monotonic())
        _, uid, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if uid not in self._welcomes:
            self._send_away(caller, "this user may not ask for anything here: use sudo")
        elif len(self._callers) >= CALLERS_MAX:
            self._send_away(caller, f"{CALLERS_MAX} others are here already")
        else:
            self._callers[end] = caller
            self._selector.register(end, selectors.EVENT_READ, partial(self._serve, caller))

    def _serve(self, caller: Caller) -> None:
        try:
            with suppress(BlockingIOError):  # it was only to be told more
                for line in caller.lines():
                    self._take(line)
                    caller.has_spoken = True
            caller.flush()
        except OSError:
            self._send_away(caller)
        except (ValueError, ConfigError) as error:
            self._send_away(caller, str(error))

    def _take(self, line: bytes) -> None:
        """One request. Raises ConfigError or ValueError with one sentence."""
        asked = ASKED.fullmatch(line.strip())
        if asked is None:
            raise ValueError(FORM)
        now_s = time.monotonic()
        if len(self._asked) == ASKED_MAX and now_s - self._asked[0] < WITHIN_S:
            raise ValueError("too much is asked for at once: try again in a second")
        self._asked.append(now_s)
        raw = asked[2].strip()
        if asked[1] == b"confirm":
            self._inbox(ConfigConfirmed(decode(ConfigConfirm, raw).id))
            return
        decode_strictly(raw)  # what nobody can read is told here; all else is the core's to judge
        self._inbox(ConfigOffered(raw))

    def _pass_on(self) -> None:
        while self._said:
            line = self._said.popleft()
            for caller in list(self._callers.values()):
                try:
                    caller.tell(line)
                except OSError:
                    self._send_away(caller)

    def _send_away(self, caller: Caller, why: str = "") -> None:
        if why:
            with suppress(OSError):
                caller.tell(json.dumps({"error": why}, ensure_ascii=False).encode())
        if self._callers.pop(caller.end, None) is not None:
            self._selector.unregister(caller.end)
        caller.end.close()
