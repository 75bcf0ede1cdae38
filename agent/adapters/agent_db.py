"""``agent.db``: what must survive a reboot, in SQLite: the connection's number, where the power stood, the conference,
executed commands, human counts, and the events of the history."""

import json
import logging
import sqlite3
import threading
import uuid
from datetime import datetime
from pathlib import Path

from agent.core.commands import Keep, KeepResult
from agent.core.contract import HistoryEvent, encode
from agent.core.events import Memory, Recount, Settled

log = logging.getLogger("diemcau.db")

BUSY_S = 1.0
RECOUNTS_MAX = 1000  # one a day for years
EVENTS_MAX = 10_000  # of some 500 bytes: the oldest go
FACT = "fact."  # before the names of the core's facts, which must not meet those of this file
TABLES = (
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS executed (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "state TEXT NOT NULL, reason TEXT, result TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS recount (number INTEGER PRIMARY KEY, command TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "by TEXT NOT NULL, people INTEGER NOT NULL, value INTEGER, state TEXT NOT NULL, min INTEGER, max INTEGER) STRICT",
    # AUTOINCREMENT: a number that was used is never used again, also when its row is gone.
    "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, at TEXT NOT NULL, "
    "payload TEXT NOT NULL) STRICT",
)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class AgentDb:
    """The box's memory. A file that cannot be used is moved aside and a new one begins; with a disk that cannot be
    written the agent goes on from memory, since a room is worth more than a number.

    Thread: any; one lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._is_read_only = False
        self._connection = 0

    def start(self) -> None:
        """Open the file, or begin a new one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = _open(self._path)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", None) not in DAMAGED:
                    raise  # locked, read-only, full: the file itself is fine
                log.error("%s is damaged (%s): moved aside, a new one begins", self._path, error)
                _move_aside(self._path)
                self._db = _open(self._path)
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be written: %s; going on from memory", self._path, error)
            self._is_read_only = True

    def next_connection(self) -> int:
        """One more than the last number, on disk before it is returned. Thread: any."""
        with self._lock:
            try:
                self._connection = self._increment()
            except sqlite3.Error as error:
                log.error("the connection's number cannot be kept: %s", error)
                self._connection += 1
            return self._connection

    def memory(self) -> Memory:
        """What earlier runs kept; empty where nothing can be read. Thread: any."""
        with self._lock:
            try:
                if self._db is not None:
                    return _memory(self._db)
                return _read_only(self._path) if self._is_read_only and self._path.is_file() else Memory()
            except (sqlite3.Error, ValueError, TypeError) as error:
                log.error("%s: executed commands and human counts cannot be read: %s", self._path, error)
                return Memory()

    def keep_result(self, order: KeepResult) -> bool:
        """Write a command's result and what it changed; True when all of it is on disk. Thread: any."""
        with self._lock:
            if self._db is None:
                return False
            try:
                with self._db:
                    _keep(self._db, order)
            except (sqlite3.Error, UnicodeError) as error:
                log.error("the result of command %s cannot be kept: %s", order.settled.id, error)
                return False
            return True

    def keep(self, order: Keep) -> tuple[HistoryEvent, ...] | None:
        """Write facts and events, in one transaction; the events with epoch and sequence once all of it is on disk.

        None: it could not be written, and the agent goes on from memory. Thread: any.
        """
        with self._lock:
            if self._db is None:
                return None
            try:
                with self._db:
                    return _keep_history(self._db, order)
            except (sqlite3.Error, UnicodeError) as error:
                log.error("what must survive a power cut cannot be kept: %s", error)
                return None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _increment(self) -> int:
        if self._db is None:
            return self._connection + 1
        with self._db:
            self._db.execute(
                "INSERT INTO fact (name, value) VALUES ('connection', 1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1"
            )
            row = self._db.execute("SELECT value FROM fact WHERE name = 'connection'").fetchone()
        return int(row[0])


def _move_aside(path: Path) -> None:
    """Keep the damaged file and its companions to look at; never over an earlier one."""
    number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{n}").exists())
    for companion in ("", "-wal", "-shm"):
        part = path.with_name(path.name + companion)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.damaged-{number}{companion}"))


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # NORMAL lost committed rows in simulated power cuts
        for table in TABLES:
            db.execute(table)
        db.commit()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _read_only(path: Path) -> Memory:
    """What a file tells that cannot be written: on a card that has worn out the room must still know how it stood.

    ``immutable`` because a log beside the file cannot be opened either where nothing can be written; what was in that
    log only is lost then. Source: sqlite.org, "URI filenames" and "Read-only WAL-mode databases".
    """
    address = path.absolute().as_uri()
    for how in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"{address}?{how}", timeout=BUSY_S, uri=True)
        try:
            return _memory(db)
        except sqlite3.OperationalError:
            continue
        finally:
            db.close()
    return Memory()


def _memory(db: sqlite3.Connection) -> Memory:
    settled = db.execute("SELECT id, at, state, reason, result FROM executed ORDER BY number").fetchall()
    recounts = db.execute(
        "SELECT command, at, by, people, value, state, min, max FROM recount ORDER BY number"
    ).fetchall()
    facts = db.execute("SELECT name, value FROM fact WHERE name LIKE ?", (f"{FACT}%",)).fetchall()
    return Memory(
        tuple(
            Settled(id_, datetime.fromisoformat(at), state, reason, json.loads(result))
            for id_, at, state, reason, result in settled
        ),
        tuple(Recount(command, datetime.fromisoformat(at), *rest) for command, at, *rest in recounts),
        {name.removeprefix(FACT): str(value) for name, value in facts},
    )


def _keep_history(db: sqlite3.Connection, order: Keep) -> tuple[HistoryEvent, ...]:
    facts = [(FACT + name, text) for name, text in order.facts.items()]
    db.executemany("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", facts)
    events = [each for each in order.events if isinstance(each, HistoryEvent)]
    return tuple(_append(db, event) for event in events)


def _append(db: sqlite3.Connection, event: HistoryEvent) -> HistoryEvent:
    """One row; the first one makes the epoch of this file."""
    db.execute("INSERT OR IGNORE INTO fact (name, value) VALUES ('epoch', ?)", (str(uuid.uuid4()),))
    (epoch,) = db.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
    row = ("history/event", event.at.isoformat(), "")
    seq = db.execute("INSERT INTO outbox (topic, at, payload) VALUES (?, ?, ?)", row).lastrowid
    event = event.model_copy(update={"epoch": epoch, "seq": seq})
    db.execute("UPDATE outbox SET payload = ? WHERE seq = ?", (encode(event).decode(), seq))
    db.execute("DELETE FROM outbox WHERE seq <= ?", ((seq or 0) - EVENTS_MAX,))
    return event


def _keep(db: sqlite3.Connection, order: KeepResult) -> None:
    done, new = order.settled, order.recount
    row = (done.id, done.at.isoformat(), done.state, done.reason, json.dumps(done.result))
    db.execute("INSERT OR REPLACE INTO executed (id, at, state, reason, result) VALUES (?, ?, ?, ?, ?)", row)
    db.executemany("DELETE FROM executed WHERE id = ?", [(id_,) for id_ in order.forget])
    if order.instead_of is not None:
        db.execute("DELETE FROM recount WHERE command = ?", (order.instead_of,))
    if new is not None:
        db.execute(
            "INSERT OR REPLACE INTO recount (command, at, by, people, value, state, min, max) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (new.command, new.at.isoformat(), new.by, new.people, new.value, new.state, new.min, new.max),
        )
        db.execute("DELETE FROM recount WHERE number <= (SELECT max(number) FROM recount) - ?", (RECOUNTS_MAX,))
