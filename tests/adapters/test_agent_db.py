"""What must survive: the number of the last connection, executed commands, human counts."""

import os
import sqlite3
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters import agent_db, history_rows, memory_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.history_rows import StoredRow
from agent.core.commands import Keep, KeepResult
from agent.core.contract import HistoryEvent, decode
from agent.core.events import Memory, Recount, Settled

AT = datetime(2012, 11, 20, 7, 30, 0, 123456, tzinfo=UTC)


def opened(path: Path) -> AgentDb:
    db = AgentDb(path)
    db.start()
    return db


def test_the_connection_number_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path / "agent.db")
    assert [first.next_connection() for _ in range(3)] == [1, 2, 3]
    first.close()
    again = opened(tmp_path / "agent.db")
    assert again.next_connection() == 4
    again.close()


def test_it_is_on_disk_before_it_is_returned(tmp_path: Path) -> None:
    first = opened(tmp_path / "agent.db")
    number = first.next_connection()
    other = opened(tmp_path / "agent.db")  # as after a kill -9: the first one was never closed
    assert other.next_connection() == number + 1
    other.close()
    first.close()


def test_a_damaged_file_is_moved_aside_and_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    path.write_bytes(b"this is no database" * 100)
    db = opened(path)
    assert db.next_connection() == 1
    db.close()
    assert (tmp_path / "agent.db.damaged-1").read_bytes().startswith(b"this is no database")


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    for number in (1, 2):
        path.write_bytes(b"this is no database, number %d" % number * 100)
        opened(path).close()
    kept = [(tmp_path / f"agent.db.damaged-{number}").read_bytes() for number in (1, 2)]
    assert [each[:30] for each in kept] == [b"this is no database, number 1t", b"this is no database, number 2t"]


def test_of_damaged_files_the_newest_two_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    for number in range(1, 5):
        path.write_bytes(b"this is no database, number %d" % number * 100)
        opened(path).close()
    assert sorted(each.name for each in tmp_path.glob("*.damaged-*")) == ["agent.db.damaged-3", "agent.db.damaged-4"]


def test_a_file_that_somebody_else_holds_is_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    opened(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    db = opened(path)
    assert db.next_connection() == 1  # from memory
    db.close()
    holder.execute("ROLLBACK")
    holder.close()
    assert sorted(each.name for each in tmp_path.iterdir() if "damaged" in each.name) == []


def test_a_folder_that_cannot_be_written_costs_the_memory_not_the_agent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    db = opened(tmp_path / "file" / "agent.db")
    assert [db.next_connection(), db.next_connection()] == [1, 2]
    db.close()


def test_threads_never_get_the_same_number(tmp_path: Path) -> None:
    db = opened(tmp_path / "agent.db")
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(db.next_connection() for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.close()
    assert sorted(numbers) == list(range(1, 81))


def done(number: int) -> Settled:
    return Settled(f"id-{number}", AT + timedelta(seconds=number), "done", None, {"people": number, "ai": "Chí Linh"})


def recount(number: int, value: int | None = 7) -> Recount:
    at = AT + timedelta(seconds=number)
    return Recount(f"id-{number}", at, "ông An", number, value, "ok", None if value is None else 5, value)


def test_results_and_recounts_come_back_as_they_were_in_order(tmp_path: Path) -> None:
    first = opened(tmp_path / "agent.db")
    assert first.memory() == Memory()
    assert first.keep_result(KeepResult(done(2), recount(2)))
    assert first.keep_result(KeepResult(done(1), recount(1, value=None)))
    again = opened(tmp_path / "agent.db")  # as after a kill -9: the first one was never closed
    assert again.memory() == Memory((done(2), done(1)), (recount(2), recount(1, value=None)))
    again.close()
    first.close()


def test_what_is_to_be_forgotten_or_taken_back_is_gone_for_good(tmp_path: Path) -> None:
    db = opened(tmp_path / "agent.db")
    for number in (1, 2):
        assert db.keep_result(KeepResult(done(number), recount(number)))
    assert db.keep_result(KeepResult(done(3), recount(3), instead_of="id-2", forget=("id-1",)))
    db.close()
    again = opened(tmp_path / "agent.db")
    assert again.memory() == Memory((done(2), done(3)), (recount(1), recount(3)))
    again.close()


def test_human_counts_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_rows, "RECOUNTS_MAX", 3)
    db = opened(tmp_path / "agent.db")
    for number in range(6):
        assert db.keep_result(KeepResult(done(number), recount(number)))
    assert [each.people for each in db.memory().recounts] == [3, 4, 5]
    db.close()


def test_what_cannot_be_written_is_said_and_leaves_no_half(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = opened(tmp_path / "file" / "agent.db")
    assert not nowhere.keep_result(KeepResult(done(1)))
    assert nowhere.memory() == Memory()
    db = opened(tmp_path / "agent.db")
    broken = Recount("id-1", AT, None, 1, 1, "ok", 1, 1)  # type: ignore[arg-type] # a row that the table refuses
    assert not db.keep_result(KeepResult(done(1), broken))
    assert db.memory() == Memory()
    db.close()


@pytest.mark.parametrize("result", ["{", "[]", "[" * 100_000])
def test_rows_that_nobody_can_read_cost_the_memory_not_the_agent(tmp_path: Path, result: str) -> None:
    path = tmp_path / "agent.db"
    db = opened(path)
    assert db.keep_result(KeepResult(done(1)))
    db.close()
    with sqlite3.connect(path) as by_hand:
        by_hand.execute("UPDATE executed SET result = ?", (result,))
    by_hand.close()
    again = opened(path)
    assert again.memory() == Memory()
    assert again.next_connection() == 1
    again.close()


def test_a_file_of_the_version_before_gets_its_new_tables(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE fact (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID")
        old.execute("INSERT INTO fact VALUES ('connection', 41)")
    old.close()
    db = opened(path)
    assert db.next_connection() == 42
    assert db.keep_result(KeepResult(done(1)))
    db.close()


# Facts and events


def event(kind: str = "power.changed") -> HistoryEvent:
    facts = {"at": AT, "session": "s", "clock": "synced", "boot_id": "b", "uptime_s": 1.5, "detail": {"state": "on"}}
    return HistoryEvent.model_validate({**facts, "kind": kind, "severity": "info", "by": "button"})


def test_facts_are_there_again_and_the_newest_counts(tmp_path: Path) -> None:
    first = opened(tmp_path / "agent.db")
    assert first.memory().facts == {}
    first.keep(Keep(facts={"power": '{"state": "on"}', "conference": "null"}))
    first.keep(Keep(facts={"power": '{"state": "off"}'}))
    again = opened(tmp_path / "agent.db")  # as after a kill -9
    assert again.memory().facts == {"power": '{"state": "off"}', "conference": "null"}
    assert again.next_connection() == 1  # no fact of the core meets one of the file's own
    for db in (first, again):
        db.close()


def rows(db: AgentDb) -> list[StoredRow]:
    return db.read(lambda real: history_rows.following(real, 0, 1000), [])


def test_rows_get_one_epoch_and_a_sequence_without_gaps_that_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path / "agent.db")
    told: list[int] = []
    first.on_rows = told.append
    assert first.keep(Keep((event(), event("button.refused"))))
    assert first.keep(Keep((event(),)))
    assert first.keep(Keep(facts={"power": "{}"}))
    assert told == [2, 3]
    first.close()
    again = opened(tmp_path / "agent.db")
    assert again.keep(Keep((event(),)))
    kept = rows(again)
    again.close()
    assert [(row.seq, row.topic) for row in kept] == [(seq, "history/event") for seq in (1, 2, 3, 4)]
    events = [decode(HistoryEvent, row.payload.encode()) for row in kept]
    assert [each.seq for each in events] == [1, 2, 3, 4]
    assert len({each.epoch for each in events}) == 1
    assert len(events[0].epoch) == 36
    assert events[1].kind == "button.refused"


def test_a_damaged_file_begins_a_new_epoch(tmp_path: Path) -> None:
    epochs = []
    for _ in range(2):
        db = opened(tmp_path / "agent.db")
        assert db.keep(Keep((event(),)))
        epochs += [decode(HistoryEvent, row.payload.encode()).epoch for row in rows(db)]
        db.close()
        (tmp_path / "agent.db").write_bytes(b"this is no database" * 100)
    assert len(set(epochs)) == 2


def test_facts_and_rows_come_together_or_not_at_all(tmp_path: Path) -> None:
    db = opened(tmp_path / "agent.db")
    with sqlite3.connect(tmp_path / "agent.db") as other:
        other.execute("DROP TABLE row")
    other.close()
    assert not db.keep(Keep((event(),), {"power": "{}"}))
    assert db.memory().facts == {}
    db.close()


def test_without_a_disk_nothing_survives_and_rows_are_on_their_way_all_the_same(tmp_path: Path) -> None:
    db = AgentDb(tmp_path / "file" / "agent.db")
    (tmp_path / "file").write_text("in the way")
    db.start()
    assert db.is_volatile
    assert db.keep(Keep((event(),), {"power": "{}"}))
    assert [row.seq for row in rows(db)] == [1]
    assert not db.keep_result(KeepResult(Settled("c-1", AT, "done")))
    assert db.memory() == Memory()
    db.close()


def test_a_disk_that_fails_again_and_again_is_given_up(tmp_path: Path) -> None:
    db = opened(tmp_path / "agent.db")
    renewed: list[bool] = []
    db.on_new_file = lambda: renewed.append(True)
    with sqlite3.connect(tmp_path / "agent.db") as other:
        other.execute("ALTER TABLE row RENAME TO gone")
    other.close()
    assert [db.keep(Keep((event(),))) for _ in range(agent_db.FAILURES_MAX)] == [False] * agent_db.FAILURES_MAX
    assert renewed == [True]
    assert db.is_volatile
    assert db.keep(Keep((event(),)))
    db.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a file system read-only")
def test_on_a_card_that_can_only_be_read_the_room_still_knows_how_it_stood(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "diemcau-test", card], capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    try:
        first = opened(card / "agent.db")
        first.keep(Keep(facts={"power": '{"state": "on"}'}))
        first.close()
        subprocess.run(["mount", "-o", "remount,ro", card], check=True)
        again = opened(card / "agent.db")
        assert again.memory().facts == {"power": '{"state": "on"}'}
        assert again.keep(Keep(facts={"power": "{}"}))
        assert again.is_volatile
        again.close()
    finally:
        subprocess.run(["umount", card], check=True)


def test_a_page_that_is_damaged_is_met_by_reading_and_a_new_file_begins(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    first = opened(path)
    assert first.next_connection() == 1
    for _ in range(20):
        assert first.keep(Keep(tuple(event() for _ in range(100))))
    first.close()
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2 // 4096 * 4096
    raw[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(raw)
    db = opened(path)
    assert db.next_connection() == 2
    renewed: list[bool] = []
    db.on_new_file = lambda: renewed.append(True)
    assert rows(db) == []  # of the new file, which has none
    assert (renewed, db.began_anew, db.is_volatile) == ([True], "disk_damaged", False)
    assert db.take_loss()
    assert not db.take_loss()
    assert db.keep(Keep((event(),), {"power": "{}"}))
    assert [row.seq for row in rows(db)] == [1]
    assert db.next_connection() == 3  # a centre takes a lower one for an earlier life
    assert (tmp_path / "agent.db.damaged-1").exists()
    db.close()


def test_commands_and_human_counts_are_in_the_new_file_too_when_a_damaged_one_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    first = opened(path)
    assert first.keep_result(KeepResult(done(1), recount(1)))
    assert first.keep_result(KeepResult(done(2)))
    first.close()
    db = opened(path)
    assert [each.id for each in db.memory().settled] == ["id-1", "id-2"]
    assert db.keep_result(KeepResult(done(3), recount(3), forget=("id-2",)))
    damage(path)
    assert db.keep_result(KeepResult(done(4)))
    assert db.began_anew == "disk_damaged"
    db.close()
    again = opened(path)
    assert again.memory() == Memory((done(1), done(3), done(4)), (recount(1), recount(3)))
    again.close()


def damage(path: Path) -> None:
    """As a card that has lost its pages, under a database that is open."""
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with path.open("r+b") as file:
        file.write(b"\xa5" * path.stat().st_size)


def test_a_log_that_has_grown_is_brought_into_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_db, "WAL_MAX_BYTES", 100_000)
    db = opened(tmp_path / "agent.db")
    log_file = tmp_path / "agent.db-wal"
    assert db.keep(Keep((event(),)))
    db.tend()
    assert log_file.stat().st_size > 0  # each time costs the card: not before there is something to be had
    while log_file.stat().st_size <= 100_000:
        assert db.keep(Keep(tuple(event() for _ in range(10))))
    db.tend()
    assert log_file.stat().st_size == 0
    db.close()


def test_a_reader_that_holds_the_log_is_told_once_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agent_db, "WAL_MAX_BYTES", 100_000)
    db = opened(tmp_path / "agent.db")
    log_file = tmp_path / "agent.db-wal"
    for _ in range(2):
        assert db.keep(Keep((event(),)))
        reader = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM row").fetchall()
        for _ in range(30):
            assert db.keep(Keep(tuple(event() for _ in range(10))))
            db.tend()
        assert log_file.stat().st_size > 100_000
        assert caplog.text.count("is reading") == 1
        reader.close()
        db.tend()
        assert log_file.stat().st_size == 0
        caplog.clear()
    db.close()


def test_a_damaged_file_that_cannot_be_moved_aside_costs_the_memory_not_the_agent(tmp_path: Path) -> None:
    """As on a card that has become read-only: here it is the longer name that no file may have."""
    path = tmp_path / ("x" * 243 + ".db")
    db = opened(path)
    assert db.keep(Keep(tuple(event() for _ in range(100))))
    damage(path)
    assert rows(db) == []
    assert (db.is_volatile, db.began_anew) == (True, "disk_failed")
    assert db.keep(Keep((event(),)))
    assert [row.seq for row in rows(db)] == [1]
    db.close()
