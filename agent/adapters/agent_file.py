"""The agent's database as a file: how it is opened, what becomes of a damaged one, and what its errors mean."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.adapters import history_rows, memory_rows
from agent.adapters.files import free_bytes
from agent.adapters.memory_rows import BUSY_S

WAL_MAX_BYTES = 1024 * 1024
CHECKPOINT_PAGES = 128  # on a full disk the reserve has to hold what a checkpoint adds to the file
DAMAGED_KEPT = 2  # files of up to 64 MB, for who wants to look
# An upgrade that is taken back leaves the file to an older release. So a later one only adds tables, and columns with a
# default; one that has to change more writes a higher number, and an older release then leaves the file alone.
SCHEMA = 0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
CROWDED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)  # what a full disk may look like
CROWDED_BYTES = 256 * 1024  # as good as full: SQLite wants 32 kB for the index of its log


def family(error: Exception) -> int:
    """The kind of an error, which is the lowest byte of SQLite's code; 0: it is none of SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_damage(error: Exception) -> bool:
    """Whether what is in the file cannot be believed."""
    return family(error) in DAMAGED


def is_for_want_of_room(error: Exception, path: Path) -> bool:
    """Whether a file cannot be opened because its disk is full, which SQLite has several words for."""
    kind = family(error)
    return kind == sqlite3.SQLITE_FULL or (kind in CROWDED and free_bytes(path.parent) < CROWDED_BYTES)


def move_aside(path: Path) -> None:
    """Keep the damaged file and its companions to look at; never over an earlier one, of which the oldest go."""
    earlier: dict[int, list[Path]] = {}
    for part in path.parent.glob(f"{path.name}.damaged-*"):
        digits = part.name.removeprefix(f"{path.name}.damaged-").partition("-")[0]
        if digits.isdecimal():
            earlier.setdefault(int(digits), []).append(part)
    new = 1 + max(earlier, default=0)
    for companion in ("", "-wal", "-shm"):
        part = path.with_name(path.name + companion)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.damaged-{new}{companion}"))
    for number in sorted(earlier)[: -(DAMAGED_KEPT - 1)]:
        for part in earlier[number]:
            with suppress(OSError):
                part.unlink()


def connect(path: Path) -> Any:
    """SQLite's own way to it. Raises sqlite3.Error."""
    db = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    db.text_factory = lambda raw: raw.decode(errors="replace")  # a damaged letter must not keep back all rows after it
    return db


def open_database(db: Any) -> Any:
    """What a connection needs before it is used: how it is written, and its tables. Raises sqlite3.Error: closed."""
    try:
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        if schema > SCHEMA:
            raise sqlite3.OperationalError(f"a later release wrote it (schema {schema}, this one knows {SCHEMA})")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # NORMAL lost committed rows in simulated power cuts
        db.execute(f"PRAGMA journal_size_limit={WAL_MAX_BYTES}")
        db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        with db:
            for table in (*memory_rows.TABLES, *history_rows.TABLES):
                db.execute(table)
    except Exception:
        db.close()
        raise
    return db
