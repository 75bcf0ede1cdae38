"""agent/adapters/history_rows.py: numbers that come once, and what goes when there is no room."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.adapters import history_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.history_rows import EVENT, HEADCOUNT, Gap
from agent.core.commands import Keep
from agent.core.contract import MAX_PAYLOAD_BYTES, HistoryEvent, HistoryHeadcount, decode

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
COMMON: dict[str, Any] = {
    "at": AT,
    "session": "s",
    "clock": "synced",
    "boot_id": "b",
    "uptime_s": 1.5,
    "historical": False,
}
DAY_S = 86_400


def event(detail: dict[str, Any] | None = None, kind: str = "power.changed") -> HistoryEvent:
    return HistoryEvent(**COMMON, kind=kind, severity="info", by=None, detail=detail or {})


def window(value: int = 1) -> HistoryHeadcount:
    facts = {"value": value, "min": value, "max": value, "people_minutes": 1.0, "samples": 30, "unknown_s": 0.0}
    return HistoryHeadcount(**COMMON, from_=AT, to=AT, **facts)  # type: ignore[arg-type]


def gap_event(gap: Gap) -> HistoryEvent:
    return event({"from": gap.first, "to": gap.last, "count": gap.count, "why": gap.why}, "outbox.gap")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Any]:
    """The connection of a real file."""
    store = AgentDb(tmp_path / "agent.db")
    store.start()
    connection = sqlite3.connect(tmp_path / "agent.db")
    yield connection
    connection.close()
    store.close()


def seqs(db: Any) -> list[int]:
    return [row.seq for row in history_rows.following(db, 0, 10**6)]


def gaps(db: Any) -> list[dict[str, Any]]:
    rows = [json.loads(row.payload) for row in history_rows.following(db, 0, 10**6)]
    return [row["detail"] for row in rows if row.get("kind") == "outbox.gap"]


def test_one_sequence_over_both_topics_with_epoch_and_number_in_the_payload(db: Any) -> None:
    assert history_rows.append(db, [event(), window()]) == 2
    assert history_rows.append(db, [event()]) == 3
    rows = history_rows.following(db, 0, 10)
    assert [(row.seq, row.topic, row.at_s) for row in rows] == [
        (1, EVENT, AT.timestamp()),
        (2, HEADCOUNT, AT.timestamp()),
        (3, EVENT, AT.timestamp()),
    ]
    said = [json.loads(row.payload) for row in rows]
    assert [each["seq"] for each in said] == [1, 2, 3]
    assert {each["epoch"] for each in said} == {history_rows.epoch(db)}
    assert decode(HistoryHeadcount, rows[1].payload.encode()).value == 1


def test_a_number_never_comes_again_also_where_its_row_is_gone(db: Any) -> None:
    history_rows.append(db, [event()] * 5)
    history_rows.acknowledge(db, 5, 0)
    assert history_rows.forget(db, 2 * 3600, 5) == 5
    assert (seqs(db), history_rows.newest(db)) == ([], 5)
    assert history_rows.append(db, [event()]) == 6


def test_what_is_too_large_for_a_broker_is_kept_without_what_makes_it_so(db: Any) -> None:
    history_rows.append(db, [event({"text": "x" * 2 * MAX_PAYLOAD_BYTES})])
    (row,) = history_rows.following(db, 0, 1)
    assert len(row.payload) < 1000
    assert json.loads(row.payload)["detail"]["too_large_bytes"] > 2 * MAX_PAYLOAD_BYTES


def test_what_is_kept_whole_is_within_the_limit_also_with_what_sending_adds(db: Any) -> None:
    history_rows.append(db, [event({"text": ""})])
    (row,) = history_rows.following(db, 0, 1)
    most = MAX_PAYLOAD_BYTES - len(row.payload) - history_rows.PREV_BYTES
    history_rows.append(db, [event({"text": "x" * (most + more)}) for more in (0, 1)])
    _, whole, cut = history_rows.following(db, 0, 3)
    assert (len(whole.payload), len(cut.payload) < 1000) == (MAX_PAYLOAD_BYTES - history_rows.PREV_BYTES, True)


def test_what_the_centre_has_is_kept_for_its_days_and_then_goes(db: Any) -> None:
    history_rows.append(db, [event()] * 30)
    for day in range(3):
        history_rows.acknowledge(db, 10 * (day + 1), day * DAY_S)
    assert history_rows.acknowledged(db) == 30
    assert history_rows.forget(db, 0, 30) == 0
    assert history_rows.forget(db, 1.5 * DAY_S, 30) == 20
    assert (seqs(db)[0], history_rows.acknowledged(db)) == (21, 30)
    assert history_rows.forget(db, 1.5 * DAY_S, 30) == 0


def test_it_goes_piece_by_piece_and_what_the_centre_asked_for_again_stays(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_rows, "RELEASE_AT_ONCE", 4)
    history_rows.append(db, [event()] * 12)
    history_rows.acknowledge(db, 10, 0)
    assert [history_rows.forget(db, DAY_S, 9, (2, 7)) for _ in range(3)] == [4, 3, 0]
    assert seqs(db) == [2, 7, 10, 11, 12]


def test_an_acknowledgement_that_falls_behind_lowers_nothing(db: Any) -> None:
    history_rows.append(db, [event()] * 9)
    history_rows.acknowledge(db, 9, 10)
    history_rows.acknowledge(db, 4, 20)
    assert history_rows.acknowledged(db) == 9


def test_without_room_what_the_centre_has_goes_first_and_without_a_word(db: Any) -> None:
    history_rows.append(db, [event(), window()] * 10)
    assert history_rows.make_room(db, 5, gap_event)
    assert (seqs(db), gaps(db)) == (list(range(6, 21)), [])


def test_what_the_centre_asked_for_again_it_has_not(db: Any) -> None:
    history_rows.append(db, [event()] * 10)
    assert history_rows.make_room(db, 9, gap_event, (3, 8))
    assert not history_rows.make_room(db, 9, gap_event, (3, 8))
    assert seqs(db) == [3, 8, 10]


@pytest.mark.parametrize("every", [0, 10], ids=["headcounts", "with long events between"])
def test_thinned_rows_leave_their_room(db: Any, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Half of the rows, and near half of the pages: who bounds the file by its pages must not thin all of it."""
    monkeypatch.setattr(history_rows, "THIN_AT_ONCE", 500)
    rows = [event({"text": "x" * 2000}) if every and n % every == 0 else window(n) for n in range(2000)]
    history_rows.append(db, rows)

    def text_bytes() -> int:
        return int(db.execute("SELECT sum(length(payload)) FROM row").fetchone()[0])

    full, text = history_rows.used_bytes(db), text_bytes()
    for _ in range(4):
        assert history_rows.make_room(db, 0, gap_event)
    assert 2000 - len(seqs(db)) > 880
    assert full - history_rows.used_bytes(db) > 0.9 * (text - text_bytes())
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_then_every_other_headcount_row_round_by_round_and_it_is_said(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rows, "THIN_AT_ONCE", 4)
    history_rows.append(db, [event(), *[window(value) for value in range(8)]])
    assert history_rows.make_room(db, 0, gap_event)
    assert seqs(db) == [1, 3, 5, 6, 7, 8, 9, 10]
    assert history_rows.make_room(db, 0, gap_event)
    assert seqs(db) == [1, 3, 5, 7, 9, 10, 11]
    assert history_rows.make_room(db, 0, gap_event)  # the next round begins at the oldest
    assert seqs(db) == [1, 5, 9, 10, 11, 12]
    assert gaps(db) == [
        {"from": 2, "to": 4, "count": 2, "why": "outbox_full"},
        {"from": 6, "to": 8, "count": 2, "why": "outbox_full"},
        {"from": 3, "to": 7, "count": 2, "why": "outbox_full"},
    ]


def test_then_the_oldest_rows_and_every_number_that_is_gone_is_accounted_for(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_rows, "DROP_AT_ONCE", 5)
    monkeypatch.setattr(history_rows, "THIN_AT_ONCE", 100)
    history_rows.append(db, [*[event()] * 12, *[window()] * 12])
    while history_rows.make_room(db, 0, gap_event):
        pass
    left, newest = set(seqs(db)), history_rows.newest(db)
    assert len(left) < 5
    gone = set(range(1, newest + 1)) - left
    told = [gap for gap in gaps(db) if gap["from"] in gone]
    assert told
    assert newest in left


def said(db: Any, after: int = 0) -> list[tuple[int, int, str]]:
    """Number, the one before, and epoch, as rows are sent."""
    return [(row.seq, row.prev, json.loads(row.payload)["epoch"]) for row in history_rows.following(db, after, 100)]


def test_a_new_epoch_is_of_what_the_centre_has_not_and_the_rest_stays_as_the_centre_knows_it(db: Any) -> None:
    history_rows.append(db, [event({"n": number}) for number in range(6)])
    first = history_rows.epoch(db)
    history_rows.acknowledge(db, 4, 0)
    second = history_rows.new_epoch(db, 4)
    history_rows.append(db, [event()])
    assert first != second == history_rows.epoch(db)
    assert said(db) == [
        (1, 0, first), (2, 1, first), (3, 2, first), (4, 3, first), (5, 0, second), (6, 5, second), (7, 6, second)
    ]  # fmt: skip
    assert said(db, 4) == said(db)[4:]  # the first of an epoch has none before it, wherever reading begins
    assert [(row.seq, row.prev) for row in history_rows.some(db, (1, 6))] == [(5, 0), (6, 5)]
    assert (history_rows.newest(db), history_rows.acknowledged(db)) == (7, 4)


def test_each_epoch_keeps_its_rows(db: Any) -> None:
    history_rows.append(db, [event({"epoch": "mine"})] * 6)
    names = [history_rows.epoch(db), history_rows.new_epoch(db, 2), history_rows.new_epoch(db, 4)]
    assert [name for _, _, name in said(db)] == [name for name in names for _ in range(2)]
    again = history_rows.new_epoch(db, 4)
    assert [name for _, _, name in said(db)] == [names[0]] * 2 + [names[1]] * 2 + [again] * 2
    details = [json.loads(row.payload)["detail"] for row in history_rows.following(db, 0, 10)]
    assert details == [{"epoch": "mine"}] * 6


def test_a_new_epoch_costs_the_same_whatever_the_backlog(db: Any) -> None:
    history_rows.append(db, [event()] * 3000)
    db.commit()
    before = db.total_changes
    history_rows.new_epoch(db, 0)
    assert db.total_changes - before <= 3
    assert '"historical":false' in history_rows.following(db, 0, 1)[0].payload


def test_rows_that_go_on_in_another_file_have_its_numbers_and_come_once(tmp_path: Path) -> None:
    source, target = (AgentDb(tmp_path / name) for name in ("memory.db", "agent.db"))
    for db, count in ((source, 4), (target, 2)):
        db.start()
        db.keep(Keep(tuple(event({"n": number}) for number in range(count))))
    source.write(lambda db: history_rows.acknowledge(db, 1, None))
    for number in (4, 5):  # what a commit brought that was told to have failed is not brought again
        for _ in range(2):
            target.write(lambda db: source.read(lambda other: history_rows.go_on(other, db), None))
        source.keep(Keep((event({"n": number}),)))
    found = target.read(lambda db: history_rows.following(db, 0, 100), [])
    its_epoch = target.read(history_rows.epoch, "")
    read = [decode(HistoryEvent, row.payload.encode()) for row in found]
    assert [row.detail["n"] for row in read] == [0, 1, 1, 2, 3, 4]
    assert [(row.epoch, row.seq) for row in read] == [(its_epoch, seq) for seq in range(1, 7)]
    assert all(map(history_rows.is_whole, found))
    source.close()
    target.close()
