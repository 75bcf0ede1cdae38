"""The centre's connection for conferences: what the sites hold now, and what is published to them."""

import queue
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from agent.console.config_link import PAUSE_S, ROUND_TRIPS, WITHIN_S
from agent.console.listener import Listener
from agent.core.contract import ROOT, Conference, decode, encode, split_topic, topic
from agent.core.identity import BrokerSection

NAMES = ("conference", "status", "about")
ANSWER_WITHIN_S = 30.0
REFUSED = 0x80  # MQTT 5: from here on a reason code is a refusal

Told = Literal["told", "not_permitted", "broker_lost"]


@dataclass(slots=True)
class Held:
    """What the broker has stored: the sites that there are, and the conference of each that has one."""

    known: set[str] = field(default_factory=set)
    conferences: dict[str, Conference] = field(default_factory=dict)


class ConferenceDesk(Listener):
    """Thread: one, but for what comes."""

    def __init__(self, broker: BrokerSection) -> None:
        self._came: queue.SimpleQueue[tuple[str, bytes, bool]] = queue.SimpleQueue()
        self._receipts: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        super().__init__(
            broker,
            tuple(f"{ROOT}/+/{name}" for name in NAMES),
            on_receipt=lambda mid, code: self._receipts.put((mid, code.value)),
            on_message=lambda full, raw, is_stored: self._came.put((full, raw, is_stored)),
        )

    def learn(self) -> Held:
        """What is stored, until none of that has come for a moment."""
        held, pause_s = Held(), max(PAUSE_S, ROUND_TRIPS * self.round_trip_s)
        end_s, until_s = time.monotonic() + WITHIN_S, time.monotonic() + pause_s
        while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
            try:
                full, raw, is_stored = self._came.get(timeout=left_s)
            except queue.Empty:
                break
            _take(held, full, raw)
            if is_stored:
                until_s = time.monotonic() + pause_s
        return held

    def tell(self, messages: Mapping[str, Conference | None]) -> dict[str, Told]:
        """Publish to each site, retained (None: take back what is stored), and wait for the broker's answers."""
        client, drops = self._client, self.drops
        if client is None:
            return dict.fromkeys(messages, "broker_lost")
        waiting = {}
        for site, told in messages.items():
            raw = b"" if told is None else encode(told)
            waiting[client.publish(topic(site, "conference"), raw, qos=1, retain=True).mid] = site
        outcome: dict[str, Told] = dict.fromkeys(messages, "broker_lost")
        until_s = time.monotonic() + ANSWER_WITHIN_S
        while waiting and self.drops == drops and time.monotonic() < until_s:
            try:
                mid, code = self._receipts.get(timeout=0.2)
            except queue.Empty:
                continue
            if (site := waiting.pop(mid, "")) != "":
                outcome[site] = "not_permitted" if code >= REFUSED else "told"
        return outcome


def _take(held: Held, full: str, raw: bytes) -> None:
    site, name = split_topic(full) or ("", "")
    if name != "conference":
        held.known.add(site)
        return
    held.conferences.pop(site, None)
    with suppress(ValueError):  # none, or one that the site cannot read either
        held.conferences[site] = decode(Conference, raw)
