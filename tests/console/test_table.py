"""The live table: unknown is unknown with its reason, never a number."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from agent.console.sites import Sites, SiteView, take
from agent.console.table import fitting_table, sites_table
from agent.console.trouble import duration, last_heard, short_time
from tests.console.test_sites import folded, headcount, status

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)


def shown(sites: Sites, now: datetime = AT, width: int = 180) -> str:
    return printed(sites_table(sites.ordered(), now, "t"), width)


def printed(table: Table, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def power(**fields: Any) -> tuple[str, dict[str, Any]]:
    common = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
    return "diemcau/v1/nam-sach/power", {**common, "state": "on", "loads": {}, **fields}


def told(topic: str, /, **fields: Any) -> tuple[str, dict[str, Any]]:
    common = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
    return f"diemcau/v1/nam-sach/{topic}", {**common, **fields}


def event(kind: str, severity: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    numbers: dict[str, Any] = {"epoch": "e", "seq": 1, "boot_id": "b", "uptime_s": 1.0}
    return told("history/event", kind=kind, severity=severity, **numbers, **fields)


def check(name: str, state: str, required: bool = True, **fields: Any) -> dict[str, Any]:
    since = "2012-11-20T07:00:00.000Z"
    return {"name": name, "group": "display", "required": required, "state": state, "since": since, **fields}


def test_a_counted_site_shows_present_summoned_and_rate() -> None:
    text = shown(folded(status("running", 1), power(), headcount(value=49, summoned=50, rate=0.98)))
    assert "49" in text
    assert "98%" in text
    assert "bật / on" in text
    assert "tốt / ok" in text


def test_the_rate_is_of_those_who_were_summoned_and_others_stand_beside() -> None:
    invited = folded(status("running", 1), headcount(value=18, summoned=20)).by_id["nam-sach"]
    uninvited = replace(folded(status("running", 1), headcount(value=30)).by_id["nam-sach"], site="chi-linh")
    text = printed(sites_table([invited, uninvited], AT, "t"), 180)
    assert "total: 18 / 20 (90%)" in text
    assert "not summoned: 30" in text
    assert "total: 30" in printed(sites_table([uninvited], AT, "t"), 180)


def test_unknown_is_a_question_mark_and_its_reason_in_both_languages() -> None:
    text = shown(folded(status("running", 1), power(), headcount(value=None, state="unknown", reason="dark")))
    assert "?" in text
    assert "tối hoặc bị che / dark or covered" in text
    assert "chưa rõ / unknown: 1" in text


def test_a_site_that_is_away_is_shown_as_lost_and_its_people_are_not_counted() -> None:
    text = shown(folded(status("running", 1), headcount(value=77, rate=0.5), status("lost", 1)))
    assert "mất kết nối / lost" in text
    assert "77" not in text
    assert "50%" not in text
    assert "total: 0" in text


def test_an_old_number_is_shown_with_its_age() -> None:
    late = power(at="2012-11-20T07:33:00.000Z")
    text = shown(folded(status("running", 1), headcount(), late), AT + timedelta(seconds=200))
    assert "stale, 200 s" in text
    assert "total: 0" in text


@pytest.mark.parametrize("live", [[], [power(), headcount()]])
def test_a_site_that_says_nothing_is_silent_whatever_the_broker_has_stored_of_it(live: list[Any]) -> None:
    """No will was published: the broker lost its power together with the site, or it refuses the site."""
    sites = folded(status("running", 1), *live)
    text = shown(sites, AT + timedelta(seconds=200))
    assert "im lặng / silent, sau / after" in text
    assert "ok" not in text
    unsynced = folded(status("running", 1), power(clock="unsynced"))
    assert "silent" not in shown(unsynced, AT + timedelta(seconds=200))


def test_a_fault_names_the_step() -> None:
    text = shown(folded(status("running", 1), power(state="fault", step="display", reason="not_proven: camera")))
    assert "lỗi / fault" in text
    assert "(display)" in text
    assert "not prove itself" in " ".join(text.split())


def test_a_reason_that_nobody_translated_is_shown_as_it_came() -> None:
    assert "flux" in shown(folded(status("running", 1), headcount(value=None, state="unknown", reason="flux")))


def test_markup_in_a_name_stays_text() -> None:
    about = {
        "at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced", "name": "[red]x[/red]", "path": [],
    }  # fmt: skip
    assert "[red]x[/red]" in shown(folded(("diemcau/v1/nam-sach/about", about), status("running", 1)))


def test_a_site_without_anything_has_a_row_all_the_same() -> None:
    assert "nam-sach" in shown(Sites({"nam-sach": SiteView("nam-sach")}))


def test_rows_that_wait_at_the_site_are_counted_and_old_ones_aged() -> None:
    young = shown(folded(status("running", 1), headcount(), told("health", outbox_rows=3, outbox_oldest_s=20.0)))
    assert " 3 " in young
    assert "rows wait" not in young
    old = folded(status("running", 1), headcount(), told("health", outbox_rows=345, outbox_oldest_s=7300.0))
    for words in ("345", "2 h", "lịch sử chưa tới trung tâm / rows wait"):
        assert words in shown(old)
    lost = folded(status("running", 1), told("health", outbox_rows=0, outbox_oldest_s=None, rows_lost=12))
    assert "mất 12 dòng / 12 rows lost" in shown(lost)


def test_a_site_that_is_away_says_since_when_as_far_as_that_is_known() -> None:
    here = f"{AT.astimezone():%H:%M}"
    assert f"lost, sau / after {here}" in shown(folded(headcount(), status("lost", 1)))
    assert f"stopped, {here}" in shown(folded(headcount(), status("stopped", 1)))
    topic, will = status("lost", 1)
    unset = shown(folded((topic, {**will, "clock": "unsynced"})))  # who knows what its clock said
    assert "lost" in unset
    assert "after" not in unset


def test_what_the_room_needs_and_has_not_is_named_and_counted() -> None:
    checks = [
        check("mic", "failed", required=False, reason="missing"), check("screen", "warning", reason="flapping"),
        check("camera", "failed", reason="missing"), check("codec", "failed", reason="unreachable"),
    ]  # fmt: skip
    text = shown(folded(status("running", 1), headcount(), told("readiness", ready=False, checks=checks)))
    assert "camera: không thấy thiết bị / missing (+1)" in text
    assert "mic" not in text


@pytest.mark.parametrize(
    ("kind", "severity", "words"),
    [
        ("site.duplicate", "fault", "hai hộp dùng chung mã này / two boxes claim this site"),
        ("link.refused", "fault", "the broker refuses a report"),
        ("outbox.gap", "warning", "a part of the history is gone"),
    ],
)
def test_an_event_that_no_topic_tells_is_shown_for_a_quarter_of_an_hour(kind: str, severity: str, words: str) -> None:
    sites = folded(status("running", 1), headcount(), event(kind, severity), event("power.changed", "info"))
    assert words in shown(sites)
    assert words not in shown(sites, AT + timedelta(minutes=16))
    late = (event(kind, severity)[0], {**event("device.lost", "warning")[1], "at": "2012-11-19T07:30:00.000Z"})
    raw = json.dumps(late[1]).encode()
    assert words in shown(take(sites, late[0], raw)[0])  # what had waited at the site is older news


def test_two_findings_stand_there_the_worse_first() -> None:
    sites = folded(
        status("running", 1), power(state="fault", reason="relay_failed"), headcount(reason="dark"),
        event("site.duplicate", "fault"),
    )  # fmt: skip
    text = shown(sites)
    assert text.index("relay could not be driven") < text.index("two boxes claim")
    assert "dark" not in text


def many(count: int) -> Sites:
    """Sites of which every tenth from the seventh is lost."""
    sites = Sites()
    for number in range(count):
        site = f"site-{number:03}"
        for topic, document in (status("lost" if number % 10 == 7 else "running", 1), headcount(value=7), power(),
                                told("health", outbox_rows=0, outbox_oldest_s=None)):  # fmt: skip
            sites, _ = take(sites, topic.replace("nam-sach", site), json.dumps(document).encode())
    return sites


@pytest.mark.parametrize("height", [12, 30, 60])
def test_a_table_longer_than_the_terminal_shows_those_in_trouble_first(height: int) -> None:
    console = Console(width=100, height=height, file=io.StringIO())
    text = printed(fitting_table(many(300).ordered(), AT, "t", console), 100)
    assert len(text.splitlines()) < height
    rows = [line for line in text.splitlines() if "site-" in line]
    assert len(rows) >= (height - 9) // 2
    assert all(f"site-{10 * number + 7:03}" in row for number, row in enumerate(rows[:30]))
    assert f"{300 - len(rows)} more sites, better off" in text
    assert "total: 1890" in text  # of all, not of those that are shown
    assert "vắng / away: 30" in text


def test_a_table_that_fits_keeps_its_order_and_the_chosen_one_stays_in_sight() -> None:
    console = Console(width=100, height=40, file=io.StringIO())
    few = printed(fitting_table(many(9).ordered(), AT, "t", console, chosen=3), 100)
    assert [line[2:10] for line in few.splitlines() if "site-" in line] == [f"site-{each:03}" for each in range(9)]
    views = many(300).ordered()
    first = next(
        line for line in printed(fitting_table(views, AT, "t", console, 250), 100).splitlines() if "site-" in line
    )
    assert "site-250" in first


def test_at_a_hundred_columns_no_word_is_broken() -> None:
    about = told("about", name="Trung tâm Hội nghị Quốc gia", path=[])
    sites = folded(
        status("running", 1), about, power(state="starting", step="display"), headcount(summoned=120, rate=0.04),
        told("health", outbox_rows=12345, outbox_oldest_s=90000.0),
    )  # fmt: skip
    text = shown(sites, width=100)
    assert max(map(len, text.splitlines())) <= 100
    for word in ("Triệu tập", "Summoned", "Waiting", "12345", "starting", "Quốc", "trung", "120", "4%"):
        assert word in text


def test_times_are_this_machines_own_and_durations_are_short() -> None:
    assert short_time(AT, AT + timedelta(days=2)) == f"{AT.astimezone():%d/%m %H:%M}"
    assert [duration(each) for each in (5, 119, 120, 7199, 7200, 200_000)] == [
        "5 s",
        "119 s",
        "2 m",
        "120 m",
        "2 h",
        "2 d",
    ]
    assert last_heard(SiteView("nam-sach")) is None
