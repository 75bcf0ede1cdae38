"""agent/adapters/outbox.py: rows wait on disk for the centre's word, whatever happens to the process and the disk."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters import history_rows, outbox
from agent.adapters.agent_db import AgentDb
from agent.adapters.outbox import Outbox
from agent.core.commands import Keep
from agent.core.config import ReportingSection
from agent.core.contract import HistoryAck, encode
from tests.adapters.test_history_rows import AT, event, gap_event, window
from tests.conftest import wait_for

MakeBox = Callable[..., "Box"]


class Box:
    """A database and its outbox, as an agent has them."""

    def __init__(self, path: Path, now_s: float, **reporting: Any) -> None:
        self.db = AgentDb(path)
        self.db.start()
        self.synced = True
        self.now_s = now_s
        self.out = Outbox(self.db, ReportingSection(**reporting), gap_event, lambda: (self.now_s, self.synced))
        self.out.start()
        self.out.connected()

    def write(self, count: int = 1) -> None:
        assert self.db.keep(Keep(tuple(event() for _ in range(count))))

    def take(self, most: int = 1000) -> list[int]:
        return [row.seq for row in self.out.take(most)]

    @property
    def epoch(self) -> str:
        return str(self.db.write(history_rows.epoch))

    def ack(self, upto: int, missing: tuple[int, ...] = (), resend_from: int | None = None) -> None:
        self.out.heard(encode(HistoryAck(epoch=self.epoch, upto=upto, missing=missing, resend_from=resend_from)))

    def close(self) -> None:
        self.out.close()
        self.db.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[MakeBox]:
    made: list[Box] = []

    def make(now_s: float = AT.timestamp(), **reporting: Any) -> Box:
        made.append(Box(tmp_path / "agent.db", now_s, **reporting))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_rows_wait_for_the_centre_over_a_restart_and_go_once_it_has_them(box: MakeBox) -> None:
    first = box()
    first.write(5)
    assert first.take() == [1, 2, 3, 4, 5]
    first.ack(3)
    first.close()
    again = box()
    assert again.take() == [4, 5]
    again.ack(5)
    assert again.take() == []
    assert (again.out.figures().rows, again.out.figures().oldest_s) == (0, None)


def test_after_a_kill_what_was_not_written_down_is_sent_once_more_and_nothing_is_lost(box: MakeBox) -> None:
    first = box()
    first.write(5)
    first.take()
    first.ack(5)
    again = box()  # the first one was never closed
    assert again.take() == [1, 2, 3, 4, 5]


def test_a_row_wakes_whoever_sends_and_its_payload_is_as_it_was_made(box: MakeBox) -> None:
    site = box()
    woken = threading.Event()
    site.out.on_row = woken.set
    site.write()
    assert woken.is_set()
    (row,) = site.out.take(10)
    said = json.loads(row.raw)
    assert (row.topic, said["seq"], said["epoch"], said["historical"]) == ("history/event", 1, site.epoch, False)


def test_what_is_sent_more_than_a_heartbeat_late_says_so(box: MakeBox) -> None:
    site = box(now_s=AT.timestamp() + 31, heartbeat_s=30)
    site.write()
    assert json.loads(site.out.take(1)[0].raw)["historical"] is True
    assert site.out.figures().oldest_s == 31


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"epoch": "e"}', b'{"epoch": "e", "upto": -1}', b'{"epoch": "e", "upto": 1e400}',
     b'{"epoch": "e", "upto": 99999999999999999999}', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000, b"\0" * 70_000,
     b'{"epoch": "e", "upto": 1, "missing": ' + json.dumps(list(range(1, 200))).encode() + b"}"],
)  # fmt: skip
def test_an_acknowledgement_that_is_none_is_logged_and_changes_nothing(
    box: MakeBox, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    site = box()
    site.write(3)
    site.take()
    with caplog.at_level(logging.WARNING, "diemcau.outbox"):
        site.out.heard(raw)
    assert caplog.text.count("history/ack: refused") == 1
    assert site.out.figures().rows == 3


def test_asked_for_a_number_that_is_gone_it_sends_the_next_one_which_says_so(box: MakeBox) -> None:
    site = box()
    site.write(6)
    site.take()
    site.db.write(lambda db: db.execute("DELETE FROM row WHERE seq IN (2, 3)").rowcount)
    site.ack(6, (2, 3, 5))
    rows = [json.loads(row.raw) for row in site.out.take(10)]
    assert [(row["seq"], row["prev"]) for row in rows] == [(4, 1), (5, 4)]
    assert site.out.figures().rows == 1  # the one that is there is still waited for
    site.ack(6)
    assert (site.take(), site.out.figures().rows) == ([], 0)


def test_each_row_says_which_one_is_before_it(box: MakeBox) -> None:
    site = box()
    site.write(5)
    site.db.write(lambda db: db.execute("DELETE FROM row WHERE seq IN (1, 3)").rowcount)
    rows = [json.loads(row.raw) for row in site.out.take(10)]
    assert [(row["seq"], row["prev"]) for row in rows] == [(2, 0), (4, 2), (5, 4)]


def test_a_disk_that_is_an_old_copy_begins_a_new_epoch_and_loses_nothing(box: MakeBox) -> None:
    site = box()
    site.write(4)
    site.take()
    site.ack(2)
    before = site.epoch
    site.ack(9)  # rows that this disk never had
    assert site.epoch != before
    rows = [json.loads(row.raw) for row in site.out.take(10)]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[-1]["detail"] == {"from": 5, "to": 9, "count": 0, "why": "disk_went_back"}
    assert {row["epoch"] for row in rows} == {site.epoch}


def test_what_the_centre_had_before_a_new_epoch_is_kept_and_can_be_asked_for(box: MakeBox) -> None:
    first = box()
    first.write(4)
    first.take()
    first.ack(2)
    first.close()  # written down
    site = box()
    before = site.epoch
    site.ack(9)
    assert site.take() == [3, 4, 5]
    site.ack(5)
    assert (site.take(), site.out.figures().rows) == ([], 0)
    site.ack(5, resend_from=1)
    rows = [json.loads(row.raw) for row in site.out.take(10)]
    assert [(row["seq"], row["prev"]) for row in rows] == [(1, 0), (2, 1), (3, 0), (4, 3), (5, 4)]
    assert [row["epoch"] for row in rows] == [before] * 2 + [site.epoch] * 3
    site.ack(5)
    site.close()
    again = box()
    assert again.take() == []


def test_without_a_centre_the_brokers_word_is_enough_in_the_rows_order(box: MakeBox) -> None:
    site = box(acknowledge="broker")
    site.write(4)
    assert site.take() == [1, 2, 3, 4]
    for seq in (1, 3, 4):
        site.out.passed_on(seq)
    assert site.out.figures().rows == 3  # the second one may have been refused
    site.out.passed_on(2)
    assert site.out.figures().rows == 0


def test_with_a_centre_the_brokers_word_is_not(box: MakeBox) -> None:
    site = box()
    site.write(2)
    for seq in site.take():
        site.out.passed_on(seq)
    assert site.out.figures().rows == 2


def test_without_a_centre_nobody_who_listens_is_no_matter(box: MakeBox) -> None:
    site = box(acknowledge="broker")
    site.write(3)
    for seq in site.take():
        site.out.unheard(seq)
    assert site.out.figures().rows == 0


def test_another_word_for_whose_is_enough_counts_for_what_is_under_way_too(box: MakeBox) -> None:
    site = box()
    woken: list[int] = []
    site.out.on_row = lambda: woken.append(1)
    site.write(3)
    for seq in site.take():
        site.out.passed_on(seq)
    woken.clear()
    site.out.change(ReportingSection(acknowledge="broker"))
    assert woken == [1]
    for seq in site.take():
        site.out.passed_on(seq)
    assert site.out.figures().rows == 0
    site.out.change(ReportingSection(acknowledge="centre"))
    site.write(2)
    for seq in site.take():
        site.out.passed_on(seq)
    assert site.out.figures().rows == 2
    site.ack(5)
    assert site.out.figures().rows == 0


def test_other_words_on_reporting_send_nothing_again(box: MakeBox) -> None:
    site = box()
    site.write(3)
    assert site.take() == [1, 2, 3]
    site.out.change(ReportingSection(keep_days=1, heartbeat_s=300))
    assert site.take() == []
    site.write()
    site.now_s += 200
    (row,) = site.out.take(9)
    assert b'"historical":false' in row.raw, "by the new heartbeat"


def test_where_nobody_listens_rows_stay(box: MakeBox) -> None:
    site = box()
    site.write(3)
    site.take()
    site.out.unheard(1)
    assert site.take() == []
    assert site.out.figures().rows == 3
    deadline_s = site.out.deadline_s()
    assert deadline_s is not None
    assert 0 < deadline_s - time.monotonic() <= 60


def test_acknowledgements_are_written_down_now_and_then_and_old_rows_go(
    box: MakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(outbox, "WRITE_DOWN_EVERY_S", 0.05)
    site = box(keep_days=1)
    site.write(3)
    site.take()
    site.ack(3)
    wait_for(lambda: site.db.read(history_rows.acknowledged, 0) == 3, "written down")
    assert site.db.read(lambda db: len(history_rows.following(db, 0, 10)), 0) == 3
    site.synced = False  # a clock that nobody has set must not let anything go
    site.now_s += 2 * 86_400
    site.write()
    site.take()
    site.ack(4)
    wait_for(lambda: site.db.read(history_rows.acknowledged, 0) == 4, "written down")
    assert site.db.read(lambda db: len(history_rows.following(db, 0, 10)), 0) == 4
    site.synced = True
    site.write()
    site.take()
    site.ack(5)
    wait_for(lambda: site.db.read(history_rows.acknowledged, 0) == 5, "written down")
    wait_for(lambda: left(site) == [4, 5], "what is older than its days has gone")


def test_past_its_size_rows_are_thinned_and_counted_as_lost(box: MakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.02)
    site = box(outbox_max_bytes=1_048_576)
    for _ in range(60):
        assert site.db.keep(Keep(tuple(window(value) for value in range(100))))
    wait_for(lambda: site.db.read(history_rows.used_bytes, 10**9) <= 1_048_576, "room")
    lost = site.out.figures().lost
    assert lost >= 2000
    assert site.db.read(history_rows.used_bytes, 0) > 0.7 * 1_048_576  # and no more than has to
    rows = site.db.read(lambda db: history_rows.following(db, 0, 10**6), [])
    told = [json.loads(row.payload)["detail"]["count"] for row in rows if "outbox.gap" in row.payload]
    assert sum(told) == lost
    assert len(rows) == 6000 + len(told) - lost


def test_what_the_centre_asked_for_again_is_not_written_down_as_being_there(box: MakeBox) -> None:
    first = box()
    first.write(6)
    first.take()
    first.ack(6, (4,))
    first.close()
    again = box()  # the one before has never heard of row 4
    assert again.take() == [4, 5, 6]


def test_what_the_centre_asked_for_again_stays_when_its_days_are_over_and_when_there_is_no_room(
    box: MakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = box(keep_days=1)
    site.write(10)
    site.take()
    site.ack(10)
    site.out._write_down()
    site.ack(10, (4,), resend_from=7)
    site.now_s += 3 * 86_400
    site.out._forget()
    assert left(site) == [4, 7, 8, 9, 10]
    monkeypatch.setattr(site.out, "_is_full", lambda: True)
    site.out._make_room()
    assert left(site) == [4, 7, 8, 9, 10]
    site.ack(10)
    site.out._make_room()
    assert left(site) == []


def left(site: Box) -> list[int]:
    return [row.seq for row in site.db.read(lambda db: history_rows.following(db, 0, 10**6), [])]


def test_what_goes_wrong_in_making_room_ends_nothing(
    box: MakeBox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(outbox, "WRITE_DOWN_EVERY_S", 0.02)
    site = box(outbox_max_bytes=1_048_576)
    site.out._gap_event = lambda gap: event({"n": 1 / 0})
    for _ in range(30):
        assert site.db.keep(Keep(tuple(window(value) for value in range(100))))
    wait_for(lambda: "nobody thought of" in caplog.text, "it goes wrong")
    site.take(10)
    site.ack(3)
    wait_for(lambda: site.db.read(history_rows.acknowledged, 0) == 3, "the rest is done all the same")
    site.out._gap_event = gap_event
    wait_for(lambda: site.db.read(history_rows.used_bytes, 10**9) <= 1_048_576, "and this is tried again")


def test_a_database_that_begins_anew_while_it_runs_is_noticed(box: MakeBox) -> None:
    site = box()
    site.write(3)
    assert site.take() == [1, 2, 3]
    before = site.epoch
    site.db.write(lambda db: db.execute("ALTER TABLE row RENAME TO gone") and None)
    for _ in range(3):
        assert not site.db.keep(Keep((event(),)))
    site.write(2)
    assert site.epoch != before
    rows = [json.loads(row.raw) for row in site.out.take(10)]
    assert [(row["seq"], row["kind"]) for row in rows] == [
        (1, "power.changed"),
        (2, "power.changed"),
        (3, "outbox.gap"),
    ]
    assert rows[2]["detail"]["why"] == "disk_failed"


def test_a_damaged_file_is_told_with_the_first_rows_of_the_new_one(box: MakeBox, tmp_path: Path) -> None:
    (tmp_path / "agent.db").write_bytes(b"this is no database" * 100)
    site = box()
    (row,) = site.out.take(10)
    said = json.loads(row.raw)
    assert (said["seq"], said["kind"], said["detail"]["why"]) == (1, "outbox.gap", "disk_damaged")
    site.close()
    again = box()
    assert again.take() == [1]  # told once, and kept like every row


def test_an_agent_that_starts_while_somebody_holds_the_file_delivers_all_the_same(box: MakeBox, tmp_path: Path) -> None:
    first = box()
    first.write(6)
    epoch = first.epoch
    first.close()
    holder = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    again = box()
    holder.execute("ROLLBACK")
    holder.close()
    assert again.take() == [1, 2, 3, 4, 5, 6]
    again.out.heard(encode(HistoryAck(epoch=epoch, upto=6)))
    assert again.out.figures().rows == 0


def test_a_row_that_its_page_has_spoilt_is_told_in_its_place_and_keeps_back_no_other(box: MakeBox) -> None:
    made = box()
    made.write(3)
    made.db.write(lambda db: db.execute("UPDATE row SET payload = substr(payload, 1, 40) || '    ' WHERE seq = 2"))
    rows = [json.loads(row.raw) for row in made.out.take(10)]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert (rows[1]["kind"], rows[1]["detail"]["why"], rows[1]["epoch"]) == ("outbox.gap", "disk_damaged", made.epoch)
    assert rows[1]["prev"] == 1


def test_days_begin_when_the_time_is_known(box: MakeBox) -> None:
    """A box without a clock starts in 1970: what the centre acknowledges then is not fifty years old a minute later."""
    made = box(now_s=100.0, keep_days=30)
    made.synced = False
    made.write(3)
    made.take()
    made.ack(3)
    made.out._write_down()
    made.now_s, made.synced = AT.timestamp(), True
    made.out._forget()
    assert len(made.db.read(lambda db: history_rows.following(db, 0, 10), [])) == 3
    made.now_s += 32 * 86_400
    made.out._forget()
    assert made.db.read(lambda db: history_rows.following(db, 0, 10), []) == []


def test_a_new_file_that_cannot_be_read_is_looked_at_again(box: MakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.02)
    site = box()
    site.write(5)
    woken = threading.Event()
    site.out.on_row = woken.set
    assert site.db.write(lambda db: bool(db.execute("ALTER TABLE ack RENAME TO gone")))
    site.db.on_new_file()
    assert (site.take(), woken.is_set()) == ([], False)
    assert site.db.write(lambda db: bool(db.execute("ALTER TABLE gone RENAME TO ack")))
    assert woken.wait(10)
    assert site.take() == [1, 2, 3, 4, 5]
    site.ack(5)
    assert site.out.figures().rows == 0


def test_of_a_new_file_nothing_goes_by_what_the_centre_had_of_the_one_before(box: MakeBox) -> None:
    site = box()
    site.write(3)
    site.take()
    site.ack(3)
    site.db.on_new_file()  # within a transaction that goes on
    assert site.out._free_upto == 0
    site.take()
    assert site.out._free_upto == 0  # the file has not been told what the centre has
    site.ack(3)
    assert site.out._free_upto == 3


def test_that_a_file_is_new_is_told_later_where_it_cannot_be_written_now(
    box: MakeBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.02)
    site = box()
    site.write(2)
    with sqlite3.connect(tmp_path / "agent.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        site.db.began_anew = "disk_damaged"
        site.db.on_new_file()
        assert site.take() == [1, 2]
        holder.execute("ROLLBACK")
    holder.close()
    wait_for(lambda: site.take() == [3], "the row that says so")
