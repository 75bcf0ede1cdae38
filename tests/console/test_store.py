"""agent/console/store.py on SQLite and on a real PostgreSQL: once, in order, and dated right."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from agent.console.store import EPOCHS_MAX, ROW, Row, Store
from agent.core.contract import HistoryEvent, HistoryHeadcount, encode

AT = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
EPOCH = "11111111-2222-4333-8444-555555555555"


def common(seq: int, at: datetime = AT, **changes: Any) -> dict[str, Any]:
    facts = {"at": at, "session": "s", "clock": "synced", "epoch": EPOCH, "seq": seq, "boot_id": "b", "uptime_s": 100.0}
    return {**facts, "historical": False, **changes}


def event(seq: int, site: str = "nam-sach", kind: str = "power.changed", detail: Any = None, **changes: Any) -> Row:
    payload = HistoryEvent(**common(seq, **changes), kind=kind, severity="info", by="button", detail=detail or {})
    return Row(site, "history/event", payload, encode(payload).decode(), 0.0)


def window(seq: int, value: int | None = 7, site: str = "nam-sach", **changes: Any) -> Row:
    facts = common(seq, **changes)
    at: datetime = facts["at"]
    counted = {"value": value, "min": value, "max": value, "people_minutes": 7.0, "samples": 30, "unknown_s": 0.0}
    payload = HistoryHeadcount(**facts, from_=at - timedelta(seconds=60), to=at, **counted, conference="hn-1")  # type: ignore[arg-type]
    return Row(site, "history/headcount", payload, encode(payload).decode(), 0.0)


def rows(store: Store, *columns: str) -> list[Any]:
    with store._engine.connect() as db:
        wanted = [ROW.c[name] for name in columns]
        return [tuple(each) for each in db.execute(select(*wanted).order_by(ROW.c.site, ROW.c.epoch, ROW.c.seq))]


def here(store: Store) -> list[tuple[int, int]]:
    ((_, _, found),) = store.look([("nam-sach", EPOCH)])
    return found


def test_what_comes_twice_is_there_once(store: Store) -> None:
    assert store.write([event(1), window(2)]) == {("nam-sach", EPOCH)}
    store.write([event(1), window(2), event(3), event(3)])
    store.write([])
    assert rows(store, "seq", "topic", "kind", "value", "conference") == [
        (1, "history/event", "power.changed", None, None),
        (2, "history/headcount", None, 7, "hn-1"),
        (3, "history/event", "power.changed", None, None),
    ]


def test_sites_and_epochs_do_not_meet(store: Store) -> None:
    store.write([event(1), event(1, site="chi-linh"), event(1, epoch="another")])
    assert len(rows(store, "seq")) == 3
    keys = {("nam-sach", EPOCH), ("chi-linh", EPOCH), ("nam-sach", "another")}
    store.remember([(key, 1) for key in keys])
    assert set(store.keys()) == keys


def test_a_site_that_makes_up_epochs_is_none_that_waits_for_an_answer(store: Store) -> None:
    made_up = [("nam-sach", f"e{number}") for number in range(EPOCHS_MAX + 1)]
    store.remember([(key, 1) for key in [*made_up, ("chi-linh", EPOCH)]])
    assert store.keys() == [("chi-linh", EPOCH)]


def test_the_numbers_that_are_here_and_how_far_it_is(store: Store) -> None:
    store.write([event(seq) for seq in (1, 2, 3, 6, 9)])
    key = ("nam-sach", EPOCH)
    assert list(store.look([key])) == [(key, 0, [(1, 0), (2, 1), (3, 2), (6, 5), (9, 8)])]
    store.remember([(key, 3)])
    nobody = ("nobody", EPOCH)
    assert list(store.look([key, nobody])) == [(key, 3, [(6, 5), (9, 8)]), (nobody, 0, [])]
    store.remember([(key, 2)])  # another recorder that looked earlier
    assert [upto for _, upto, _ in store.look([key])] == [3]
    assert list(store.look([])) == []


def test_a_row_that_comes_again_says_what_has_gone_before_it(store: Store) -> None:
    store.write([event(1), event(5, prev=4), event(6)])
    assert here(store) == [(1, 0), (5, 4), (6, 5)]
    store.write([event(5, prev=1)])
    store.write([event(5, prev=3)])  # an older copy of it, on its way for longer
    assert here(store) == [(1, 0), (5, 1), (6, 5)]
    assert len(rows(store, "seq")) == 3


@pytest.mark.parametrize("known_before", [True, False])
def test_rows_from_before_the_clock_was_set_are_dated_by_the_boots_own(store: Store, known_before: bool) -> None:
    long_ago = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    early = [
        event(1, at=long_ago, clock="unsynced", uptime_s=60.0),
        window(2, at=long_ago, clock="unsynced", uptime_s=70.0),
    ]
    other_boot = event(3, at=long_ago, clock="unsynced", uptime_s=5.0, boot_id="b0")
    known = event(4, uptime_s=100.0)
    for part in [[known], [*early, other_boot]] if known_before else [[*early, other_boot], [known]]:
        store.write(part)
    began_s = AT.timestamp() - 100
    assert rows(store, "seq", "at_s", "from_s", "to_s", "said_at_s") == [
        (1, pytest.approx(began_s + 60), None, None, long_ago.timestamp()),
        (2, pytest.approx(began_s + 70), pytest.approx(began_s + 10), pytest.approx(began_s + 70), 60.0),
        (3, 60.0, None, None, 60.0),
        (4, AT.timestamp(), None, None, AT.timestamp()),
    ]


def test_a_clock_that_jumps_later_moves_nothing_that_was_dated(store: Store) -> None:
    store.write([event(1, uptime_s=100.0)])
    store.write([event(2, at=AT + timedelta(days=3650), uptime_s=110.0)])
    store.write([event(3, at=datetime(1970, 1, 1, tzinfo=UTC), clock="unsynced", uptime_s=120.0)])
    assert [at_s for (at_s,) in rows(store, "at_s")] == [
        AT.timestamp(), (AT + timedelta(days=3650)).timestamp(), pytest.approx(AT.timestamp() + 20),
    ]  # fmt: skip


def test_nothing_of_a_batch_that_fails_is_written(store: Store) -> None:
    bad = event(2)
    with pytest.raises(SQLAlchemyError):
        store.write([event(1), Row(bad.site, None, bad.payload, bad.raw, 0.0)])  # type: ignore[arg-type]
    assert rows(store, "seq") == []


def test_the_largest_number_fits(store: Store) -> None:
    store.write([event(2**63 - 1)])
    assert here(store) == [(2**63 - 1, 2**63 - 2)]


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in Store("postgresql+psycopg://user:geheim@localhost/x").shown


def test_a_new_file_that_another_program_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself refuses its write-ahead log at once here, whatever the patience it was told."""
    file = tmp_path / "centre.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.rollback)
    done.start()
    store = Store(f"sqlite:///{file}")
    store.start()
    done.join()
    other.close()
    assert store.write([event(1)])
    store.close()


def test_programs_that_begin_at_one_moment_all_find_their_tables(url: str) -> None:
    """Recorder and board, the first time that a centre starts: each would make what it does not see yet."""
    stores, start, failures = [Store(url) for _ in range(4)], threading.Barrier(4), list[Exception]()

    def begin(store: Store) -> None:
        start.wait()
        try:
            store.start()
        except SQLAlchemyError as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(store.write([event(number)]) for number, store in enumerate(stores, 1))
    for store in stores:
        store.close()
