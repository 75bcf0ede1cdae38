"""``diemcau record``: the writer of the history. Broker → database → acknowledgement, in this order.

A message is acknowledged to the broker once it is committed (MQTT 5 with manual acknowledgement), so a recorder that
dies in between gets it again; the database's key passes over what comes twice. Once a second each site that sent rows
is told how far it is (``history/ack``, retained), and which numbers never came.

Several recorders with one name share the load (``$share``); none needs to know of the others, because what is told to a
site is read from the database.

What the centre is asked for afterwards is kept as well (``recorder_news``): who changed a config, who was summoned, who
was there.

Thread: the caller's of ``run``; no other. ``recorder_link`` is the connection, ``recorder_told`` what was said on it.
"""

import logging
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from functools import lru_cache

from pydantic import Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from agent.adapters.broker_trouble import trouble
from agent.adapters.mqtt_client import back_off_s
from agent.adapters.twin import SOON_S, Twin
from agent.console import progress
from agent.console.complaints import of_agent
from agent.console.recorder_link import UNDER_WAY, Came, ClosedError, Connection
from agent.console.recorder_news import NAMES as NEWS
from agent.console.recorder_news import ROWS_OWN_FAULT, News, first_line
from agent.console.recorder_told import Memory
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

# One commit for what comes within this time: with a site's row every ten seconds and 5,000 of them, ten rows.
BATCH_WAIT_S, BATCH_ENOUGH = 0.02, UNDER_WAY // 4
ACK_EVERY_S = 1.0
# A number that is still not there after so long is not on its way by another recorder, or behind in the queue.
HOLE_AFTER_S = 5.0
DATABASE_WAIT_MAX_S = 8.0  # the broker hears of us in between
TOPICS = ("history/headcount", "history/event")
ACKS = f"{ROOT}/+/history/ack"
NEWS_OF_ALL = [f"{ROOT}/+/{each}" for each in NEWS]  # not shared: a group is not sent what is stored
LOG_EVERY_S = SAY_AGAIN_S = 60.0
NUL = "\\u0000"  # as JSON has it; PostgreSQL takes none
SAME_NAME = (
    "một recorder khác đang dùng tên này: cấp cho mỗi recorder một chứng chỉ riêng, hoặc đặt --name khác nhau / "
    "another recorder has this name: give each its own certificate, or --name (%s)"
)

_split_topic = lru_cache(maxsize=20_000)(split_topic)  # two topics of each site, again and again


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
        prefix = "" if share is None else f"$share/{share}/"
        self._topics = [*(f"{prefix}{ROOT}/+/{each}" for each in TOPICS), ACKS]
        self._stop = threading.Event()
        self._client: Connection | None = None
        self._touched: set[Key] = set()
        self._with_holes: set[Key] = set()
        self._told = Memory()
        self._news = News(store)
        self._twin = Twin("", "")
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        """Have ``run`` end. Thread: any, also a signal's."""
        self._stop.set()

    def run(self) -> None:
        """Record until ``close``. What the broker refuses is an error only at the first connection; one that is away,
        after the power has come back to both, say, is waited for.

        Raises:
            LinkError: The broker will not have us, or none of our acknowledgements; or it is not the one that we know.
        """
        failures, is_first = 0, True
        while not self._stop.is_set():
            began_s, self._client = time.monotonic(), None
            try:
                with Connection(self._broker, self._name, self._topics) as self._client:
                    self._serve(self._client)
            except (OSError, LinkError) as error:
                told = trouble(error, self._broker)
                if is_first and _is_final(error, self._client):
                    raise told from error
                self._ended(error, told, time.monotonic() - began_s)
            except Exception:  # a bug of ours: without this loop no site hears of a row until somebody comes
                if is_first and self._client is None:
                    raise
                log.exception("the recorder's connection failed; it tries again")
            # One that broke at once is no success: two recorders with one name throw each other out for ever.
            lasted = self._client is not None and time.monotonic() - began_s > SOON_S
            failures, is_first = 0 if lasted else failures + 1, is_first and self._client is None
            self._client = None
            self._stop.wait(self._twin.back_off_s() if self._twin.is_there else back_off_s(failures))

    def _ended(self, error: Exception, told: LinkError, lasted_s: float) -> None:
        """Say why there is no connection any more, or (``told``) none that is of use, and who else has our name."""
        if self._client is None or error is told:
            log.warning("%s", of_agent(told))
            return
        log.warning("mất kết nối với máy chủ / the connection to the broker is lost: %s", error)
        closed = error if isinstance(error, ClosedError) else None
        why = self._twin.ended(closed is not None and closed.taken_over, closed is not None, lasted_s)
        if why is not None and self._twin.is_news(time.monotonic()):
            log.error(SAME_NAME, why)

    def _serve(self, client: Connection) -> None:
        """Record what comes on this connection.

        Raises:
            OSError: It is lost.
            LinkError: The broker does not let us acknowledge.
        """
        log.info("connected to the broker at %s:%d", self._broker.host, self._broker.port)
        self._greet()
        self._news.begin()
        later = deque(NEWS_OF_ALL)
        acked_s = logged_s = time.monotonic()
        while not self._stop.is_set():
            batch = self._batch(client)
            self._record(client, batch)
            # One after the other: what is stored on all of them may be more than the broker's queue has room for.
            if later and not any(each.is_stored for each in batch):
                client.subscribe([later.popleft()])
            now_s = time.monotonic()
            if now_s - acked_s >= ACK_EVERY_S:
                acked_s = now_s
                self._acknowledge(client, now_s)
            if now_s - logged_s >= LOG_EVERY_S and self.counts:
                logged_s = now_s
                log.info("%s", ", ".join(f"{name}: {count}" for name, count in sorted(self.counts.items())))
        self._acknowledge(client, time.monotonic())

    # Rows

    def _batch(self, client: Connection) -> list[Came]:
        """What has come: the first one is waited for, the others are taken as long as they come one after the other."""
        batch = client.receive(0.2)
        until_s = time.monotonic() + BATCH_WAIT_S
        while batch and len(batch) < BATCH_ENOUGH and (left_s := until_s - time.monotonic()) > 0:
            batch += client.receive(left_s)
        return batch

    def _record(self, client: Connection, batch: Sequence[Came]) -> None:
        """Write, then acknowledge; where the database fails the same batch is tried again until it works."""
        if not batch:
            return
        now_s = time.time()
        rows = [row for each in batch if (row := self._row(each, now_s)) is not None]
        if self._write(rows):
            for each in batch:
                each.client.ack(each.mid, each.qos)
            client.flush()

    def _write(self, rows: Sequence[Row]) -> bool:
        """True once all that can be written is; False: we were told to end before."""
        wait_s = 0.5
        while not self._stop.is_set():
            try:
                self._touched.update(self._store.write(rows))
                self.counts["rows"] += len(rows)
                return True
            except ROWS_OWN_FAULT as error:
                if len(rows) > 1:  # one of them is no row for a database: the others must not wait for it
                    return all(self._write([row]) for row in rows)
                self.counts["refused"] += 1
                log.error("a row of %s is refused by the database: %s", rows[0].site, first_line(error))
                return True
            except SQLAlchemyError as error:
                log.error("the database takes nothing: %s; again in %.0f s", first_line(error), wait_s)
                self._stop.wait(wait_s)
                wait_s = min(DATABASE_WAIT_MAX_S, 2 * wait_s)
                if self._client is not None:
                    self._client.rest()
        return False

    def _row(self, came: Came, now_s: float) -> Row | None:
        site, name = _split_topic(came.full_topic) or ("", "")
        if name == "history/ack":
            self._heard_ack(site, came.raw)
            return None
        if name in NEWS:
            self._news.take(site, name, came.raw, now_s, came.is_stored)
            return None
        if name not in TOPICS:
            return self._refused(came, "unknown topic")
        if not came.qos:
            # Nothing holds back what is sent so, and nobody sends a row so who wants it kept.
            return self._refused(came, "sent at QoS 0")
        raw, text = _cleaned(came.raw)
        try:
            payload = decode(MODELS[name], raw)
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

    def _greet(self) -> None:
        """Each site is told on a new connection where we are: the broker may have lost it, the site may wait for it."""
        self._touched.update(self._told.say_again())
        try:
            self._touched.update(self._store.keys())
        except SQLAlchemyError as error:
            log.error("the sites of the database cannot be read: %s", first_line(error))

    def _acknowledge(self, client: Connection, now_s: float) -> None:
        # Looked at until the holes are filled; but nobody has us look for ever at numbers that he made up.
        touched = self._touched | {key for key in self._with_holes if key in self._told}
        self._touched, self._with_holes = set(), set()
        try:
            looked = self._store.look(touched)
            self._store.remember([(key, self._tell(client, key, upto, here, now_s)) for key, upto, here in looked])
        except SQLAlchemyError as error:
            log.error("how far the sites are cannot be read or written: %s", first_line(error))
            self._touched |= touched
        client.flush()
        self._news.keep()

    def _tell(self, client: Connection, key: Key, upto: int, here: Sequence[progress.Here], now_s: float) -> int:
        """Tell one site how far it is; returns up to where nothing has to be looked at any more."""
        told = self._told.of(key)
        state = progress.progress(upto, here, wanted=told.upto)
        if state.holes:
            self._with_holes.add(key)
        told.holes = {seq: told.holes.get(seq, now_s) for seq in state.holes}
        old = {seq for seq, since_s in told.holes.items() if now_s - since_s >= HOLE_AFTER_S}
        ack = progress.ack(key[1], state, told.upto, old)
        is_due = ack != told.said or (state.holes and now_s - told.said_s >= SAY_AGAIN_S)
        if ack is not None and is_due:
            told.said_s = now_s
            client.publish(topic(key[0], "history/ack"), encode(ack))
            self.counts["acknowledgements"] += 1
            told.said, told.upto = ack, max(told.upto, ack.upto)
        return state.upto

    def _heard_ack(self, site: str, raw: bytes) -> None:
        """An acknowledgement of an earlier run, or of another recorder: the site believes that we have so much."""
        try:
            ack = decode(HistoryAck, raw)
        except ValueError:
            return
        told = self._told.of((site, ack.epoch))
        if ack.upto > told.upto:
            told.upto = ack.upto
            self._touched.add((site, ack.epoch))


def _is_final(error: Exception, client: Connection | None) -> bool:
    """Whether trying again helps nobody: somebody has to correct something here or at the broker."""
    if isinstance(error, LinkError):
        return client is None or not client.is_heard
    return client is None and isinstance(error, ssl.SSLCertVerificationError)


def _cleaned(raw: bytes) -> tuple[bytes, str]:
    """A payload as bytes and as text, without the letters that no database takes; rarely is there one."""
    text = raw[: MAX_PAYLOAD_BYTES + 1].decode(errors="replace")
    if NUL not in text and "\0" not in text and "\ufffd" not in text:
        return raw, text
    text = text.replace(NUL, "\\ufffd").replace("\0", "")
    return text.encode(), text


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
