"""``diemcau record``: the writer of the history. Broker → database → acknowledgement, in this order.

A message is acknowledged to the broker once it is committed (MQTT 5 with manual acknowledgement), so a recorder that
dies in between gets it again; the database's key passes over what comes twice. Once a second each site that sent rows
is told how far it is (``history/ack``, retained), and which numbers never came.

Several recorders with one name share the load (``$share``); none needs to know of the others, because what is told to a
site is read from the database.

Threads: paho's puts messages into a queue; ``run``'s own thread does the rest.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import Field, ValidationError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from agent.adapters.broker_trouble import deaf, refused, silent, trouble
from agent.adapters.mqtt_client import KEEPALIVE_S, back_off_s, guarded, new_client
from agent.console import progress
from agent.console.store import Key, Row, Store, unreadable
from agent.core.contract import (
    MAX_PAYLOAD_BYTES,
    MODELS,
    ROOT,
    SEQ_MAX,
    HistoryAck,
    HistoryRow,
    Payload,
    decode,
    encode,
    split_topic,
    topic,
)
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

log = logging.getLogger("diemcau.recorder")

SESSION_EXPIRY_S = 3600
# The broker's own bound on what is under way to one client is the smaller of this and its max_inflight_messages.
UNDER_WAY = 2000
BATCH_MAX, BATCH_WAIT_S = 1000, 0.02
ACK_EVERY_S = 1.0
# A number that is still not there after so long is not on its way by another recorder, or behind in the queue.
HOLE_AFTER_S = 5.0
TOPICS = ("history/headcount", "history/event")
ACKS = f"{ROOT}/+/history/ack"
LOG_EVERY_S = SAY_AGAIN_S = 60.0
FIRST_ANSWER_S = 15.0
NUL = "\\u0000"  # as JSON has it; PostgreSQL takes none


@dataclass(frozen=True, slots=True)
class Came:
    """A message as paho gave it, and the connection that it came on."""

    client: mqtt.Client
    full_topic: str
    raw: bytes
    mid: int
    qos: int = 1


@dataclass
class Told:
    """What a site was told, and since when each hole is one (monotonic seconds)."""

    upto: int = 0
    holes: dict[int, float] = field(default_factory=dict)
    said: HistoryAck | None = None
    said_s: float = 0.0


class Recorder:
    """Writes the history of all sites.

    Args:
        broker: Address and credentials.
        store: Started.
        name: The client id where the broker does not give one; recorders that share the load have different ones.
        share: The group's name; None: this recorder takes everything.
    """

    def __init__(self, broker: BrokerSection, store: Store, name: str, share: str | None = "recorders") -> None:
        self._broker, self._store, self._name = broker, store, name
        self._prefix = "" if share is None else f"$share/{share}/"
        self._came: queue.SimpleQueue[Came] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._client: mqtt.Client | None = None
        self._said_on: mqtt.Client | None = None
        self._touched: set[Key] = set()
        self._told: dict[Key, Told] = {}
        self._refusal: LinkError | None = None
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        """Have ``run`` end. Thread: any, also a signal's."""
        self._stop.set()  # before the other: a connection that has just begun looks at this one
        self._ended.set()

    def run(self) -> None:
        """Record until ``close``. What the broker refuses is an error only at the first connection.

        Raises:
            LinkError: The broker will not have us.
        """
        network = threading.Thread(target=self._connect_for_ever, name="recorder link", daemon=True)
        network.start()
        acked_s = logged_s = time.monotonic()
        while not self._stop.is_set():
            self._record(self._batch())
            now_s = time.monotonic()
            if now_s - acked_s >= ACK_EVERY_S:
                acked_s = now_s
                self._acknowledge(now_s)
            if now_s - logged_s >= LOG_EVERY_S and self.counts:
                logged_s = now_s
                log.info("%s", ", ".join(f"{name}: {count}" for name, count in sorted(self.counts.items())))
            if self._refusal is not None:
                raise self._refusal
        self._acknowledge(time.monotonic())
        if self._client is not None:
            self._client.disconnect()
        network.join(3)

    # Rows

    def _batch(self) -> list[Came]:
        """What has come: the first one is waited for, the others are taken as long as they come one after the other."""
        try:
            batch = [self._came.get(timeout=0.2)]
        except queue.Empty:
            return []
        until_s = time.monotonic() + BATCH_WAIT_S
        while len(batch) < BATCH_MAX and (left_s := until_s - time.monotonic()) > 0:
            try:
                batch.append(self._came.get(timeout=left_s if len(batch) < UNDER_WAY // 4 else 0))
            except queue.Empty:
                break
        return batch

    def _record(self, batch: Sequence[Came]) -> None:
        """Write, then acknowledge; where the database fails the same batch is tried again until it works."""
        if not batch:
            return
        now_s = time.time()
        rows = [row for each in batch if (row := self._row(each, now_s)) is not None]
        if self._write(rows):
            for each in batch:
                each.client.ack(each.mid, each.qos)

    def _write(self, rows: Sequence[Row]) -> bool:
        """True once all that can be written is; False: we were told to end before."""
        wait_s = 0.5
        while not self._stop.is_set():
            try:
                self._touched.update(self._store.write(rows))
                self.counts["rows"] += len(rows)
                return True
            except OperationalError as error:
                log.error("the database takes nothing: %s; again in %.0f s", _first_line(error), wait_s)
                self._stop.wait(wait_s)
                wait_s = min(30.0, 2 * wait_s)
            except (SQLAlchemyError, OverflowError, ValueError) as error:
                if len(rows) > 1:  # one of them is no row for a database: the others must not wait for it
                    return all(self._write([row]) for row in rows)
                self.counts["refused"] += 1
                log.error("a row of %s is refused by the database: %s", rows[0].site, _first_line(error))
                return True
        return False

    def _row(self, came: Came, now_s: float) -> Row | None:
        site, name = split_topic(came.full_topic) or ("", "")
        if name == "history/ack":
            self._heard_ack(came)
            return None
        if name not in TOPICS:
            return self._refused(came, "unknown topic")
        text = came.raw.decode(errors="replace").replace(NUL, "\\ufffd").replace("\0", "")
        try:
            payload = decode(MODELS[name], text.encode())
        except ValueError as error:
            self._refused(came, str(error))
            return _tombstone(site, text, now_s)
        if isinstance(payload, HistoryRow) and payload.epoch and payload.seq:
            return Row(site, name, payload, text, now_s)
        return self._refused(came, "without epoch or number")

    def _refused(self, came: Came, why: str) -> Row | None:
        """What is no row is acknowledged all the same: it would come again and again. Returns None."""
        self.counts["refused"] += 1
        if self.counts["refused"] <= 10 or self.counts["refused"] % 1000 == 0:
            log.warning("%s: refused, %s", came.full_topic[:100], why)
        return None

    # Acknowledgements

    def _acknowledge(self, now_s: float) -> None:
        client = self._client
        if client is None:
            return
        if client is not self._said_on:  # a broker may have lost what it was told
            self._said_on = client
            for told in self._told.values():
                told.said = None
            self._touched.update(self._told)
            # Each site is told where we are: it may be waiting for just that.
            self._touched.update(self._known())
        touched, self._touched = self._touched, set()
        reached: list[tuple[Key, int]] = []
        for key in touched:
            try:
                upto = self._tell(client, key, now_s)
            except SQLAlchemyError as error:
                log.error("how far %s is cannot be read: %s", key[0], _first_line(error))
                self._touched.add(key)
                continue
            reached.append((key, upto))
        try:
            self._store.remember(reached)
        except SQLAlchemyError as error:
            log.error("how far the sites are cannot be written: %s", _first_line(error))

    def _known(self) -> list[Key]:
        try:
            return self._store.keys()
        except SQLAlchemyError as error:
            log.error("the sites of the database cannot be read: %s", _first_line(error))
            return []

    def _tell(self, client: mqtt.Client, key: Key, now_s: float) -> int:
        """Tell one site how far it is; returns up to where nothing has to be looked at any more."""
        told = self._told.setdefault(key, Told())
        state = progress.progress(*self._store.look(key), wanted=told.upto)
        told.holes = {seq: told.holes.get(seq, now_s) for seq in state.holes}
        if state.holes:
            self._touched.add(key)  # until they are filled
        old = {seq for seq, since_s in told.holes.items() if now_s - since_s >= HOLE_AFTER_S}
        ack = progress.ack(key[1], state, told.upto, old)
        is_due = ack != told.said or (state.holes and now_s - told.said_s >= SAY_AGAIN_S)
        if ack is not None and is_due:
            told.said_s = now_s
            client.publish(topic(key[0], "history/ack"), encode(ack), qos=1, retain=True)
            self.counts["acknowledgements"] += 1
            told.said, told.upto = ack, max(told.upto, ack.upto)
        return state.upto

    def _heard_ack(self, came: Came) -> None:
        """An acknowledgement of an earlier run, or of another recorder: the site believes that we have so much."""
        parts = split_topic(came.full_topic)
        try:
            ack = decode(HistoryAck, came.raw)
        except ValueError:
            return
        if parts is None:
            return
        told = self._told.setdefault((parts[0], ack.epoch), Told())
        if ack.upto > told.upto:
            told.upto = ack.upto
            self._touched.add((parts[0], ack.epoch))

    # The connection

    def _connect_for_ever(self) -> None:
        failures, is_first = 0, True
        while not self._stop.is_set():
            self._ended.clear()
            if self._stop.is_set():
                return
            error = self._connection()
            if error is not None and is_first:
                self._refusal = error
                return
            is_first, failures = False, 0 if error is None else failures + 1
            if error is not None:
                log.warning("%s", error)
            self._stop.wait(back_off_s(failures))

    def _connection(self) -> LinkError | None:
        answer: queue.SimpleQueue[LinkError | None] = queue.SimpleQueue()
        try:
            client = new_client(self._broker.username or self._name, self._broker)
            client.manual_ack_set(True)
            client.on_connect = guarded(lambda c, u, f, code, p: self._on_connect(c, code, answer))
            client.on_subscribe = guarded(lambda c, u, mid, codes, p: self._on_subscribed(codes, answer))
            client.on_message = guarded(lambda c, u, m: self._on_message(c, m))
            client.on_disconnect = guarded(lambda *_: self._on_disconnect(answer))
            client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=False,
                properties=_connect_properties(),
            )
        except (OSError, ValueError, LinkError) as error:
            return trouble(error, self._broker)
        client.loop_start()
        try:
            try:
                refusal = answer.get(timeout=FIRST_ANSWER_S)
            except queue.Empty:
                refusal = silent(self._broker)
            if refusal is None and not self._stop.is_set():
                self._client = client
                self._ended.wait()
            return refusal
        finally:
            self._client = None
            client.disconnect()
            client.loop_stop()

    def _on_disconnect(self, answer: "queue.SimpleQueue[LinkError | None]") -> None:
        self._ended.set()
        answer.put(None)

    def _on_connect(self, client: mqtt.Client, code: Any, answer: "queue.SimpleQueue[LinkError | None]") -> None:
        if code.is_failure:
            answer.put(refused(code))
            return
        client.subscribe([*((f"{self._prefix}{ROOT}/+/{name}", 1) for name in TOPICS), (ACKS, 1)])

    def _on_subscribed(self, codes: list[Any], answer: "queue.SimpleQueue[LinkError | None]") -> None:
        wanted = (*TOPICS, ACKS)
        kept_back = [f"{each} ({code})" for each, code in zip(wanted, codes, strict=True) if code.is_failure]
        answer.put(deaf(", ".join(kept_back)) if kept_back else None)

    def _on_message(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        # What is over the limit is refused unread: its first bytes are enough for that, and a flood of it stays small.
        raw = bytes(message.payload[: MAX_PAYLOAD_BYTES + 1])
        if message.qos:
            self._came.put(Came(client, message.topic, raw, message.mid, message.qos))
        elif message.topic.endswith("/history/ack") and self._came.qsize() < UNDER_WAY:
            self._came.put(Came(client, message.topic, raw, message.mid, 0))
        else:
            # Nothing holds back what is sent so, and nobody sends a row so who wants it kept.
            self.counts["refused"] += 1


def _tombstone(site: str, text: str, now_s: float) -> Row | None:
    """What can be known of a row that cannot be read: its number, so that it is no hole; None: not even that."""
    try:
        found = _Numbered.model_validate_json(text)
    except ValidationError:
        return None
    return unreadable(site, text, found.epoch, found.seq, found.prev, now_s)


class _Numbered(Payload):
    epoch: str = Field(min_length=1, max_length=36)
    seq: int = Field(ge=1, le=SEQ_MAX)
    prev: int | None = Field(default=None, ge=0, le=SEQ_MAX)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = UNDER_WAY
    return properties
