"""One connection of a site, from its CONNECT to its end. ``mqtt_link.py`` makes one after the other.

Threads: paho's network thread calls back and leaves notes; the link's own thread alone publishes (publishing under a
lock of ours while paho calls back under one of its own would be a deadlock).
"""

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.adapters.broker_trouble import NO_MQTT_5, refused
from agent.adapters.mqtt_client import MAX_PACKET_BYTES, guarded
from agent.adapters.outgoing import Letters, Outgoing, Slot
from agent.adapters.row_lane import RowLane, RowSource
from agent.core.contract import MAX_PAYLOAD_BYTES
from agent.core.events import LinkRefused, MessageReceived, ReportTaken
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.link")

GOODBYE_S = 1.5  # for the last words of an orderly stop
# A broker that takes everything and acknowledges nothing is none, however alive the connection looks.
UNANSWERED_S = 90.0
TAKEN_OVER = 0x8E  # MQTT 5, 3.14.2.1: somebody else has connected with our client id
RECEIVE_MAXIMUM = 65_535  # MQTT 5, 3.2.2.3.3: where the broker does not say how much it takes at once
TCP_CLOSE = 7  # include/net/tcp_states.h: what a reset leaves; an orderly end leaves TCP_CLOSE_WAIT


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker answered the CONNECT with yes; ``most`` is how many messages it takes at once, ``largest_bytes`` how
    large a packet.
    """

    most: int
    largest_bytes: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered the PUBLISH ``mid``; ``code`` is paho's reason code."""

    mid: int
    code: Any


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker's answers to SUBSCRIBE, as paho's reason codes, in the order of the topics."""

    codes: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """There is a letter to send."""


@dataclass(frozen=True, slots=True)
class RowWritten:
    """There is a row to send."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message for the link itself: what the centre has of the rows, or somebody's word on our own status."""

    topic: str
    raw: bytes
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """There is something on ``topic`` for the link itself: ``Mailbox`` has it."""

    topic: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over; ``refusal`` where the CONNECT was answered with no, ``code`` why, as paho's reason code;
    ``is_said``: the broker said so, ``is_reset``: the line broke instead of the other side ending it.
    """

    refusal: str | None = None
    code: Any = None
    is_said: bool = False
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent stops: send what is there and disconnect."""


Note = Slot | Posted | RowWritten | Heard | Accepted | Subscribed | Acknowledged | Ended | Goodbye
Notes = queue.SimpleQueue[Note]


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended.

    ``reason`` is None where it simply closed, or was ours to close. ``by_broker``: the other side ended it in an
    orderly way, after having accepted us; ``taken_over``: somebody else has our name. ``refused``: the broker's answer
    to the CONNECT was no.
    """

    reason: str | None = None
    accepted: bool = False
    refused: bool = False
    by_broker: bool = False
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """Whole topics. ``stored`` are heard with what the broker has stored, ``unstored`` never with that.

    ``own_status`` is heard to find a second box with our name, ``acks`` to learn what the centre has; both stay here.
    ``config_report`` is what the site says of its config: it is told when the broker has taken that.
    """

    site: str
    prefix: str
    stored: tuple[str, ...]
    unstored: tuple[str, ...]
    own_status: str
    acks: str
    config_report: str


class Mailbox:
    """The newest message of each topic that is for the link itself: a flood of them takes the room of one.

    Thread: any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Told] = {}

    def put(self, topic: str, raw: bytes, is_stored: bool = False) -> bool:
        """Replace what is there; True where nothing was, so that somebody has to be told."""
        with self._lock:
            is_first = topic not in self._newest
            self._newest[topic] = Told(topic, raw, is_stored)
            return is_first

    def take(self, topic: str) -> Told:
        """What is there, which there must be."""
        with self._lock:
            return self._newest.pop(topic)


class Connection:
    """One connection. Thread: the link's own, but for the callbacks.

    Args:
        client: Connected, its loop not started yet.
        topics: What to listen to.
        notes: Where callbacks and other threads leave what is to be done.
        letters: Answers that wait.
        source: Rows that wait; None: there are none.
        inbox: Where events go.
        on_open: Called once the broker has accepted us.
        on_told: Called with a message on our own status, or of the centre's on the rows.
    """

    def __init__(
        self,
        client: mqtt.Client,
        topics: Topics,
        notes: Notes,
        letters: Letters,
        source: RowSource | None,
        inbox: Inbox,
        on_open: Callable[[], None],
        on_told: Callable[[Told], None],
    ) -> None:
        self._client, self._topics, self._notes = client, topics, notes
        self._source, self._inbox = source, inbox
        self._on_open, self._on_told = on_open, on_told
        self._outgoing = Outgoing(client, letters)
        self._rows: RowLane | None = None
        self._accepted = False
        self._answered_s = 0.0
        self._leave_s: float | None = None
        self._refused: set[str] = set()
        self._wanted: tuple[str, ...] = ()
        self._mailbox = Mailbox()
        self._is_reset = False

    def callbacks(self) -> None:
        """Have paho tell us. Before the CONNECT."""
        client = self._client
        client.on_connect = guarded(lambda c, u, f, code, p: self._notes.put(self._answer(code, p)))
        client.on_socket_close = guarded(lambda c, u, sock: self._closing(sock))
        client.on_disconnect = guarded(
            lambda c, u, f, code, p: self._notes.put(
                Ended(None, code, is_said=f.is_disconnect_packet_from_server, is_reset=self._is_reset)
            )
        )
        client.on_subscribe = guarded(lambda c, u, mid, codes, p: self._notes.put(Subscribed(tuple(codes))))
        client.on_publish = guarded(lambda c, u, mid, code, p: self._notes.put(Acknowledged(mid, code)))
        client.on_message = guarded(lambda c, u, m: self._received(m))

    def stay(self) -> End:
        """Serve until the end."""
        try:
            return self._serve()
        finally:
            self._outgoing.give_back()

    def _serve(self) -> End:
        while self._leave_s is None or not self._outgoing.is_empty():
            note = self._note()
            if isinstance(note, Ended):
                return self._end(note)
            if note is None and self._leave_s is not None:
                break
            if note is None and self._is_unanswered():
                return End(f"the broker has acknowledged nothing for {UNANSWERED_S:.0f} s", self._accepted)
            self._act(note)
            # Once for all notes that are there: a hundred acknowledgements come at once, and what is live goes first.
            if self._leave_s is None and self._notes.empty():
                self._send_rows()
        return End(accepted=self._accepted)

    def _act(self, note: Note | None) -> None:
        match note:
            case Accepted() as accepted:
                self._begin(accepted)
            case Subscribed(codes=codes):
                self._subscribed(codes)
            case Slot() as slot:
                self._publish(lambda: self._outgoing.put(slot))
            case Posted():
                self._publish(self._outgoing.send_letters)
            case Heard(topic=topic):
                self._on_told(self._mailbox.take(topic))
            case Acknowledged(mid=mid, code=code):
                self._acknowledged(mid, code)
            case Goodbye():
                self._leave_s = time.monotonic() + GOODBYE_S
            case _:
                pass  # a new row, or the time has come to look for one

    def _note(self) -> Note | None:
        """The next note; None when the time has come to look without one."""
        with suppress(queue.Empty):
            return self._notes.get_nowait()
        rows_s = None if self._rows is None else self._rows.deadline_s()
        deadlines = [rows_s, self._unanswered_s()] if self._leave_s is None else [self._leave_s]
        until_s = min((at_s for at_s in deadlines if at_s is not None), default=None)
        try:
            return self._notes.get(timeout=None if until_s is None else max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            return None

    def _begin(self, accepted: Accepted) -> None:
        self._accepted = True
        self._outgoing.share(accepted.most, accepted.largest_bytes)
        self._listen()
        self._on_open()
        self._publish(self._outgoing.send_letters)
        if self._source is not None:
            at_once = max(1, accepted.most // 2)
            self._rows = RowLane(self._client, self._source, self._topics.prefix, at_once, accepted.largest_bytes)
            self._send_rows()

    def _listen(self) -> None:
        topics = self._topics
        stored = SubscribeOptions(qos=1, retainAsPublished=True)
        never = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        # Not our own words, and none that was stored: what comes is another box's.
        others = SubscribeOptions(qos=1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        wanted = [(each, stored) for each in topics.stored]
        wanted.append((topics.acks, SubscribeOptions(qos=1)))  # marked as stored only where it does not come just now
        wanted += [(each, never) for each in topics.unstored]
        wanted.append((topics.own_status, others))
        self._wanted = tuple(each for each, _ in wanted)
        self._client.subscribe(wanted)

    def _subscribed(self, codes: tuple[Any, ...]) -> None:
        for full_topic, code in zip(self._wanted, codes, strict=False):
            if code.is_failure:
                self._inbox(LinkRefused(f"{full_topic}: {code}"))

    def _publish(self, act: Callable[[], None]) -> None:
        if self._is_idle():
            self._answered_s = time.monotonic()
        act()

    def _send_rows(self) -> None:
        if self._rows is not None:
            self._publish(self._rows.send)

    def _acknowledged(self, mid: int, code: Any) -> None:
        self._answered_s = time.monotonic()
        refusal = self._rows.acknowledged(mid, code) if self._rows is not None else None
        message = self._outgoing.acknowledged(mid)
        if message is not None and code.is_failure:
            refusal = f"{message.full_topic}: {code}"
        elif message is not None and message.full_topic == self._topics.config_report:
            self._inbox(ReportTaken(message.raw))
        if refusal is not None and refusal not in self._refused:
            self._refused.add(refusal)  # once for each connection: a right that is missing is missing for long
            self._inbox(LinkRefused(refusal))

    def _is_idle(self) -> bool:
        return self._outgoing.is_idle() and (self._rows is None or self._rows.is_idle())

    def _unanswered_s(self) -> float | None:
        return None if not self._accepted or self._is_idle() else self._answered_s + UNANSWERED_S

    def _is_unanswered(self) -> bool:
        due_s = self._unanswered_s()
        return due_s is not None and time.monotonic() >= due_s

    def _end(self, ended: Ended) -> End:
        if not self._accepted:
            reason = ended.refusal or "the broker closed the connection before accepting it"
            return End(reason, refused=ended.refusal is not None)
        said = f"the broker ended the connection: {ended.code}" if ended.is_said else None
        is_taken_over = ended.is_said and ended.code.value == TAKEN_OVER
        return End(said, accepted=True, by_broker=not ended.is_reset, taken_over=is_taken_over)

    def _closing(self, sock: Any) -> None:
        """Paho lets go of its socket. Asked of the kernel, because to paho every end is the same. Thread: paho's."""
        try:
            self._is_reset = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE
        except OSError:
            self._is_reset = True

    def _answer(self, code: Any, properties: Any) -> Note:
        if code.value == NO_MQTT_5:
            return Ended(str(refused(code)))
        if code.is_failure:
            return Ended(
                f"the broker refuses {self._topics.site} ({code}): check the identity file and the broker's users"
            )
        return Accepted(
            getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM),
            getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES),
        )

    def _received(self, message: mqtt.MQTTMessage) -> None:
        # What is over the limit is refused unread: its first bytes are enough for that, and a flood of it stays small.
        raw = bytes(message.payload[: MAX_PAYLOAD_BYTES + 1])
        if message.topic in (self._topics.acks, self._topics.own_status):
            if self._mailbox.put(message.topic, raw, message.retain):
                self._notes.put(Heard(message.topic))
            return
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        self._inbox(MessageReceived(message.topic, raw, message.retain, expiry_s, time.monotonic()))
