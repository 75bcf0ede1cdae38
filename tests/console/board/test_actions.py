"""What operators do from the board, through a real broker that minds who may: a site hears it, or nobody does."""

import html
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from agent.adapters.mosquitto import Mosquitto
from agent.console.board.deeds import DeedLog
from agent.console.board.live import Change, Live, Outcome
from agent.console.board.serve import Board
from agent.core.advice import SENTENCES
from agent.core.contract import ALL_COMMAND
from agent.core.identity import BrokerSection
from tests.conftest import PATIENCE_S, wait_for
from tests.console.board.access_bed import PASSWORD, SINCE, SITE, Browser, ToldLive, result, tile
from tests.console.test_ask import COMMON, FakeSite, final

REAL = "nam-sach"
PLUG_IN = SENTENCES["usb-camera", "missing"]
RIGHTS = """\
topic read nothing

user site
topic readwrite diemcau/#

user viewer
topic read diemcau/#

user operator
topic read diemcau/#
topic write diemcau/v1/+/command
"""


@pytest.fixture
def centre(tmp_path: Path, mosquitto_program: str) -> Iterator[Mosquitto]:
    """A broker at which each user has the rights of a role."""
    rights = tmp_path / "rights"
    rights.write_text(RIGHTS)
    rights.chmod(0o600)
    (tmp_path / "password").write_text("x")
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous true\nacl_file {rights}")
    broker.start()
    yield broker
    broker.close()


@pytest.fixture
def site(centre: Mosquitto) -> Iterator[FakeSite]:
    made = FakeSite(centre.port, user="site")
    made.client.subscribe(ALL_COMMAND, 1)
    made.status("running")
    made.answers = lambda command: [final(command)]
    yield made
    made.close()


Open = Callable[[str], tuple[Board, Browser]]


@pytest.fixture
def open_board(centre: Mosquitto, site: FakeSite, engine: Engine, tmp_path: Path) -> Iterator[Open]:
    """A board that is this user at the broker, and an operator at it."""
    opened: list[tuple[Board, Browser]] = []

    def open_(user: str) -> tuple[Board, Browser]:
        address = BrokerSection(url=centre.url, username=user, password_file=str(tmp_path / "password"))
        board = Board(Live(address), engine)
        board.start()
        board.access.users.add("Lan", "operator", PASSWORD)
        person = Browser(board.url, follow_redirects=True)
        opened.append((board, person))
        person.sign_in("Lan")
        wait_for(lambda: REAL in board.parts.live.picture.tiles, "the site is heard")
        return board, person

    yield open_
    for board, person in opened:
        person.close()
        board.close()


def said(page: str) -> str:
    """The message on a page, without its tags."""
    found = re.search(r'<p class="flash[^>]* role="(?:status|alert)">(.*?)</p>', page, re.DOTALL)
    return "" if found is None else " ".join(re.sub(r"<[^>]*>", "", found[1]).split())


def test_an_operators_command_reaches_the_site_and_its_answer_the_page(open_board: Open, site: FakeSite) -> None:
    _, person = open_board("operator")
    page = person.act(f"/site/{REAL}/power", on="1")
    assert page.url.path == f"/site/{REAL}"
    assert said(page.text) == "bật phòng room on: xong done"
    person.act(f"/site/{REAL}/recount", people="37")
    site.answers = lambda command: [final(command, state="refused", reason="locked", result=None)]
    page = person.act(f"/site/{REAL}/power", on="0", sure="1")
    assert "điểm cầu từ chối: đang họp, phòng đã khoá" in said(page.text)
    assert [(command["action"], command["args"], command["issued_by"]) for command, _ in site.heard] == [
        ("power", {"on": True}, "board:Lan"),
        ("recount", {"people": 37}, "board:Lan"),
        ("power", {"on": False}, "board:Lan"),
    ]


def test_what_the_broker_does_not_permit_is_said_and_reaches_nobody(open_board: Open, site: FakeSite) -> None:
    _, person = open_board("viewer")
    assert "máy chủ không cho phép" in said(person.act(f"/site/{REAL}/identify").text)
    assert "máy chủ không cho phép" in said(person.act("/drill").text)
    assert site.heard == []


def test_a_drill_lists_who_says_how_it_is(open_board: Open, site: FakeSite) -> None:
    board, person = open_board("operator")
    checks = [{"name": "camera-main", "group": "display", "required": True, "state": "failed", "reason": "missing",
               "since": COMMON["at"], "advice": PLUG_IN[0]}]  # fmt: skip

    def answers(command: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        said = {**COMMON, "at": "2012-11-20T07:31:00.000Z", "ready": False, "checks": checks}
        site.store("readiness", said, waits=False)
        return [final(command)]

    known = threading.Event()

    def take(change: Change) -> None:
        view = board.parts.live.view(REAL)
        if view is not None and view.readiness is not None:
            known.set()

    board.parts.live.subscribe(take)
    site.store("readiness", {**COMMON, "ready": True, "checks": []})
    assert known.wait(PATIENCE_S)  # what it said before the question is no answer
    site.answers = answers
    assert "Chưa có lần nào" in person.get("/drill").text
    page = person.act("/drill")
    assert page.headers["refresh"] == "2"  # until everybody had time to answer
    page = wait_for(lambda: PLUG_IN[1] in (text := html.unescape(person.get("/drill").text)) and text, "the answer")
    assert f"không thấy thiết bị — {PLUG_IN[0]}" in page
    assert "chưa sẵn sàng" in page
    assert "camera-main: không thấy thiết bị" in page
    assert [command["action"] for command, _ in site.heard] == ["report"]


def test_who_does_not_answer_a_drill_is_told_to_be_looked_at(engine: Engine) -> None:
    live = ToldLive()
    with Board(live, engine) as board:
        board.access.users.add("Lan", "operator", PASSWORD)
        person = Browser(board.url, follow_redirects=True)
        person.sign_in("Lan")
        DeedLog(engine, lambda: board.access.now() - 11).begin("Lan", "", "drill", {})
        page = person.get("/drill")
        assert "refresh" not in page.headers
        assert "không trả lời" in page.text
        live.code = 0x87
        assert "máy chủ không cho phép" in said(person.act("/drill").text)
        person.close()


@pytest.fixture
def told() -> ToldLive:
    return ToldLive()


@pytest.fixture
def board(engine: Engine, told: ToldLive) -> Iterator[Board]:
    with Board(told, engine) as made:
        made.access.users.add("Lan", "operator", PASSWORD)
        made.access.users.add("Hùng", "viewer", PASSWORD)
        yield made


@pytest.fixture
def person(board: Board) -> Iterator[Browser]:
    made = Browser(board.url, follow_redirects=True)
    made.sign_in("Lan")
    yield made
    made.close()


def test_off_is_asked_for_once_more_by_the_rooms_name(person: Browser, told: ToldLive) -> None:
    told.tiles = {SITE: tile(name="<b>Phòng & họp</b>")}
    page = person.act(f"/site/{SITE}/power", on="0")
    assert "&lt;b&gt;Phòng &amp; họp&lt;/b&gt;" in page.text
    assert told.asked == []
    person.act(f"/site/{SITE}/power", on="0", load="<b>đèn</b>")
    assert told.asked == []
    person.act(f"/site/{SITE}/power", on="0", load="<b>đèn</b>", sure="1")
    assert told.asked == [(SITE, "load", {"name": "<b>đèn</b>", "on": False}, "board:Lan")]


def test_what_is_no_such_command_is_refused(person: Browser, told: ToldLive) -> None:
    for path, fields in [
        ("power", {}),
        ("power", {"on": "yes"}),
        ("power", {"on": "1", "load": ""}),
        ("power", {"on": "1", "load": "x" * 41}),
        ("recount", {}),
        ("recount", {"people": "-1"}),
        ("recount", {"people": "1.5"}),
        ("recount", {"people": "1e300"}),
        ("recount", {"people": "nan"}),
        ("identify", {"for_s": "0"}),
        ("identify", {"for_s": "x"}),
    ]:
        assert person.act(f"/site/{SITE}/{path}", **fields).status_code == 400, fields
    for elsewhere in ("nowhere", "_all", "%23", "a%2Fb", "+"):
        assert person.act(f"/site/{elsewhere}/power", on="1").status_code == 404
    assert told.asked == []


def test_viewers_see_no_buttons_and_may_not_act(board: Board, person: Browser, told: ToldLive) -> None:
    viewer = Browser(board.url)
    viewer.sign_in("Hùng")
    assert f'action="/site/{SITE}/power"' in person.get(f"/site/{SITE}").text
    page = viewer.get(f"/site/{SITE}").text
    assert "Chí Linh" in page
    assert f"/site/{SITE}/power" not in page
    for path in ("power", "identify", "recount", "acknowledge"):
        assert viewer.act(f"/site/{SITE}/{path}", on="1", people="1").status_code == 403
    assert viewer.act("/drill").status_code == 403
    assert viewer.get("/drill").status_code == 403
    assert told.asked == []
    viewer.close()


def test_what_takes_long_is_under_way_and_its_end_is_noted(
    person: Browser, told: ToldLive, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.console.board.actions.ANSWER_WITHIN_S", 0.1)
    outcome: Future[Outcome] = Future()
    told.answer = lambda: outcome
    page = person.act(f"/site/{SITE}/power", on="1")
    assert "đang thực hiện" in said(page.text)
    outcome.set_result(Outcome(result("failed", "codec: not_proven: camera-main")))
    wait_for(lambda: DeedLog(engine).last()[0].state == "failed", "the end")
    assert "codec: thiết bị không phản hồi kịp" in said(person.get(f"/site/{SITE}?deed=1").text)


def test_a_broker_that_goes_away_is_said(person: Browser, told: ToldLive) -> None:
    def fails() -> "Future[Outcome]":
        future: Future[Outcome] = Future()
        future.set_exception(TimeoutError())
        return future

    told.answer = fails
    assert "mất máy chủ" in said(person.act(f"/site/{SITE}/identify").text)


def test_an_incident_is_acknowledged_once_and_not_when_it_is_another_one(
    person: Browser, told: ToldLive, engine: Engine
) -> None:
    since = repr(SINCE.timestamp())
    for key, when in [("lost", "1.0"), ("lost", ""), ("lost", "x"), ("other", since), ("", "")]:
        person.act(f"/site/{SITE}/acknowledge", key=key, since=when)
    assert DeedLog(engine).last() == []
    assert f'value="{since}"' in person.get(f"/site/{SITE}").text
    page = person.act(f"/site/{SITE}/acknowledge", key="lost", since=since)
    assert "nhận xử lý lost" in said(page.text)
    ack = told.acks[(SITE, "lost")]
    assert (ack.by, ack.since_s) == ("Lan", SINCE.timestamp())


def test_who_did_what_is_listed_for_operators(person: Browser) -> None:
    person.act(f"/site/{SITE}/identify")
    person.act(f"/site/{SITE}/power", on="0", load="<b>đèn</b>", sure="1")
    page = person.get(f"/site/{SITE}").text
    assert "tắt &lt;b&gt;đèn&lt;/b&gt;" in page
    assert page.index("tắt &lt;b&gt;") < page.rindex("nháy đèn")
    assert "<b>đèn" not in page
