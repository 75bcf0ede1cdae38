"""``agent.db``: what must survive a reboot, in SQLite. So far one fact, the number of the last connection."""

import logging
import sqlite3
import threading
from pathlib import Path

log = logging.getLogger("diemcau.db")

BUSY_S = 1.0
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

    def next_connection(self) -> int:
        """One more than the last number, on disk before it is returned. Thread: any."""
        with self._lock:
            try:
                self._connection = self._increment()
            except sqlite3.Error as error:
                log.error("the connection's number cannot be kept: %s", error)
                self._connection += 1
            return self._connection

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
        db.execute("CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID")
        db.commit()
    except sqlite3.Error:
        db.close()
        raise
    return db
