"""What must survive: the number of the last connection."""

import sqlite3
import threading
from pathlib import Path

from agent.adapters.agent_db import AgentDb


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
