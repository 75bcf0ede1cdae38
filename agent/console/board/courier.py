"""The board's one connection: what comes is put into an inbox, what goes is delivered once and its receipt waited for.

A broker that is away is waited for, at the start too: nobody has to look after the order in which services begin.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from agent.adapters.broker_check import knock
from agent.adapters.mqtt_client import credentials, guarded
from agent.adapters.outgoing import publish_properties
from agent.console.listener import FIRST_ANSWER_S, Listener
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

AWAY_S = 10.0  # so long a letter waits for a broker that is away, or for its receipt
STORED_AWAY_S = 30.0  # one that is to be stored: they come by the thousand, over a line that may be slow
NOT_THERE = ("name", "port")  # how far one comes with a broker that is away


@dataclass(slots=True)
class Letter:
    """Something to publish at QoS 1. ``receipt`` becomes the broker's reason code, or TimeoutError at ``until_s``."""

    full_topic: str
    raw: bytes
    retain: bool
    until_s: float  # monotonic
    expiry_s: int | None = None
    receipt: "Future[int]" = field(default_factory=lambda: under_way(Future()))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message. ``is_stored``: the broker had it before we listened."""

    full_topic: str
    raw: bytes
    is_stored: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker's answer to what was published: numbers begin anew with each connection."""

    client: Any
    mid: int
    code: int


@dataclass(frozen=True, slots=True)
class Up:
    """All that we listen to is subscribed, on a new connection."""


Event = Arrival | Receipt | Up


class Courier(Listener):
    """Thread: one, but for ``start`` and ``close``; what comes is handed over on paho's.

    Args:
        broker: Address and credentials.
        topics: What to listen to.
        inbox: Told of each event, on paho's thread.
    """

    def __init__(self, broker: BrokerSection, topics: tuple[str, ...], inbox: Callable[[Event], None]) -> None:
        super().__init__(broker, topics, on_message=lambda *message: inbox(Arrival(*message)))
        self._inbox = inbox
        self._waiting: list[Letter] = []
        self._under_way: dict[tuple[Any, int], Letter] = {}
        self._more: dict[str, int] = {}  # topics beside those of the beginning, and how many want each
        self._is_new = False

    def start(self) -> None:
        """Connect; back when the subscriptions stand, or when it is plain that the broker is away just now.

        Raises:
            LinkError: The broker refuses us, or a file of the credentials is of no use: somebody has to mend that.
        """
        credentials(self._broker)
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()
        if self._is_refused() is None or (refusal := self._is_refused()) is None:
            return  # twice: it may have come up between the attempt and the look
        self.close()
        raise refusal

    def trouble(self) -> LinkError | None:
        """Why the last attempt to connect failed; None: nothing new."""
        newest = None
        while not self._answer.empty():
            newest = self._answer.get()
        return newest

    def post(self, letter: Letter) -> None:
        """Publish it, as soon as there is a connection."""
        self._waiting.append(letter)
        self._send()

    def listen(self, topics: tuple[str, ...]) -> None:
        """Listen to these too; what the broker has stored of them comes again."""
        for each in topics:
            self._more[each] = self._more.get(each, 0) + 1
        if self.is_connected and self._client is not None:
            self._client.subscribe([(each, 1) for each in topics])

    def leave(self, topics: tuple[str, ...]) -> None:
        """As many do not listen to these any more as have called ``listen``."""
        for each in topics:
            self._more[each] -= 1
        over = [each for each in topics if self._more[each] == 0]
        for each in over:
            del self._more[each]
        if over and self.is_connected and self._client is not None:
            self._client.unsubscribe(over)

    def up(self) -> None:
        """There is a new connection."""
        if self._more and self._client is not None:
            self._client.subscribe([(each, 1) for each in self._more])
        self._take_back()
        self._send()

    def received(self, receipt: Receipt) -> None:
        """The broker has answered."""
        letter = self._under_way.pop((receipt.client, receipt.mid), None)
        if letter is not None:
            letter.receipt.set_result(receipt.code)

    def tick(self, now_s: float) -> None:
        """Give up on letters whose time is over."""
        if not self.is_connected:
            self._take_back()
        every = [*self._waiting, *self._under_way.values()]
        if not any(letter.until_s <= now_s for letter in every):
            return
        self._waiting = [letter for letter in self._waiting if letter.until_s > now_s]
        self._under_way = {key: letter for key, letter in self._under_way.items() if letter.until_s > now_s}
        for letter in every:
            if letter.until_s <= now_s:
                letter.receipt.set_exception(TimeoutError("the broker is away"))

    def _is_refused(self) -> LinkError | None:
        """What a broker that is there has against us; None: nothing, or it is away."""
        try:
            refusal = self._answer.get(timeout=FIRST_ANSWER_S)
        except queue.Empty:
            return None
        return None if refusal is None or knock(self._broker).stage in NOT_THERE else refusal

    def _send(self) -> None:
        client = self._client
        if not self.is_connected or client is None:
            return
        for letter in self._waiting:
            properties = publish_properties(letter.expiry_s)
            info = client.publish(letter.full_topic, letter.raw, 1, letter.retain, properties)
            self._under_way[client, info.mid] = letter
        self._waiting.clear()

    def _take_back(self) -> None:
        """What was lost with a connection goes again: a command has its id, and what is stored is the same."""
        lost = [key for key in self._under_way if key[0] is not self._client or not self.is_connected]
        self._waiting[:0] = [self._under_way.pop(key) for key in lost]

    def _on_connect(self, client: Any, user: Any, flags: Any, code: Any, properties: Any) -> None:
        client.on_publish = guarded(lambda c, u, mid, told, p: self._inbox(Receipt(c, mid, told.value)))
        self._is_new = True
        super()._on_connect(client, user, flags, code, properties)

    def _on_subscribed(self, codes: list[Any]) -> None:
        if not self._is_new:  # of ``listen``: who may not hear that hears nothing
            return
        self._is_new = False
        super()._on_subscribed(codes)
        if self.is_connected:
            self._inbox(Up())


def under_way(future: "Future[Any]") -> "Future[Any]":
    """Nobody who waits for it can take it back: what was asked is out."""
    future.set_running_or_notify_cancel()
    return future
