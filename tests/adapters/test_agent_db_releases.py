"""agent.db after an upgrade that was taken back: an older release finds what a later one wrote."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters import history_rows, memory_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.agent_file import SCHEMA
from agent.core.commands import Keep, KeepResult
from agent.core.events import Settled
from tests.adapters.test_history_rows import event

DONE = Settled("c1", datetime(2012, 11, 20, 7, 30, tzinfo=UTC), "done", None, None)
# As the first release that an upgrade can go back to made them. A later one may add tables and, by ALTER TABLE, columns
# with a default. Whoever has to change one of these raises agent_file.SCHEMA, and this text.
FACT = "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID"
EXECUTED = (
    "CREATE TABLE IF NOT EXISTS executed (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "state TEXT NOT NULL, reason TEXT, result TEXT NOT NULL) STRICT"
)
RECOUNT = (
    "CREATE TABLE IF NOT EXISTS recount (number INTEGER PRIMARY KEY, command TEXT NOT NULL UNIQUE, at TEXT NOT NULL, "
    "by TEXT NOT NULL, people INTEGER NOT NULL, value INTEGER, state TEXT NOT NULL, min INTEGER, max INTEGER) STRICT"
)
ROW = (
    "CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, at_s REAL NOT NULL, "
    "payload TEXT NOT NULL) STRICT"
)
ACK = "CREATE TABLE IF NOT EXISTS ack (hour INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT"
EPOCH = "CREATE TABLE IF NOT EXISTS epoch (after INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"


def opened(path: Path) -> AgentDb:
    db = AgentDb(path)
    db.start()
    return db


def written(path: Path, *changes: str) -> str:
    """A file with a fact, a command and a row, and what a later release made of it. Returns its epoch."""
    db = opened(path)
    assert db.keep(Keep((event(),), {"power": '"on"'}))
    assert db.keep_result(KeepResult(DONE))
    epoch: str = db.read(history_rows.epoch, "")
    db.close()
    later = sqlite3.connect(path)
    for change in changes:
        later.execute(change)
    later.commit()
    later.close()
    return epoch


def test_the_tables_are_those_that_an_older_release_can_use() -> None:
    assert set(memory_rows.TABLES) >= {FACT, EXECUTED, RECOUNT}, "raise SCHEMA"
    assert set(history_rows.TABLES) >= {ROW, ACK, EPOCH}, "raise SCHEMA"


def test_what_a_later_release_may_add_does_no_harm(tmp_path: Path) -> None:
    added = [
        f"ALTER TABLE {table} ADD COLUMN more TEXT NOT NULL DEFAULT ''" for table in ("executed", "recount", "row")
    ]
    epoch = written(tmp_path / "agent.db", *added, "CREATE TABLE other (name TEXT) STRICT")
    db = opened(tmp_path / "agent.db")
    assert db.memory().facts == {"power": '"on"'}
    assert [each.id for each in db.memory().settled] == ["c1"]
    assert db.keep(Keep((event(),), {}))
    assert (db.read(history_rows.standing, ("", 0, 0))[:2], db.is_volatile) == ((epoch, 2), False)
    db.close()


def test_a_file_that_is_a_later_releases_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    epoch = written(path, f"PRAGMA user_version={SCHEMA + 1}", "DROP TABLE row", "CREATE TABLE rows (seq INTEGER)")
    db = opened(path)
    assert db.is_volatile
    assert db.memory().facts == {"power": '"on"'}, "the room still knows how it stood"
    assert db.keep(Keep((event(),), {"power": '"off"'})), "and rows go on from memory"
    reserve = path.with_name("agent.reserve").stat().st_size
    db.tend()
    assert (db.is_volatile, path.with_name("agent.reserve").stat().st_size) == (True, reserve)
    db.close()
    assert sorted(each.name for each in tmp_path.glob("*damaged*")) == []
    later = sqlite3.connect(path)
    assert later.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone() == (epoch,)
    assert later.execute("SELECT value FROM fact WHERE name = 'fact.power'").fetchone() == ('"on"',)
    later.close()
