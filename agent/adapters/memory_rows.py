"""The core's memory in SQLite: facts, executed commands, human counts. Functions on a database whose transaction the
caller has opened; the rows of the history are ``history_rows.py``'s.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from agent.adapters import history_rows
from agent.core.commands import Keep, KeepResult
from agent.core.events import Memory, Recount, Settled

T = TypeVar("T")

RECOUNTS_MAX = 1000  # one a day for years
BUSY_S = 1.0
READ_ONLY = ("mode=ro", "mode=rw", "mode=ro&immutable=1")
FACT = "fact."  # before the names of the core's facts, which must not meet those of this file
# A release may run on what a later one wrote (``agent_db.py``): tables, and columns with a default, may be added.
TABLES = (
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS executed (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "state TEXT NOT NULL, reason TEXT, result TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS recount (number INTEGER PRIMARY KEY, command TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "by TEXT NOT NULL, people INTEGER NOT NULL, value INTEGER, state TEXT NOT NULL, min INTEGER, max INTEGER) STRICT",
)
COPIED = {
    "executed": "number, id, at, state, reason, result",
    "recount": "number, command, at, by, people, value, state, min, max",
}


def read_only(path: Path, job: Callable[[Any], T], otherwise: T, has_log: bool = False) -> T:
    """What a file tells that cannot be written: on a card that is full or has worn out the room must still know how it
    stood.

    Where the index of its log cannot be made on the card (full), it can in memory, by who has the file for himself; at
    its end SQLite then tries to bring the log into the file. ``immutable`` because on a read-only card the log cannot
    be opened either; what is in that log only is not seen then.
    Source: sqlite.org, "URI filenames", "Read-only WAL-mode databases", "Use of WAL without shared memory".

    Args:
        path: The file.
        job: What reads.
        otherwise: Where nothing can be read.
        has_log: Rather nothing than what the file says without its log.
    """
    address = path.absolute().as_uri()
    for how in READ_ONLY[: 2 if has_log else 3]:
        db = sqlite3.connect(f"{address}?{how}", timeout=BUSY_S, uri=True)
        try:
            if how == "mode=rw":
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
            return job(db)
        except sqlite3.OperationalError:
            continue
        finally:
            db.close()
    return otherwise


def memory(db: Any) -> Memory:
    """All of it. Raises what SQLite raises, and ValueError, TypeError or RecursionError for what nobody can
    read.
    """
    settled = db.execute("SELECT id, at, state, reason, result FROM executed ORDER BY number").fetchall()
    recounts = db.execute(
        "SELECT command, at, by, people, value, state, min, max FROM recount ORDER BY number"
    ).fetchall()
    facts = db.execute("SELECT name, value FROM fact WHERE name LIKE ?", (f"{FACT}%",)).fetchall()
    return Memory(
        tuple(
            Settled(id_, datetime.fromisoformat(at), state, reason, _result(result))
            for id_, at, state, reason, result in settled
        ),
        tuple(Recount(command, datetime.fromisoformat(at), *rest) for command, at, *rest in recounts),
        {name.removeprefix(FACT): str(value) for name, value in facts},
    )


def _result(text: str) -> dict[str, Any] | None:
    result = json.loads(text)
    if result is not None and not isinstance(result, dict):
        raise ValueError("a kept result is no object")
    return result


def copy(source: Any, target: Any) -> None:
    """Bring commands and human counts into another database; the facts the core has itself."""
    for table, columns in COPIED.items():
        for row in source.execute(f"SELECT {columns} FROM {table}").fetchall():  # noqa: S608 # the two above
            places = ", ".join("?" * len(row))
            target.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})", row)  # noqa: S608


def bring_back(source: Any, target: Any, connection: int, is_whole: bool) -> None:
    """What was kept in memory meanwhile goes on in the file: facts, commands, human counts, and the rows that the
    centre has not.

    Args:
        source: The memory.
        target: The file, in whose numbers the rows go on.
        connection: The newest one's number; the file's may be older.
        is_whole: The memory began with the commands and human counts of the file: what it has no more is to go.
    """
    for table, columns in COPIED.items():
        named = columns.removeprefix("number, ")  # the numbers are the file's, and only for the order
        if is_whole:
            target.execute(f"DELETE FROM {table}")  # noqa: S608 # the two above
        for row in source.execute(f"SELECT {named} FROM {table} ORDER BY number").fetchall():  # noqa: S608
            places = ", ".join("?" * len(row))
            target.execute(f"INSERT OR REPLACE INTO {table} ({named}) VALUES ({places})", row)  # noqa: S608
    facts = source.execute("SELECT name, value FROM fact WHERE name LIKE ?", (f"{FACT}%",)).fetchall()
    target.executemany("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", facts)
    target.execute(
        "INSERT INTO fact (name, value) VALUES ('connection', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (connection,),
    )
    history_rows.go_on(source, target)


def connection(db: Any) -> int:
    """The newest connection's number; 0: there was none."""
    return int(db.execute("SELECT coalesce(max(value), 0) FROM fact WHERE name = 'connection'").fetchone()[0])


def increment(db: Any, least: int) -> int:
    """The next connection's number, at least ``least``."""
    db.execute(
        "INSERT INTO fact (name, value) VALUES ('connection', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value)",
        (least,),
    )
    return connection(db)


def keep(db: Any, order: Keep) -> int:
    """Write facts and rows of the history. Returns the newest row's number; 0: there were none."""
    facts = [(FACT + name, text) for name, text in order.facts.items()]
    db.executemany("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", facts)
    return history_rows.append(db, order.rows) if order.rows else 0


def keep_result(db: Any, order: KeepResult) -> bool:
    """Write a command's result and what it changed. Returns True."""
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
