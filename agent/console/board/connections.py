"""Connections of browsers: how many there may be, and how long one may say nothing.

A connection costs nothing to whoever opens it, and a file of ours. So one that has not sent the head of a request is
closed after a while, and when there are too many the one that has been silent for longest goes: never one that is
being answered. They are counted where they are accepted, since one that never begins with TLS is seen nowhere else.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 500  # a process has 1,024 files as a rule, and the database and the broker want theirs
MOST_OF_ONE = 100  # of one address: an office has one
HEAD_WITHIN_S = 10.0

Client = tuple[str, int]


@dataclass(slots=True)
class _Guest:
    made: socket.socket
    of: str
    silent_since_s: float | None  # None: a request has come, and is being answered


class Crowd:
    """All connections to one server. Thread: the event loop's.

    Args:
        most_of_one: From one address; None: a proxy, or this machine, where all have the same.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        most: int = MOST,
        most_of_one: int | None = None,
        head_within_s: float = HEAD_WITHIN_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.most_of_one, self.head_within_s, self._now = most, most_of_one, head_within_s, now
        self._here: dict[Client, _Guest] = {}

    def came(self, made: socket.socket, client: Client) -> None:
        """One more; where that is too many, the one goes that has been silent for longest, which may be this one."""
        self._here = {each: guest for each, guest in self._here.items() if guest.made.fileno() != -1}
        guest = self._here[client] = _Guest(made, _of(client[0]), self._now())
        for late in [each for each in self._here.values() if self._is_late(each)]:
            self._send_away(late)
        same = [each for each in self._here.values() if each.of == guest.of]
        if self.most_of_one is not None and len(same) > self.most_of_one:
            self._send_away(min(same, key=_silence))
        elif len(self._here) > self.most:
            self._send_away(min(self._here.values(), key=_silence))

    def heard(self, client: Client | None) -> None:
        """The head of a request has come."""
        if client is not None and client in self._here:
            self._here[client].silent_since_s = None

    def answered(self, client: Client | None) -> None:
        """The next request may come."""
        if client is not None and client in self._here:
            self._here[client].silent_since_s = self._now()

    def _is_late(self, guest: _Guest) -> bool:
        return guest.silent_since_s is not None and self._now() - guest.silent_since_s > self.head_within_s

    def _send_away(self, guest: _Guest) -> None:
        self._here = {each: other for each, other in self._here.items() if other is not guest}
        with suppress(OSError):  # it has gone by itself
            guest.made.shutdown(socket.SHUT_RDWR)  # the loop reads the end, and closes it


def _silence(guest: _Guest) -> float:
    return float("inf") if guest.silent_since_s is None else guest.silent_since_s


def _of(host: str) -> str:
    """Whose that is: who has one IPv6 address has 2^64 of them."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Listening(socket.socket):
    """A socket that listens, and tells ``crowd`` of everybody who comes."""

    crowd: Crowd

    def accept(self) -> tuple[socket.socket, Any]:
        """As of any socket. Raises OSError."""
        made, address = super().accept()
        self.crowd.came(made, address[:2])
        return made, address


class Connection(H11Protocol):
    """uvicorn's, with a limit for how long the head of a request may take."""

    def __init__(self, *args: Any, crowd: Crowd, **more: Any) -> None:
        super().__init__(*args, **more)
        self._crowd = crowd
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From now on a head has to come."""
        super().connection_made(transport)
        self._wait_for_head()

    def handle_events(self) -> None:
        """Something came: maybe the rest of a head."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            self._crowd.heard(self.client)

    def on_response_complete(self) -> None:
        """What is left of a body that nobody wanted, and the next head, have to come in time as well."""
        self._crowd.answered(self.client)
        self._wait_for_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._limit = self.loop.call_later(self._crowd.head_within_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def protocol(crowd: Crowd) -> Any:
    """For ``uvicorn.Config``."""
    return partial(Connection, crowd=crowd)
