"""``agent.db``: what must survive a reboot, in SQLite: the connection's number, where the power stood, the conference,
executed commands, human counts, and the rows of the history (``history_rows.py``)."""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from agent.adapters import history_rows
from agent.adapters.files import Reserve
from agent.core.commands import Keep, KeepResult
from agent.core.events import Memory, Recount, Settled

log = logging.getLogger("diemcau.db")

T = TypeVar("T")
Connect = Callable[[Path], Any]

BUSY_S = 1.0
RECOUNTS_MAX = 1000  # one a day for years
FAILURES_MAX = 3  # in a row; each is half a minute after the one before
WAL_MAX_BYTES = 1024 * 1024
FACT = "fact."  # before the names of the core's facts, which must not meet those of this file
TABLES = (
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS executed (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "state TEXT NOT NULL, reason TEXT, result TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS recount (number INTEGER PRIMARY KEY, command TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "by TEXT NOT NULL, people INTEGER NOT NULL, value INTEGER, state TEXT NOT NULL, min INTEGER, max INTEGER) STRICT",
)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class AgentDb:
    """The box's memory. A file that cannot be used is moved aside and a new one begins; with a disk that cannot be
    written the agent goes on from memory, since a room is worth more than a number: rows of the history then go to the
    centre all the same, but survive no restart.

    Thread: any; one lock.

    Args:
        path: The file.
        connect: Opens a database; a test gives one whose disk loses its power.
    """

    def __init__(self, path: Path, connect: Connect | None = None) -> None:
        self._path = path
        self._connect = connect or _connect
        self._lock = threading.Lock()
        self._db: Any = None
        self._is_volatile = False
        self._failures = 0
        self._connection = 0
        self._has_lost = False
        self.began_anew: str | None = None  # why, in one word; None: the file is the one that it was
        self._reserve = Reserve(path.with_name("agent.reserve"))
        # Set by the outbox: told the newest number when rows were written, told of a new file, and asked for room.
        self.on_rows: Callable[[int], None] = lambda newest: None
        self.on_new_file: Callable[[], None] = lambda: None
        self.when_full: Callable[[Any], bool] = lambda db: False

    def start(self) -> None:
        """Open the file, or begin a new one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened()
            self._reserve.make()
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be written: %s; going on from memory", self._path, error)
            self._go_on_from_memory()

    @property
    def is_volatile(self) -> bool:
        """Nothing survives a restart: there is no disk that can be written."""
        return self._is_volatile

    def write(self, job: Callable[[Any], T]) -> T | None:
        """Run ``job`` on the database in one transaction; what it returns once all of it is on disk.

        None: it could not be written. Thread: any.
        """
        with self._lock:
            return self._write(job)

    def read(self, job: Callable[[Any], T], otherwise: T) -> T:
        """Run ``job``, which only reads; ``otherwise`` where nothing can be read. Thread: any."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    return otherwise if self._db is None else job(self._db)
                except sqlite3.Error as error:
                    log.error("%s cannot be read: %s", self._path, error)
                    if attempt == 2 or not self._can_help(getattr(error, "sqlite_errorcode", 0)):
                        break
            return otherwise

    def next_connection(self) -> int:
        """One more than the last number, on disk before it is returned. Thread: any."""
        least = self._connection + 1  # a file that began anew must not count from 1
        number = self.write(lambda db: _increment(db, least))
        with self._lock:
            self._connection = number or least
            return self._connection

    def memory(self) -> Memory:
        """What earlier runs kept; empty where nothing can be read. Thread: any."""
        with self._lock:
            try:
                if self._db is not None and not self._is_volatile:
                    return _memory(self._db)
                return _read_only(self._path) if self._path.is_file() else Memory()
            except (sqlite3.Error, ValueError, TypeError, OSError) as error:
                log.error("%s: executed commands and human counts cannot be read: %s", self._path, error)
                return Memory()

    def keep_result(self, order: KeepResult) -> bool:
        """Write a command's result and what it changed; True when all of it is on disk. Thread: any."""
        done = self.write(lambda db: _keep(db, order))
        return done is not None and not self._is_volatile

    def keep(self, order: Keep) -> bool:
        """Write facts and rows of the history, in one transaction; True once all of it is written. Thread: any.

        Of rows that can be kept in memory only it says True too: they are on their way.
        """
        newest = self.write(lambda db: _keep_history(db, order))
        if newest is not None and order.rows:
            self.on_rows(newest)
        return newest is not None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _write(self, job: Callable[[Any], T]) -> T | None:
        for attempt in (1, 2):
            if self._db is None:
                return None
            try:
                with self._db:
                    done = job(self._db)
                self._failures = 0
                return done
            except UnicodeError as error:  # half a letter, which no file can hold
                log.error("what is to be kept is no text: %s", error)
                return None
            except sqlite3.Error as error:
                log.error("%s cannot be written: %s", self._path, error)
                if attempt == 2 or not self._can_help(getattr(error, "sqlite_errorcode", 0)):
                    break
        self._failures += 1
        if self._failures >= FAILURES_MAX and not self._is_volatile:
            log.error("%s: given up until the next start; going on from memory", self._path)
            self._go_on_from_memory()
        return None

    def _can_help(self, code: int) -> bool:
        """Make it likelier that the next attempt works. The lowest byte of a code is its family."""
        family = code & 0xFF
        if family == sqlite3.SQLITE_FULL:
            return self._reserve.release() | self._made_room()
        if family in DAMAGED and not self._is_volatile:
            self._db.close()
            _move_aside(self._path)  # it opens, and what is in it cannot be believed
            self._begun_anew("disk_damaged")
            return self._reopened()
        if family == sqlite3.SQLITE_IOERR:
            # After a failed fsync nobody knows what is on the disk; a new connection reads what is.
            return self._reopened()
        return False

    def take_loss(self) -> bool:
        """Whether facts that were on disk are there no more, since this was asked last. Thread: any."""
        lost, self._has_lost = self._has_lost, False
        return lost

    def _made_room(self) -> bool:
        try:
            with self._db:
                return self.when_full(self._db)
        except sqlite3.Error as error:
            log.error("no room can be made in %s: %s", self._path, error)
            return False

    def _reopened(self) -> bool:
        try:
            self._db.close()
            self._db = self._opened()
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be opened again: %s", self._path, error)
            self._go_on_from_memory()
        return True

    def _opened(self) -> Any:
        try:
            return _open(self._connect(self._path))
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
                raise  # locked, read-only, full: the file itself is fine
            log.error("%s is damaged (%s): moved aside, a new one begins", self._path, error)
            _move_aside(self._path)
            db = _open(self._connect(self._path))
            self._begun_anew("disk_damaged")
            return db

    def _go_on_from_memory(self) -> None:
        self._is_volatile, self._failures = True, 0
        self._db = _open(sqlite3.connect(":memory:", check_same_thread=False))
        self._begun_anew("disk_failed")

    def _begun_anew(self, why: str) -> None:
        self.began_anew, self._has_lost = why, True
        self.on_new_file()


def _move_aside(path: Path) -> None:
    """Keep the damaged file and its companions to look at; never over an earlier one."""
    number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{n}").exists())
    for companion in ("", "-wal", "-shm"):
        part = path.with_name(path.name + companion)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.damaged-{number}{companion}"))


def _connect(path: Path) -> Any:
    return sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)


def _open(db: Any) -> Any:
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # NORMAL lost committed rows in simulated power cuts
        db.execute(f"PRAGMA journal_size_limit={WAL_MAX_BYTES}")
        with db:
            for table in (*TABLES, *history_rows.TABLES):
                db.execute(table)
    except Exception:
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


def _increment(db: Any, least: int) -> int:
    db.execute(
        "INSERT INTO fact (name, value) VALUES ('connection', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value)",
        (least,),
    )
    return int(db.execute("SELECT value FROM fact WHERE name = 'connection'").fetchone()[0])


def _keep_history(db: Any, order: Keep) -> int:
    facts = [(FACT + name, text) for name, text in order.facts.items()]
    db.executemany("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", facts)
    return history_rows.append(db, order.rows) if order.rows else 0


def _keep(db: Any, order: KeepResult) -> bool:
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
    return True
