"""The last hour of a site, a value a minute."""

import json
from zlib import crc32

from sqlalchemy import create_engine

from agent.console.board.trend import MINUTES, Trends, recorded
from agent.console.store import Row, Store
from agent.core.contract import HistoryEvent, HistoryHeadcount, decode
from tests.console.test_sites import AT as AT_TEXT
from tests.console.test_sites import COMMON

SITE = "nam-sach"
NOW_S = 1_353_396_600.0 // 60 * 60 + crc32(SITE.encode()) % 60  # one of its own minutes begins


def test_a_site_that_never_said_a_number_has_an_hour_of_none() -> None:
    trends = Trends()
    trends.put(SITE, None, NOW_S)
    assert trends.of(SITE, NOW_S) == (None,) * MINUTES


def test_the_newest_number_of_a_minute_stands_and_what_is_not_known_leaves_a_gap() -> None:
    trends = Trends()
    for at_s, value in ((0, 5), (30, 7), (40, None), (119, None), (120, 9)):
        trends.put(SITE, value, NOW_S + at_s)
    assert trends.of(SITE, NOW_S + 179)[-4:] == (None, 7, None, 9)
    assert trends.of(SITE, NOW_S + 180)[-4:] == (7, None, 9, None)


def test_after_an_hour_it_is_forgotten() -> None:
    trends = Trends()
    trends.put(SITE, 5, NOW_S)
    assert trends.of(SITE, NOW_S + 59 * 60)[0] == 5
    assert trends.of(SITE, NOW_S + 60 * 60) == (None,) * MINUTES
    trends.forget(SITE)
    assert trends.of(SITE, NOW_S) == (None,) * MINUTES


def test_a_clock_that_is_set_back_ends_nothing() -> None:
    trends = Trends()
    trends.put(SITE, 5, NOW_S)
    trends.put(SITE, 6, NOW_S - 60)
    assert trends.of(SITE, NOW_S - 60)[-1] == 6
    trends.put(SITE, 7, NOW_S - 7200)
    assert trends.of(SITE, NOW_S - 7200) == (None,) * MINUTES
    assert trends.of(SITE, NOW_S)[-2:] == (6, 5)


def test_rows_of_the_history_fill_what_nobody_has_heard() -> None:
    trends = Trends()
    trends.put(SITE, 50, NOW_S)
    rows = [(SITE, value, NOW_S - 60 * value, NOW_S - 60 * value + 60) for value in (1, 3, 59, 60, 0)]
    trends.load(rows, NOW_S + 1)
    hour = trends.of(SITE, NOW_S)
    assert (hour[0], hour[-4:]) == (59, (3, None, 1, 50))


def test_rows_from_clocks_that_are_wrong_are_left_out() -> None:
    trends = Trends()
    times = ((4e9, 4e9 + 60), (0.0, 60.0), (NOW_S, NOW_S - 60), (NOW_S - 60, 4e9))
    trends.load([(SITE, 5, from_s, to_s) for from_s, to_s in times], NOW_S)
    assert trends.of(SITE, NOW_S) == (None,) * MINUTES
    trends.load([(SITE, 5, -1e15, NOW_S)], NOW_S)  # a window of ages is an hour at most
    assert trends.of(SITE, NOW_S)[:-1] == (5,) * (MINUTES - 1)


def test_what_the_database_has_of_the_last_hour_is_read_of_all_sites(store: Store, url: str) -> None:
    rows = [_row(site, seq) for site in ("nam-sach", "chi-linh") for seq in (1, 2, 3)]
    event = {**COMMON, "epoch": "e", "seq": 4, "boot_id": "b", "uptime_s": 1.0, "kind": "recount", "severity": "info"}
    raw = json.dumps(event)
    store.write([*rows, Row("nam-sach", "history/event", decode(HistoryEvent, raw.encode()), raw, 0.0)])
    store.remember([(("nam-sach", "e"), 4), (("chi-linh", "e"), 3)])
    since_s = rows[0].payload.at.timestamp() + 60
    engine = create_engine(url)
    found = sorted(row for some in recorded(engine, since_s) for row in some)
    engine.dispose()
    assert [(site, value) for site, value, _, _ in found] == [("chi-linh", 3), ("nam-sach", 3)]
    assert found[0][3] - found[0][2] == 60.0


def _row(site: str, minute: int) -> Row:
    """Windows of a minute; in the second one nothing was known."""
    at, value = AT_TEXT.replace("07:30", f"07:3{minute}"), None if minute == 2 else minute
    document = {
        **COMMON, "at": at, "epoch": "e", "seq": minute, "boot_id": "b", "uptime_s": 60.0 * minute,
        "from": AT_TEXT.replace("07:30", f"07:3{minute - 1}"), "to": at, "value": value, "min": value, "max": value,
        "people_minutes": 1.0, "samples": 30, "unknown_s": 0.0,
    }  # fmt: skip
    raw = json.dumps(document)
    return Row(site, "history/headcount", decode(HistoryHeadcount, raw.encode()), raw, 0.0)
