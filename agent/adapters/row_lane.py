"""The slow lane of a connection: rows of the history, behind everything live.

How many are under way at once follows the line: on a slow one the live topics would wait behind rows that paho and the
kernel have already taken. A window that is answered quickly grows, one that takes seconds shrinks, as TCP's own does.
"""

import json
import logging
import time
from typing import Any, Protocol

import paho.mqtt.client as mqtt

from agent.adapters.mqtt_client import MAX_PACKET_BYTES
from agent.adapters.outbox import OutRow
from agent.adapters.outgoing import fits
from agent.core.contract import compact

log = logging.getLogger("diemcau.link")

# Source: on a prototype 100,000 rows took 8.8 s with 100 under way, 13 s with 20.
WINDOW_FIRST, WINDOW_MAX = 10, 100
WINDOW_BYTES = 128 * 1024
QUICK_S, SLOW_S = 1.0, 3.0
NO_MATCHING_SUBSCRIBERS = 0x10


class RowSource(Protocol):
    """Where rows come from: ``Outbox``."""

    def connected(self) -> None:
        """A new connection begins."""

    def take(self, most: int) -> list[OutRow]:
        """The next rows to send."""

    def passed_on(self, seq: int) -> None:
        """The broker has passed one on."""

    def unheard(self, seq: int) -> None:
        """The broker has one, and nobody to pass it on to."""

    def not_taken(self) -> None:
        """The broker takes none just now."""

    def deadline_s(self) -> float | None:
        """When to look again."""


class RowLane:
    """Rows under way on one connection. Thread: the link's own.

    Args:
        client: The connection's client.
        source: Where rows come from.
        prefix: The topic before the name, with its last slash.
        most: How many messages the broker takes at once of these.
        largest_bytes: How large a packet it takes.
    """

    def __init__(
        self,
        client: mqtt.Client,
        source: RowSource,
        prefix: str,
        most: int = WINDOW_MAX,
        largest_bytes: int = MAX_PACKET_BYTES,
    ) -> None:
        self._client, self._source, self._prefix = client, source, prefix
        self._most, self._largest_bytes = min(WINDOW_MAX, most), largest_bytes
        self._window = min(WINDOW_FIRST, self._most)
        self._under_way: dict[int, tuple[OutRow, float]] = {}
        self._bytes = 0
        self._said = ""
        source.connected()

    def send(self) -> None:
        """Send as many rows as may be under way."""
        while (left := self._window - len(self._under_way)) > 0 and self._bytes < WINDOW_BYTES:
            rows = self._source.take(left)
            if not rows:
                return
            for row in rows:
                info = self._client.publish(self._prefix + row.topic, self._fitting(row), qos=1)
                self._under_way[info.mid] = (row, time.monotonic())
                self._bytes += len(row.raw)

    def acknowledged(self, mid: int, code: Any) -> str | None:
        """The broker's answer to message ``mid``. Returns why it refuses rows, the first time that it says so."""
        row, sent_s = self._under_way.pop(mid, (None, 0.0))
        if row is None:
            return None
        self._bytes -= len(row.raw)
        self._follow(time.monotonic() - sent_s)
        if code.is_failure:
            self._source.not_taken()
            return self._news(f"{row.topic}: {code}")
        self._said = ""
        if code.value == NO_MATCHING_SUBSCRIBERS:
            self._source.unheard(row.seq)
        else:
            self._source.passed_on(row.seq)
        return None

    def is_idle(self) -> bool:
        """True when nothing is under way."""
        return not self._under_way

    def deadline_s(self) -> float | None:
        """When there may be rows to send though nothing happens."""
        return self._source.deadline_s()

    def _fitting(self, row: OutRow) -> bytes:
        """A row that this broker would not take goes without what makes it so large: only an event can be one."""
        if fits(self._prefix + row.topic, row.raw, self._largest_bytes):
            return row.raw
        return compact({**json.loads(row.raw), "detail": {"too_large_bytes": len(row.raw)}}).encode()

    def _news(self, refusal: str) -> str | None:
        is_new, self._said = refusal != self._said, refusal
        return refusal if is_new else None

    def _follow(self, took_s: float) -> None:
        if took_s > SLOW_S:
            self._window = max(1, self._window // 2)
        elif took_s < QUICK_S:
            self._window = min(self._most, self._window + 1)
