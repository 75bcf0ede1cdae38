"""The desk's connection for configs: what sites say of theirs, and what is published to them until it is taken."""

import queue
import time
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Protocol

from agent.adapters.mqtt_client import guarded
from agent.console.config_sites import NAMES, SiteConfig, heard
from agent.console.listener import Listener
from agent.console.sites import SiteView
from agent.core.contract import ROOT, split_topic, topic
from agent.core.identity import BrokerSection

# As for a drill: what is stored comes with the answer to the subscription, twenty messages at a time, and a pause that
# is longer than the way there and back is its end.
PAUSE_S, WITHIN_S, ROUND_TRIPS = 0.5, 15.0, 2


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a site. ``is_stored``: the broker had it before we listened."""

    site: str
    name: str
    raw: bytes
    is_stored: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker's answer to what was published; from 0x80 on it is a refusal."""

    site: str
    name: str
    code: int


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to publish at QoS 1."""

    site: str
    name: str
    raw: bytes
    retain: bool


class Post(Protocol):
    """What a push needs of a connection; ``Desk`` says what each of these does."""

    @property
    def known(self) -> Mapping[str, SiteConfig]: ...
    @property
    def is_settled(self) -> bool: ...
    @property
    def unanswered(self) -> list[str]: ...
    def say(self, *letters: Letter) -> None: ...
    def next(self, wait_s: float) -> Heard | Receipt | None: ...
    def catch_up(self) -> None: ...
    def settle(self, within_s: float) -> bool: ...


class Waiting:
    """What every desk waits with, whatever its connection: what came, and what the broker has not answered yet."""

    _came: "queue.SimpleQueue[Any]"
    _under_way: Sized

    @property
    def is_settled(self) -> bool:
        """Whether the broker has answered everything that was published."""
        return not self._under_way

    def next(self, wait_s: float) -> Heard | Receipt | None:
        """What has come, kept in ``known`` already; None: nothing did, within this time."""
        raise NotImplementedError

    def catch_up(self) -> None:
        """Take in what has come while nobody listened."""
        while not self._came.empty():
            self.next(0)

    def settle(self, within_s: float) -> bool:
        """Wait for the broker's answers; whether all have come."""
        until_s = time.monotonic() + within_s
        while self._under_way and (left_s := until_s - time.monotonic()) > 0:
            self.next(left_s)
        return self.is_settled


class Desk(Waiting, Listener):
    """Thread: one, but for what comes.

    Args:
        broker: Address and credentials.
        sites: Whom to listen to; empty: all.
        names: What to listen to, of ``NAMES``.
    """

    def __init__(self, broker: BrokerSection, sites: Iterable[str] = (), names: Iterable[str] = NAMES) -> None:
        topics = tuple(topic(site, name) for site in sites for name in names)
        super().__init__(broker, topics or tuple(f"{ROOT}/+/{name}" for name in names), on_message=self._on_heard)
        self._came: queue.SimpleQueue[Heard | tuple[Any, int, int] | None] = queue.SimpleQueue()
        self._under_way: dict[tuple[Any, int], Letter] = {}  # by connection and number
        self._newest: dict[tuple[str, str], Any] = {}  # by site and name: the connection of the last letter
        self.known: dict[str, SiteConfig] = {}

    @property
    def unanswered(self) -> list[str]:
        """The sites for which something was published that the broker has not answered."""
        return sorted({each.site for each in self._under_way.values()})

    def learn(self) -> None:
        """Take in what the broker has stored, until none of that has come for a moment."""
        pause_s = max(PAUSE_S, ROUND_TRIPS * self.round_trip_s)
        end_s, until_s = time.monotonic() + WITHIN_S, time.monotonic() + pause_s
        while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
            event = self.next(left_s)
            if isinstance(event, Heard) and event.is_stored:
                until_s = time.monotonic() + pause_s

    def say(self, *letters: Letter) -> None:
        """Publish them one after the other; on the next connection once more, where the broker has not answered on this
        one. Letters that belong together are given together: then they are lost together.
        """
        client = self._client
        if client is None:
            return
        for letter in letters:
            full = topic(letter.site, letter.name)
            info = client.publish(full, letter.raw, qos=1, retain=letter.retain)
            self._under_way[(client, info.mid)] = letter
            self._newest[letter.site, letter.name] = client

    def next(self, wait_s: float) -> Heard | Receipt | None:
        """What has come, kept in ``known`` already; None: nothing did, within this time."""
        try:
            event = self._came.get(timeout=wait_s)
        except queue.Empty:
            return None
        if isinstance(event, Heard):
            before = self.known.get(event.site, SiteConfig(SiteView(event.site)))
            # What a site says of its config may be said once, beside what it is doing: only that one is stored.
            if event.is_stored or event.name != "config/reported":
                self.known[event.site] = heard(before, event.name, event.raw)
            return event
        if event is None:
            self._say_again()
            return None
        client, mid, code = event
        letter = self._under_way.pop((client, mid), None)
        return None if letter is None else Receipt(letter.site, letter.name, code)

    def _say_again(self) -> None:
        """What was lost with a connection; but nothing after a newer letter about the same that has gone out since."""
        lost = {key: each for key, each in self._under_way.items() if key[0] is not self._client}
        again = [each for key, each in lost.items() if self._newest[each.site, each.name] is key[0]]
        for key in lost:
            del self._under_way[key]
        self.say(*again)

    def _on_heard(self, full: str, raw: bytes, is_stored: bool) -> None:
        site, name = split_topic(full) or ("", "")
        if name in NAMES:
            self._came.put(Heard(site, name, raw, is_stored))

    def _on_connect(self, client: Any, user: Any, flags: Any, code: Any, properties: Any) -> None:
        # Numbers begin anew with each connection: an answer is worth nothing without knowing whose it is.
        client.on_publish = guarded(lambda c, u, mid, told, p: self._came.put((c, mid, told.value)))
        super()._on_connect(client, user, flags, code, properties)

    def _on_subscribed(self, codes: list[Any]) -> None:
        super()._on_subscribed(codes)
        self._came.put(None)
