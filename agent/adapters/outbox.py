"""The outbox: rows of the history leave it on the centre's own acknowledgement, not on the broker's.

A broker's PUBACK is not delivery: with its default settings mosquitto drops what it has acknowledged, for a centre that
is away. ``delivery.py`` decides what is sent when; here is the disk. Rows come in with the facts that belong to
them, in one transaction of ``agent_db``; what the link wants is read a piece at a time.

Threads: ``take`` and the others belong to the link's; ``outbox`` writes down acknowledgements and makes room, in
batches and by the clock, because each transaction is some 10 kB on a card that wears out.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.adapters import delivery as core
from agent.adapters import history_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.delivery import Delivery
from agent.adapters.history_rows import Gap, GapEvent, StoredRow
from agent.core.config import ReportingSection
from agent.core.contract import HistoryAck, HistoryEvent, decode

log = logging.getLogger("diemcau.outbox")

WRITE_DOWN_EVERY_S = 300.0
LOOK_EVERY_S = 30.0
READ_AT_ONCE = 500
BREATH_S = 0.02  # between two transactions of many, so that whoever waits for the database has its turn
ANEW_EVERY_S = 3600.0
VOLATILE_MAX_BYTES = 8 * 1024 * 1024  # in memory, of which a box has 1 GiB


@dataclass(frozen=True, slots=True)
class OutRow:
    """A row to send: its number, the topic's name, and the payload."""

    seq: int
    topic: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """For ``health``: rows that the centre has not, how old the oldest is (None: none waits), rows that were lost."""

    rows: int
    oldest_s: float | None
    lost: int


class Outbox:
    """Rows that must survive. ``start`` after the database's, ``close`` before it.

    Args:
        db: The agent's database.
        reporting: How much may be kept, and for how long.
        gap_event: Makes the row that says what is missing. Called on any thread.
        now_s: Seconds since 1970, and whether that can be believed.
    """

    def __init__(
        self,
        db: AgentDb,
        reporting: ReportingSection,
        gap_event: GapEvent,
        now_s: Callable[[], tuple[float, bool]] = lambda: (time.time(), True),
    ) -> None:
        self._db, self._reporting, self._gap_event, self._now_s = db, reporting, gap_event, now_s
        self._lock = threading.Lock()
        self._delivery = Delivery("")
        self._read: deque[OutRow] = deque()
        self._under_way: deque[int] = deque()
        self._sent: deque[int] = deque()
        self._passed: set[int] = set()
        self._written_upto = self._lost = 0
        self._files, self._loaded = 1, 0  # how many there were, and which one ``_delivery`` is of
        self._anew_s = self._tell_s = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.on_row: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Read how far it is, and begin."""
        if self._thread is not None:
            return
        self._db.on_rows, self._db.on_new_file, self._db.when_full = self._written, self._new_file, self._pass
        with self._lock:
            self._look_for_new_file()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write down what the centre has, and end."""
        if self._thread is None or self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(2)

    def change(self, reporting: ReportingSection) -> None:
        """Keep by another config from now on. Where it says who acknowledges otherwise, all that is not known to have
        arrived is sent again. Thread: agent thread.
        """
        with self._lock:
            is_other_word = reporting.acknowledge != self._reporting.acknowledge
            self._reporting = reporting
            if is_other_word:
                self._delivery = core.connected(self._delivery, time.monotonic())
                self._rewind()
        if is_other_word:
            self.on_row()

    # What the link wants

    def connected(self) -> None:
        """A new connection: all that the centre has not is sent again. Thread: the link's."""
        with self._lock:
            self._delivery = core.connected(self._delivery, time.monotonic())
            self._rewind()

    def take(self, most: int) -> list[OutRow]:
        """The next rows to send, at most ``most``. Thread: the link's."""
        with self._lock:
            self._look_for_new_file()
            if self._is_new:
                return []
            before, self._delivery = self._delivery, core.tick(self._delivery, time.monotonic())
            if self._delivery.cursor < before.cursor:
                self._rewind()
            if not self._read:
                self._fill()
            rows = [self._read.popleft() for _ in range(min(most, len(self._read)))]
            self._under_way.extend(row.seq for row in rows)
            return rows

    def heard(self, raw: bytes, is_stored: bool = False) -> None:
        """A message on ``history/ack``. What is none is logged, and changes nothing. Thread: the link's.

        ``is_stored``: the broker had it, whether or not the centre is there.
        """
        try:
            ack = decode(HistoryAck, raw)
        except ValueError as error:
            log.warning("history/ack: refused, %s", error)
            return
        with self._lock:
            if core.is_ahead(self._delivery, ack):
                if time.monotonic() >= self._anew_s:  # whoever may acknowledge must not have us number on and on
                    self._anew_s = time.monotonic() + ANEW_EVERY_S
                    self._begin_anew(ack)
                return
            before = self._delivery
            self._delivery = core.acknowledged(before, ack, time.monotonic(), is_stored)
            if self._delivery.cursor < before.cursor:
                self._rewind()

    def passed_on(self, seq: int) -> None:
        """The broker has passed the row on, which is enough where there is no centre. Thread: the link's."""
        with self._lock:
            self._delivery = core.taken(self._delivery)
            if self._reporting.acknowledge == "centre":
                self._under_way.clear()
                return
            self._passed.add(seq)
            while self._under_way and self._under_way[0] in self._passed:  # in their order: one may have been refused
                seq = self._under_way.popleft()
                self._passed.discard(seq)
                self._delivery = core.settled(self._delivery, seq, time.monotonic())

    def unheard(self, seq: int) -> None:
        """The broker has nobody who listens. Where its word is enough, that is no matter. Thread: the link's."""
        if self._reporting.acknowledge == "broker":
            self.passed_on(seq)
        else:
            self.not_taken()

    def not_taken(self) -> None:
        """The broker refuses rows: they stay here. Thread: the link's."""
        with self._lock:
            self._delivery = core.not_taken(self._delivery, time.monotonic())
            self._rewind()

    def deadline_s(self) -> float | None:
        """When there may be something to send though nothing happens (monotonic seconds). Thread: any."""
        with self._lock:
            return core.deadline_s(self._delivery)

    def figures(self) -> Figures:
        """For the topic ``health``. Thread: any."""
        with self._lock:
            state = self._delivery
            lost = self._lost
        at_s = self._db.read(lambda db: history_rows.oldest_s(db, state.upto), None)
        age_s = None if at_s is None else max(0.0, self._now_s()[0] - at_s)
        return Figures(state.rows, age_s, lost)

    # What is done by the clock

    def _run(self) -> None:
        write_s = time.monotonic() + WRITE_DOWN_EVERY_S
        while not self._stop.wait(LOOK_EVERY_S):
            if self._db.is_volatile:  # what the centre has need not go on in a file
                self._guarded(self._write_down)
            self._guarded(self._db.tend)
            self._guarded(self._look_again)
            if time.monotonic() >= write_s:
                write_s = time.monotonic() + WRITE_DOWN_EVERY_S
                self._guarded(self._write_down)
                self._guarded(self._forget)
            self._guarded(self._make_room)
        self._guarded(self._write_down)

    def _guarded(self, job: Callable[[], None]) -> None:
        """Without this thread nothing would ever leave the disk: what goes wrong is tried again at the next look."""
        try:
            job()
        except Exception:
            log.exception("the outbox: something that nobody thought of; again in %.0f s", LOOK_EVERY_S)

    def _write_down(self) -> None:
        """What the centre has. Written late, it is sent once more at most."""
        with self._lock:
            upto, its_epoch = self._delivery.certain_upto, self._delivery.epoch
        if upto <= self._written_upto:
            return

        def job(db: Any) -> int:
            if history_rows.epoch(db) != its_epoch:
                return 0  # the file began anew meanwhile, and knows nothing of these numbers
            now_s, is_synced = self._now_s()
            history_rows.acknowledge(db, upto, now_s if is_synced else None)
            return upto

        self._written_upto = self._db.write(job) or self._written_upto

    def _forget(self) -> None:
        """What has been kept for long enough, piece by piece as ``_make_room`` does."""
        now_s, is_synced = self._now_s()
        before_s = now_s - self._reporting.keep_days * 86_400

        def job(db: Any) -> bool:
            history_rows.date(db, now_s)
            return history_rows.forget(db, before_s, self._free_upto, self._delivery.missing) > 0

        # A clock in 1970, or in 2036, must not let anything go.
        while is_synced and self._db.write(job) and not self._stop.wait(BREATH_S):
            pass

    def _make_room(self) -> None:
        """Pass by pass, each in a transaction of its own: what is to be kept of a press must not wait for all."""
        while self._is_full() and (newest := self._db.write(self._one_pass)) and not self._stop.wait(BREATH_S):
            self._written(newest)

    def _is_full(self) -> bool:
        most = VOLATILE_MAX_BYTES if self._db.is_volatile else self._reporting.outbox_max_bytes
        return self._db.read(history_rows.used_bytes, 0) > most

    def _one_pass(self, db: Any) -> int:
        """Returns the newest number where something went, else 0."""
        return history_rows.newest(db) if self._pass(db) else 0

    def _pass(self, db: Any) -> bool:
        return history_rows.make_room(db, self._free_upto, self._told, self._delivery.missing)

    @property
    def _free_upto(self) -> int:
        """Of a file that is not looked at yet nothing may go: what is known is of the one before."""
        return 0 if self._is_new else self._delivery.free_upto

    def _told(self, gap: Gap) -> HistoryEvent:
        log.warning("rows %d to %d: %d of them are gone: %s", gap.first, gap.last, gap.count, gap.why)
        self._lost += gap.count if gap.why == "outbox_full" else 0
        return self._gap_event(gap)

    @property
    def _is_new(self) -> bool:
        return self._loaded != self._files

    def _look_for_new_file(self) -> None:
        """Looked for until its epoch is known, without which no acknowledgement would be ours."""
        if self._is_new:
            self._rewind()
            self._tell_anew()
            self._load()

    def _look_again(self) -> None:
        """What could not be read or told when it began."""
        with self._lock:
            was_new = self._is_new
            self._look_for_new_file()
            is_told = self._tell_anew()
        if is_told or (was_new and not self._is_new):
            self.on_row()

    def _load(self) -> None:
        number = self._files
        known = self._db.read(history_rows.standing, None)
        if known is None:
            return
        its_epoch, newest, upto = known
        self._delivery = Delivery(its_epoch, newest, upto, upto, heard_s=time.monotonic())
        self._written_upto = upto
        if its_epoch:
            self._loaded = number

    def _tell_anew(self) -> bool:
        """How many rows went with the old file nobody knows. Returns whether it was told just now. What cannot be
        written waits for the next look: attempts in haste would have the disk given up.
        """
        why, now_s = self._db.began_anew, time.monotonic()
        if why is None or now_s < self._tell_s:
            return False
        self._db.began_anew = None
        note = self._told(Gap(0, 0, 0, why))
        newest = self._db.write(lambda db: history_rows.append(db, [note]))
        if newest is None:
            self._db.began_anew, self._tell_s = self._db.began_anew or why, now_s + LOOK_EVERY_S
            return False
        self._delivery = core.written(self._delivery, newest)
        return True

    def _new_file(self) -> None:
        """The database began anew, within a transaction that failed. Thread: any, with the database's lock."""
        self._files += 1

    def _written(self, newest: int) -> None:
        """The database has new rows. Thread: any."""
        with self._lock:
            self._look_for_new_file()
            # Asked of the file: ``newest`` may be of one that was left meanwhile.
            self._delivery = core.written(self._delivery, self._db.read(history_rows.newest, newest))
        self.on_row()

    def _rewind(self) -> None:
        """What was read and not sent, or sent and not passed on, is read again."""
        self._read.clear()
        self._sent.clear()
        self._under_way.clear()
        self._passed.clear()

    def _fill(self) -> None:
        """Read the next piece. Each row says which one is before it, so that nobody waits for a number that is gone."""
        while self._sent and self._sent[0] <= self._delivery.upto:
            self._sent.popleft()
        after, turn = core.turn(self._delivery, READ_AT_ONCE, len(self._sent), time.monotonic())
        if not turn.again and not turn.count:
            self._delivery = after
            return
        wanted = self._db.read(lambda db: history_rows.some(db, turn.again), None) if turn.again else []
        rows = self._db.read(lambda db: history_rows.following(db, turn.after, turn.count), None)
        if wanted is None or rows is None:  # the disk cannot be read just now: nothing was taken
            self._delivery = core.not_taken(self._delivery, time.monotonic())
            return
        after = core.given_up(after, tuple(set(turn.again) - {row.seq for row in wanted}))
        is_end = len(rows) < turn.count
        self._delivery = core.advanced(after, after.newest if is_end else rows[-1].seq if rows else 0)
        self._sent.extend(row.seq for row in rows)
        now_s = self._now_s()[0]
        self._read.extend(self._out(row, now_s) for row in (*wanted, *rows))

    def _out(self, row: StoredRow, now_s: float) -> OutRow:
        if not history_rows.is_whole(row):
            note = self._gap_event(Gap(row.seq, row.seq, 1, "disk_damaged"))
            row = history_rows.instead(row, self._delivery.epoch, note)
        is_late = "true" if now_s - row.at_s > self._reporting.heartbeat_s else "false"
        payload = row.payload.replace(history_rows.HISTORICAL, f'"historical":{is_late},"prev":{row.prev}', 1)
        return OutRow(row.seq, row.topic, payload.encode())

    def _begin_anew(self, ack: HistoryAck) -> None:
        log.error("the centre has rows up to %d, this disk to %d: it is an old copy", ack.upto, self._delivery.newest)
        note = self._told(Gap(self._delivery.newest + 1, ack.upto, 0, "disk_went_back"))

        def job(db: Any) -> tuple[str, int]:
            return history_rows.new_epoch(db, self._written_upto), history_rows.append(db, [note])

        begun = self._db.write(job)
        if begun is not None:
            upto = self._written_upto
            self._delivery = Delivery(*begun, upto, upto, heard_s=time.monotonic())
            self._rewind()
