"""The report's pages on a board that runs."""

import json
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from agent.console.board.reports import KEEP_S, KEPT_MAX, Reports
from agent.console.board.serve import Board
from agent.console.store import Store
from tests.console.board.access_bed import PASSWORD, Browser, ToldLive
from tests.console.report import bed


@pytest.fixture
def board(centre: Store) -> Iterator[Board]:
    with Board(ToldLive(), centre._engine) as made:
        made.access.users.add("Lan", "viewer", PASSWORD)
        yield made


@pytest.fixture
def browser(board: Board) -> Iterator[Browser]:
    made = Browser(board.url)
    assert made.sign_in("Lan").status_code == 303
    yield made
    made.close()


def test_a_viewer_reads_the_report_and_takes_its_files(browser: Browser) -> None:
    page = browser.get("/report/hn-11")
    assert page.status_code == 200
    assert "Thị xã Chí Linh" in page.text
    assert "<style" not in page.text
    assert "<script>alert" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert browser.get("/report.css").headers["content-type"].startswith("text/css")
    sheet = browser.get("/report/hn-11.csv")
    assert sheet.headers["content-disposition"] == "attachment; filename*=UTF-8''report-hn-11.csv"
    assert sheet.content.startswith("\ufeffMã / Site;".encode())
    assert browser.get("/report/hn-11.csv?separator=,").content.startswith("\ufeffMã / Site,".encode())
    assert "device.away" in browser.get("/report/hn-11.csv?part=incidents").text
    assert json.loads(browser.get("/report/hn-11.json").text)["conference"]["id"] == "hn-11"
    assert browser.get("/report/hn-11.png").content.startswith(b"\x89PNG")
    assert "<style>" in browser.get("/report/hn-11.html").text


def test_an_id_may_hold_anything(centre: Store, browser: Browser) -> None:
    odd = "họp/11 <b>?#%"
    centre.conferences.keep_summons([bed.summons("thanh-ha", conference=odd)])
    page = browser.get(f"/report/{quote(odd, safe='')}")
    assert page.status_code == 200
    assert f'href="/report/{quote(odd, safe="")}.csv"' in page.text
    assert browser.get(f"/report/{quote(odd, safe='')}.csv").status_code == 200


def test_of_an_unknown_one_there_is_no_page(browser: Browser) -> None:
    assert browser.get("/report/hn-12").status_code == 404
    assert browser.get("/report/hn-12.csv").status_code == 404


def test_who_is_not_signed_in_sees_none(board: Board) -> None:
    stranger = Browser(board.url)
    for path in ("/report/hn-11", "/report/hn-11.csv", "/report/hn-11.png"):
        assert stranger.get(path).status_code == 303
    stranger.close()


def test_a_database_that_is_away_is_said(centre: Store, browser: Browser) -> None:
    with centre._engine.begin() as db:
        db.exec_driver_sql("DROP TABLE summons")
    assert browser.get("/report/hn-11").status_code == 503


def test_a_report_is_kept_for_a_while(centre: Store) -> None:
    now_s = 0.0
    reports = Reports(centre._engine, lambda: now_s)
    first = reports.of("hn-11")
    now_s = KEEP_S - 0.1
    assert reports.of("hn-11") is first
    now_s = KEEP_S
    assert reports.of("hn-11") is not first
    for number in range(KEPT_MAX):
        centre.conferences.keep_summons([bed.summons("thanh-ha", conference=f"other-{number}")])
        assert reports.of(f"other-{number}") is not None
    assert len(reports._kept) == KEPT_MAX
    assert reports.of("hn-12") is None


def test_many_who_ask_at_once_wait_for_the_same_one(centre: Store) -> None:
    reports, found = Reports(centre._engine, lambda: 0.0), []
    threads = [threading.Thread(target=lambda: found.append(reports.of("hn-11"))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({id(each) for each in found}) == 1
