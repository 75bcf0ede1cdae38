"""The live table: unknown is unknown with its reason, never a number."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from agent.console.sites import Sites, SiteView
from agent.console.table import sites_table
from tests.console.test_sites import folded, headcount, status

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)


def shown(sites: Sites, now: datetime = AT) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(sites_table(sites.ordered(), now, "t"))
    console.file.close()
    return console.export_text()


def power(**fields: Any) -> tuple[str, dict[str, Any]]:
    common = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
    return "diemcau/v1/nam-sach/power", {**common, "state": "on", "loads": {}, **fields}


def test_a_counted_site_shows_present_summoned_and_rate() -> None:
    text = shown(folded(status("running", 1), power(), headcount(value=49, summoned=50, rate=0.98)))
    assert "49" in text
    assert "98%" in text
    assert "bật / on" in text
    assert "tốt / ok" in text


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
    text = shown(folded(status("running", 1), headcount()), AT + timedelta(seconds=200))
    assert "stale, 200 s" in text
    assert "total: 0" in text


def test_a_fault_names_the_step() -> None:
    text = shown(folded(status("running", 1), power(state="fault", step="display", reason="not_proven: camera")))
    assert "lỗi / fault (display)" in text
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
