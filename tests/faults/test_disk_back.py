"""FAULTS 25, 26, 30: a disk that was full or had failed, and is back: what was kept meanwhile goes on there."""

import os
import random
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.adapters import history_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.agent_file import connect
from agent.adapters.files import RESERVE_BYTES
from agent.core.commands import Keep, KeepResult
from agent.core.events import Settled
from tests.adapters.test_history_rows import AT, event
from tests.faults.disk_site import Site, details
from tests.faults.power_cut_vfs import Disk


def crammed(folder: Path) -> Path:
    """Fill the file system of a folder to the last byte; gives what is to be deleted."""
    somebodys = folder / "somebody's"
    with somebodys.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))
    return somebodys


def killed(site: Site) -> None:
    """As after a power cut: the log is there, its index is not."""
    site.out.close()
    path = site.db._path
    parts = {part: part.read_bytes() for part in (path, path.with_name("agent.db-wal"))}
    site.db.close()
    for part, raw in parts.items():
        part.write_bytes(raw)


def test_a_start_on_a_full_disk_has_room_for_its_file_from_the_reserve(card: Path) -> None:
    site = Site(AgentDb(card / "agent.db"))
    assert site.keep(1)
    killed(site)
    crammed(card)
    again = Site(AgentDb(card / "agent.db"))
    try:
        assert not again.db.is_volatile
        assert again.db.memory().facts == {"power": "[1]"}
        assert again.keep(2)
        assert details(again.sent(), "power.changed") == [{"n": 1}, {"n": 2}]
    finally:
        again.close()


def test_a_start_on_a_disk_without_any_room_knows_what_was_kept_and_goes_on_there_once_there_is_some(
    card: Path,
) -> None:
    site = Site(AgentDb(card / "agent.db"))
    assert site.keep(1)
    assert site.db.keep_result(settled("long ago"))
    assert site.db.keep_result(settled("earlier"))
    assert site.db.next_connection() == 1
    epoch = site.db.read(history_rows.standing, None)
    killed(site)
    (card / "agent.reserve").unlink()
    somebodys = crammed(card)
    again = Site(AgentDb(card / "agent.db"))
    returns: list[bool] = []
    again.db.on_return = lambda: returns.append(True)
    try:
        assert again.db.is_volatile
        assert again.db.memory().facts == {"power": "[1]"}  # which only the log has
        assert [each.id for each in again.db.memory().settled] == ["long ago", "earlier"]
        assert again.keep(2)
        assert again.db.next_connection() == 2  # a centre takes a lower one for an earlier life
        again.db.keep_result(settled("meanwhile", forget=("long ago",)))
        again.db.tend()
        assert (again.db.is_volatile, returns) == (True, [])
        somebodys.unlink()
        again.db.tend()
        assert (again.db.is_volatile, returns) == (False, [True])
        assert again.db.memory().facts == {"power": "[2]"}
        assert again.keep(3)
        assert details(again.sent(), "power.changed") == [{"n": 1}, {"n": 2}, {"n": 3}]
        assert epoch is not None
        assert again.db.read(history_rows.standing, ("", 0, 0))[0] == epoch[0]
    finally:
        again.close()
    last = AgentDb(card / "agent.db")
    last.start()
    assert [each.id for each in last.memory().settled] == ["earlier", "meanwhile"]
    assert last.next_connection() == 3
    last.close()


def settled(id_: str, forget: tuple[str, ...] = ()) -> KeepResult:
    return KeepResult(Settled(id_, AT, "done"), forget=forget)


def test_once_it_can_be_written_again_what_came_meanwhile_goes_on_there(disk: Disk, tmp_path: Path) -> None:
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert site.keep(1)
    numbers = [site.db.next_connection()]
    disk.write_fails = True
    while not site.keep(2):
        pass
    numbers.append(site.db.next_connection())
    assert site.keep(3)
    assert site.keep(4)
    assert [each["n"] for each in details(site.sent(), "power.changed")] == [2, 3, 4]
    site.ack(3)  # the note of the failure has a number too
    site.out._write_down()
    site.db.tend()
    assert site.db.is_volatile
    disk.write_fails = False
    site.db.tend()
    assert not site.db.is_volatile
    assert details(site.sent(), "power.changed") == [{"n": 1}, {"n": 4}]  # the outbox goes by this file now
    disk.lose(random.Random(1))
    again = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert again.db.memory().facts == {"power": "[4]"}
    assert details(again.sent(), "power.changed") == [{"n": 1}, {"n": 4}]
    assert again.db.next_connection() > max(numbers)
    site.out.close()
    again.close()


@pytest.mark.parametrize("seed", range(20))
def test_what_a_failing_disk_has_of_it_when_it_is_back_is_there_after_a_power_cut(
    disk: Disk, tmp_path: Path, seed: int
) -> None:
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert site.keep(1)
    disk.sync_fails = True
    number = 2
    while not site.db.is_volatile:
        number += 1
        site.keep(number)
    assert site.keep(number + 1)
    disk.sync_fails = False
    while site.db.is_volatile:
        site.db.tend()
    assert site.keep(number + 2)
    disk.lose(random.Random(seed))
    again = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert again.db.memory().facts == {"power": f"[{number + 2}]"}
    found = [each["n"] for each in details(again.sent(), "power.changed")]
    assert found[0] == 1
    assert found[-2:] == [number + 1, number + 2]
    assert again.db.began_anew is None
    site.out.close()
    again.close()


class Refusing:
    """Opens no database as long as it is told so; then the real one."""

    def __init__(self) -> None:
        self.is_refusing = True

    def connect(self, path: Path) -> Any:
        if self.is_refusing:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
            raise error
        return connect(path)


def test_a_file_that_is_damaged_meanwhile_is_moved_aside(tmp_path: Path) -> None:
    path, disk = tmp_path / "agent.db", Refusing()
    first = AgentDb(path)
    first.start()
    for _ in range(20):
        assert first.keep(Keep(tuple(event({"n": 0}) for _ in range(20))))
    first.close()
    site = Site(AgentDb(path, disk.connect))
    assert site.keep(1)
    raw = bytearray(path.read_bytes())
    raw[4096 : len(raw) // 2] = b"\xa5" * (len(raw) // 2 - 4096)  # its head is whole
    path.write_bytes(raw)
    disk.is_refusing = False
    for _ in range(2):
        site.db.tend()
    assert (site.db.is_volatile, site.db.began_anew) == (False, "disk_damaged")
    assert (tmp_path / "agent.db.damaged-1").exists()
    assert details(site.sent(), "power.changed") == [{"n": 1}]
    site.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a file system read-only")
def test_what_a_read_only_card_did_not_tell_is_still_there_once_it_can_be_written(card: Path) -> None:
    site = Site(AgentDb(card / "agent.db"))
    assert site.db.keep_result(settled("in the file"))
    site.db.write(lambda db: None)
    site.db._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert site.db.keep_result(settled("in the log"))
    killed(site)
    subprocess.run(["mount", "-o", "remount,ro", card], check=True)
    again = Site(AgentDb(card / "agent.db"))
    try:
        assert again.db.is_volatile
        again.db.keep_result(settled("meanwhile"))
        subprocess.run(["mount", "-o", "remount,rw", card], check=True)
        again.db.tend()
        assert not again.db.is_volatile
        kept = again.db.read(lambda db: db.execute("SELECT id FROM executed ORDER BY number").fetchall(), [])
        assert {id_ for (id_,) in kept} == {"in the file", "in the log", "meanwhile"}
    finally:
        again.close()


def test_the_reserve_is_not_spent_on_a_disk_that_is_not_full(tmp_path: Path) -> None:
    Site(AgentDb(tmp_path / "agent.db")).close()
    again = Site(AgentDb(tmp_path / "agent.db", Refusing().connect))
    again.db.tend()
    assert again.db.is_volatile
    assert (tmp_path / "agent.reserve").stat().st_size == RESERVE_BYTES
    again.close()


def test_a_disk_that_fails_over_and_over_is_left_alone_longer_each_time(disk: Disk, tmp_path: Path) -> None:
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    looks = []
    for _ in range(4):
        disk.write_fails = True
        while not site.keep(1):
            pass
        disk.write_fails = False
        looks.append(0)
        while site.db.is_volatile:
            site.db.tend()
            looks[-1] += 1
    assert looks == [2, 3, 5, 9]
    site.close()
