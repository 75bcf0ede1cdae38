"""FAULTS 25, 26, 27, 29, 30: a disk that is full, cannot be written, is damaged, wears out, or may have lost what it
was given. What happens then is told, what can be kept is kept, and nobody waits.
"""

import itertools
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters import agent_db, history_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.files import RESERVE_BYTES
from agent.core.commands import Keep
from tests.adapters.test_history_rows import event, window
from tests.faults.disk_site import Site, details
from tests.faults.power_cut_vfs import Disk

DAY_S = 86_400
WEAR_MAX_BYTES = 20_000_000  # a day


# Full (25)


def fill(site: Site, numbers: Iterator[int], until: Callable[[], bool]) -> None:
    """An event and fifty headcounts each, and now and then what the clock does."""
    while not until():
        number = next(numbers)
        assert site.keep(number)
        assert site.db.keep(Keep(tuple(window(value) for value in range(50))))
        if number % 10 == 0:
            site.db.tend()


def test_on_a_full_disk_headcounts_go_and_events_stay(card: Path) -> None:
    site, reserve = Site(AgentDb(card / "agent.db")), card / "agent.reserve"
    try:
        assert reserve.stat().st_size == RESERVE_BYTES
        numbers = itertools.count()
        fill(site, numbers, lambda: reserve.stat().st_size < RESERVE_BYTES)
        assert reserve.stat().st_size == RESERVE_BYTES // 2
        assert site.out.figures().lost == 0  # which was enough
        fill(site, numbers, lambda: site.out.figures().lost > 0)
        last = next(numbers) + 400
        fill(site, numbers, lambda: next(numbers) >= last)
        newest = site.db.read(history_rows.newest, 0)
        rows = site.sent()
        events = [each["n"] for each in details(rows, "power.changed")]
        gaps = details(rows, "outbox.gap")
        assert {gap["why"] for gap in gaps} == {"outbox_full"}
        assert sum(gap["count"] for gap in gaps) == newest - len(rows)
        assert len(events) == (newest - len(gaps)) // 51
        assert site.db.read(lambda db: db.execute("PRAGMA integrity_check").fetchone(), None) == ("ok",)
    finally:
        site.close()


def test_once_there_is_room_the_reserve_is_there_again(card: Path) -> None:
    site, reserve, other = Site(AgentDb(card / "agent.db")), card / "agent.reserve", card / "somebody's"
    try:
        assert site.keep(0)
        with pytest.raises(OSError, match="No space"):
            other.write_bytes(bytes(4_000_000))
        number = 0
        while reserve.stat().st_size == RESERVE_BYTES:
            number += 1
            assert site.keep(number)
        assert site.out.figures().lost == 0
        site.db.tend()
        assert reserve.stat().st_size == RESERVE_BYTES // 2  # what is left now is the rows'
        other.unlink()
        site.db.tend()
        assert reserve.stat().st_size == RESERVE_BYTES
        assert [row["seq"] for row in site.sent()] == list(range(1, number + 2))
    finally:
        site.close()


@pytest.mark.parametrize("free", range(4))
def test_without_room_for_another_file_the_agent_is_up_and_rows_are_on_their_way(crowded: Path, free: int) -> None:
    for number in range(10 - free):
        (crowded / f"somebody's-{number}").touch()
    site = Site(AgentDb(crowded / "agent.db"))
    try:
        assert any(site.keep(1) for _ in range(agent_db.FAILURES_MAX + 1))
        site.db.tend()
        assert details(site.sent(), "power.changed") == [{"n": 1}]
        assert site.db.is_volatile == (free < 3)  # the file, its log, and the memory of that; the reserve can wait
    finally:
        site.close()


# Not to be written (26), and not to be relied on (30)


def test_a_disk_that_has_become_read_only_costs_the_memory_not_the_rows(disk: Disk, tmp_path: Path) -> None:
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert site.keep(1)
    disk.write_fails = True
    failures = 0
    while not site.keep(2):  # the core holds it, and asks again half a minute later
        failures += 1
    assert (failures, site.db.is_volatile) == (agent_db.FAILURES_MAX, True)
    assert site.keep(3)
    rows = site.sent()
    assert [each["n"] for each in details(rows, "power.changed")] == [2, 3]
    assert [each["why"] for each in details(rows, "outbox.gap")] == ["disk_failed"]
    disk.write_fails = False
    disk.lose(random.Random(1))  # and after the next boot what was on the disk is there
    again = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert details(again.sent(), "power.changed") == [{"n": 1}]
    site.out.close()
    again.close()


def test_for_a_moment_it_costs_nothing(disk: Disk, tmp_path: Path) -> None:
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    assert site.keep(1)
    disk.write_fails = True
    assert not site.keep(2)
    assert details(site.sent(), "power.changed") == [{"n": 1}]  # what is there can be read meanwhile
    disk.write_fails = False
    assert site.keep(2)
    assert (site.db.is_volatile, site.db.began_anew) == (False, None)
    assert details(site.sent(), "power.changed") == [{"n": 2}]
    site.close()


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_after_a_sync_that_failed_is_there_after_a_power_cut(
    disk: Disk, tmp_path: Path, seed: int
) -> None:
    """The kernel takes what it could not write for written: a log that goes on behind such a hole ends there."""
    chance = random.Random(seed)
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    kept = []
    for number in range(60):
        disk.sync_fails = number % 20 == 10 or (number % 20 == 11 and chance.random() < 0.5)
        if site.keep(number):
            kept.append(number)
        disk.sync_fails = False
    assert not site.db.is_volatile
    assert len(kept) >= 50
    disk.lose(chance)
    again = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    found = [each["n"] for each in details(again.sent(), "power.changed")]
    assert set(kept) <= set(found)
    assert again.db.began_anew is None
    site.out.close()
    again.close()


# Damaged (27)

ROWS = 400


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box's files as a power cut leaves them: part of it in the file, part in the log."""
    live, left = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("sound")
    db = AgentDb(live / "agent.db")
    db.start()
    for number in range(ROWS // 4):
        db.keep(Keep((event({"n": number, "text": "x" * 300}), *(window(value) for value in range(3)))))
        if number == ROWS // 8:
            db.write(lambda real: None)
            with sqlite3.connect(live / "agent.db") as other:
                other.execute("PRAGMA wal_checkpoint")
            other.close()
    for name in ("agent.db", "agent.db-wal"):
        shutil.copy(live / name, left / name)
    db.close()
    return left


def zeroed(raw: bytearray, at: int, length: int, noise: bytes) -> bytearray:
    raw[at : at + length] = bytes(len(raw[at : at + length]))
    return raw


def scrambled(raw: bytearray, at: int, length: int, noise: bytes) -> bytearray:
    piece = raw[at : at + length]
    raw[at : at + length] = (noise * (len(piece) // len(noise) + 1))[: len(piece)]
    return raw


def cut_off(raw: bytearray, at: int, length: int, noise: bytes) -> bytearray:
    return raw[:at]


def longer(raw: bytearray, at: int, length: int, noise: bytes) -> bytearray:
    return raw + noise * (1 + length // len(noise))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["agent.db", "agent.db", "agent.db-wal"]),
    damage=st.sampled_from([zeroed, scrambled, cut_off, longer]),
    where=st.floats(0, 1),
    length=st.sampled_from([1, 16, 100, 512, 4096, 65_536, 10**7]),
    noise=st.binary(min_size=1, max_size=64),
    is_page=st.booleans(),
)
def test_whatever_is_damaged_the_agent_is_up_and_what_is_new_is_kept_and_sent(
    sound: Path,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    damage: Any,
    where: float,
    length: int,
    noise: bytes,
    is_page: bool,
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    for each in sound.iterdir():
        shutil.copy(each, folder)
    raw = bytearray((folder / name).read_bytes())
    at = int(where * len(raw)) // (4096 if is_page else 1) * (4096 if is_page else 1)
    (folder / name).write_bytes(damage(raw, at, length, noise))
    _lives(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent.db", b""),
        ("agent.db", None),
        ("agent.db-wal", b""),
        ("agent.db-wal", None),
        ("agent.db", b"\0" * 40_960),
        ("agent.db", b"SQLite format 3\0"),
    ],
)
def test_a_file_that_is_empty_or_gone(sound: Path, tmp_path: Path, name: str, text: bytes | None) -> None:
    for each in sound.iterdir():
        shutil.copy(each, tmp_path)
    (tmp_path / name).unlink()
    if text is not None:
        (tmp_path / name).write_bytes(text)
    _lives(tmp_path)


def _lives(folder: Path) -> None:
    site = Site(AgentDb(folder / "agent.db"))
    site.db.memory()
    first = site.db.next_connection()
    site.sent()
    assert site.keep(1_000_001)
    newest = site.db.read(history_rows.newest, 0)
    assert site.keep(1_000_002)
    assert site.db.read(history_rows.newest, 0) == newest + 1
    site.out.connected()
    site.ack(0)  # the centre is there, and has nothing
    rows = site.sent()
    assert [each for each in details(rows, "power.changed") if each.get("n", 0) > 10**6] == [
        {"n": 1_000_001},
        {"n": 1_000_002},
    ]
    is_new = site.db.read(lambda db: history_rows.following(db, 0, 1), [])[0].seq == 1 and len(rows) < ROWS
    aside = list(folder.glob("*damaged*"))
    assert not aside or is_new
    if aside:
        assert "disk_damaged" in [each["why"] for each in details(rows, "outbox.gap")]
    assert not site.db.is_volatile
    assert site.db.next_connection() == first + 1
    site.out._write_down()
    site.out._make_room()
    site.close()


# Worn out (29)


def test_a_day_of_rows_does_not_wear_the_card_out(disk: Disk, tmp_path: Path) -> None:
    """Each minute a window and an acknowledgement, now and then an event: bytes and syncs of a day."""
    site = Site(AgentDb(tmp_path / "agent.db", disk.connect))
    for minute in range(DAY_S // 60):
        assert site.db.keep(Keep((window(minute % 300),)))
        if minute % 24 == 0:
            assert site.keep(minute)
        site.sent()
        site.ack(site.out.figures().rows + site.out._delivery.upto)
        site.db.tend()
        if minute % 5 == 0:
            site.out._write_down()
            site.out._forget()
    site.out._make_room()
    print(f"a day: {disk.written_bytes / 1e6:.1f} MB in {disk.syncs} syncs")
    assert disk.written_bytes < WEAR_MAX_BYTES
    assert disk.syncs / (DAY_S / 60) < 2
    site.close()
