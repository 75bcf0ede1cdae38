"""A room's geometry on the board, and zones drawn there that become a config push: real pages, a real broker."""

import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import create_engine

from agent.adapters.mosquitto import ANYBODY, Mosquitto
from agent.console.board.access import User
from agent.console.board.live import Live
from agent.console.board.serve import Board
from agent.console.recorder_tables import META
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S, Ear, Site, wait_for
from tests.console.board.access_bed import Browser
from tests.console.config_bed import COMMON, FakeSite, Way, sites_at
from tests.console.test_config_push_command import stored

LEFT = "0,0 0.5,0 0.5,1 0,1"
CORNER = "0,0 1,0 1,1"
AIM: dict[str, Any] = {
    "width": 1920,
    "height": 1080,
    "places": [{"x": 0.1, "y": 0.4, "w": 0.1, "h": 0.1, "seen_share": 0.75}],
    "include": [],
    "exclude": [],
    "set_aside": [{"reason": "portrait", "x": 0.8, "y": 0.1, "w": 0.1, "h": 0.1}],
}
NUMBERS = count(1)


@dataclass
class Person:
    """Somebody who looks at the geometry of one site."""

    browser: Browser
    site: str

    @property
    def page(self) -> str:
        """Where it is."""
        return f"/site/{self.site}/geometry"

    def look(self, path: str = "") -> str:
        """A page's text; empty: there is none."""
        answer = self.browser.get(path or self.page)
        return html.unescape(answer.text) if answer.status_code == 200 else ""

    def wait(self) -> str:
        """The page, once the board has heard of the site."""
        page: str = wait_for(self.look, "the board hears of the site")
        return page

    def ask(self) -> Any:
        """Ask the room."""
        return self.browser.act(self.page)

    def send(self, exclude: str, include: str = "", step: str = "preview", seen: str = "") -> Any:
        """The form."""
        fields = {"exclude": exclude, "include": include, "step": step, "seen": seen}
        return self.browser.act(f"/site/{self.site}/zones", **fields)

    def preview(self, exclude: str) -> tuple[str, str]:
        """The page, and what it says that it has seen."""
        answer = self.send(exclude)
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text), re.findall(r'name="seen" value="([^"]*)"', answer.text)[0]

    def begin(self, exclude: str = LEFT) -> str:
        """Preview and push: the address of its progress."""
        answer = self.send(exclude, step="push", seen=self.preview(exclude)[1])
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def over(self, path: str) -> str:
        """The page of a push that has come to its end."""
        page: str = wait_for(lambda: (text := self.look(path)) and 'data-over="1"' in text and text, "its end")
        return page


@contextmanager
def board_at(url: str, folder: Path, role: Any = "technician") -> Iterator[Browser]:
    """A board at a broker, and somebody who looks at it."""
    engine = create_engine(f"sqlite:///{folder}/centre.db")
    META.create_all(engine)
    with Board(Live(broker_at(url)), engine, everybody=User("lan", role)) as board:
        browser = Browser(board.url)
        try:
            yield browser
        finally:
            browser.close()
    engine.dispose()


@pytest.fixture(scope="module")
def hall(mosquitto_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One broker for all; each test has a site of its own."""
    running = Mosquitto(tmp_path_factory.mktemp("broker"))
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def browser(hall: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with board_at(hall.url, tmp_path_factory.mktemp("board")) as made:
        yield made


@pytest.fixture
def fake(hall: Mosquitto) -> Iterator[Callable[[Way], FakeSite]]:
    """Makes a site that takes a push in this way."""
    made: list[FakeSite] = []

    def make(way: Way = "good") -> FakeSite:
        made.append(FakeSite(hall.port, f"site-{next(NUMBERS)}", way))
        return made[-1]

    yield make
    for each in made:
        each.close()


@contextmanager
def camera(port: int, site: str, state: str = "done", **fields: Any) -> Iterator[None]:
    """Answers ``aim`` for a site, with whatever it is told to."""
    said = {**COMMON, "state": state, "reason": None, "result": None, **fields}
    ready = threading.Event()

    def answer(peer: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        raw = json.dumps({**said, "id": json.loads(message.payload)["id"]})
        peer.publish(f"diemcau/v1/{site}/command/result", raw, 1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = answer
    client.connect("127.0.0.1", port)
    client.subscribe(f"diemcau/v1/{site}/command", 1)
    client.loop_start()
    try:
        assert ready.wait(PATIENCE_S)
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def asked(person: Person, people: int) -> list[float]:
    """From left to right, where people sit; none while they are not so many."""
    assert person.ask().status_code == 303
    places = [float(x) for x in re.findall(r'data-kind="place" data-x="([0-9.]+)"', person.look())]
    return places if len(places) == people else []


def test_from_a_look_at_the_room_to_zones_that_run_there(
    broker: Mosquitto, tmp_path: Path, ear: Ear, site: Callable[..., Site]
) -> None:
    site(broker.url, [{"at_s": 0, "do": "arrive", "people": 12}, {"at_s": 2, "do": "press"}]).start()
    with board_at(broker.url, tmp_path) as browser:
        lan = Person(browser, "chi-linh")
        ear.wait("/headcount", lambda said: (said["value"], said["state"]) == (12, "ok"), "12 people")
        assert "Chưa hỏi phòng này" in lan.wait()
        # With looks this fast nobody can be known for a person before some are over: places come later than the number.
        places = wait_for(lambda: asked(lan, people=12), "12 places")
        page, seen = lan.preview(LEFT)
        assert f'data-count="aside">{sum(x < 0.5 for x in places)}</span> / 12' in page
        assert "headcount.exclude" in page
        assert f'<pre class="in">{LEFT}</pre>' in page
        ear.forget()
        answer = lan.send(LEFT, step="push", seen=seen)
        assert "đã áp dụng" in lan.over(answer.headers["location"])
        said = ear.wait("/headcount", lambda said: bool(said.get("set_aside")), "that says what is set aside")
        assert [each["reason"] for each in said["set_aside"]] == ["excluded"]
        left = json.loads(stored(broker, "chi-linh"))
        assert (left["issued_by"], left["confirm_within_s"]) == ("board:lan", 0)
        wait_for(lambda: LEFT in lan.look(), "the form holds what runs there now")
        assert "Không có gì thay đổi" in lan.preview(LEFT)[0]


def test_what_a_room_answers_is_drawn_and_told_as_a_table(
    hall: Mosquitto, browser: Browser, fake: Callable[[Way], FakeSite]
) -> None:
    lan = Person(browser, fake("good").site)
    lan.wait()
    with camera(hall.port, lan.site, result=AIM):
        assert lan.ask().status_code == 303
    page = lan.look()
    for words in ('viewBox="0 0 1000 562"', 'fill-opacity="0.75"', "75,0 %", "ảnh treo tường", "1920 × 1080"):
        assert words in page


def test_an_answer_that_is_none_is_told(hall: Mosquitto, browser: Browser, fake: Callable[[Way], FakeSite]) -> None:
    lan = Person(browser, fake("good").site)
    lan.wait()
    answers: list[tuple[str, dict[str, Any]]] = [
        ("không đọc được", {"result": {**AIM, "places": "<b>none</b>"}}),
        ("không đọc được", {"result": {**AIM, "exclude": [[[0, 0]]] * 65}}),
        ("không đọc được", {"result": None}),
        ("quá nhiều lệnh", {"state": "refused", "reason": "too_many"}),
        ("không trả lời được", {"state": "failed", "reason": "<b>"}),
    ]
    for words, answer in answers:
        with camera(hall.port, lan.site, **answer):
            page = lan.ask().text
        assert words in page
        assert "<b>" not in page
    assert "không có điểm cầu nào nhận lệnh" in lan.ask().text


def test_what_there_is_not_is_not_found(browser: Browser, fake: Callable[[Way], FakeSite]) -> None:
    site = fake("good").site
    Person(browser, site).wait()
    for path in ("/site/no-such/geometry", "/site/NO%2Fsuch/geometry", f"/site/{site}/zones/no-such-push"):
        assert browser.get(path).status_code == 404
    assert browser.act("/site/no-such/zones", exclude=LEFT).status_code == 404


def test_a_mistake_in_the_zones_is_told_and_what_was_written_stays(
    browser: Browser, fake: Callable[[Way], FakeSite]
) -> None:
    site = fake("good")
    lan = Person(browser, site.site)
    lan.wait()
    answer = lan.send("0,0 1,1 1,0 0,1\n<script>alert(1)</script>", "1,2")
    assert answer.status_code == 422
    for words in ("vùng loại trừ, dòng 1: các cạnh cắt nhau", "exclude, line 2", "include, line 1"):
        assert words in answer.text
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in answer.text
    assert lan.send(" ".join(["0.1,0.1"] * 5000)).status_code == 422
    assert lan.send(LEFT, step="edit").text.count(LEFT) == 1
    assert site.desired == []


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("good", "đã áp dụng"),
        ("invalid", "cấu hình sai"),
        ("rolled_back", "có phần không chạy được (camera)"),
        ("stale", "có người vừa thay đổi điểm cầu này"),
    ],
)
def test_how_a_push_ends_is_told(
    hall: Mosquitto, browser: Browser, fake: Callable[[Way], FakeSite], way: Way, words: str
) -> None:
    site = fake(way)
    lan = Person(browser, site.site)
    lan.wait()
    assert words in lan.over(lan.begin())
    first = json.loads(site.desired[0])
    assert (first["revision"], first["base_revision"], first["issued_by"]) == (4, 3, "board:lan")
    assert first["config"]["headcount"]["exclude"] == [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]
    assert first["config"]["headcount"]["window_s"] == 90, "the rest of the config stays as it is"
    assert bool(stored(hall, site.site)) == (way == "good"), "what failed is taken back"


def test_a_room_that_is_worse_goes_back_and_nobody_else_pushes_meanwhile(
    browser: Browser, fake: Callable[[Way], FakeSite]
) -> None:
    site = fake("worse")
    lan = Person(browser, site.site)
    lan.wait()
    path = lan.begin()
    wait_for(lambda: "có thiết bị kém hơn trước" in lan.look(path), "it is not confirmed")
    assert "camera-main" in lan.look(path)
    assert path in lan.look(), "the page of the room leads to it"
    page, seen = lan.preview(CORNER)
    assert "đang thử một thay đổi khác ở đó" in page
    assert lan.send(CORNER, step="push", seen=seen).status_code == 409
    assert len(site.desired) == 1
    site.go_back()
    assert "đã quay về cấu hình cũ" in lan.over(path)
    assert site.confirmed == []


def test_who_looked_at_something_else_looks_again(browser: Browser, fake: Callable[[Way], FakeSite]) -> None:
    """Two technicians: the second one has seen what the first one has replaced."""
    lan = Person(browser, fake("good").site)
    lan.wait()
    _, seen = lan.preview(CORNER)
    lan.over(lan.begin())
    answer = lan.send(CORNER, step="push", seen=seen)
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert "cấu hình ở đó vừa thay đổi" in page
    assert f'<pre class="out">{LEFT}</pre>' in page, "what would be replaced is the other one's"


def test_a_site_that_is_away_is_not_pushed_to(browser: Browser, fake: Callable[[Way], FakeSite]) -> None:
    site = fake("good")
    lan = Person(browser, site.site)
    lan.wait()
    site.status("lost")
    wait_for(lambda: "không trực tuyến" in lan.preview(LEFT)[0], "the board hears that it is away")
    assert lan.send(LEFT, step="push", seen=lan.preview(LEFT)[1]).status_code == 409
    assert site.desired == []


def test_only_technicians_draw_and_only_operators_ask(
    hall: Mosquitto, tmp_path: Path, fake: Callable[[Way], FakeSite]
) -> None:
    site = fake("good").site
    for role, asked in (("viewer", 403), ("operator", 200)):
        with board_at(hall.url, tmp_path, role) as browser:
            person = Person(browser, site)
            assert "<textarea" not in person.wait()
            assert person.ask().status_code == asked
            assert person.send(LEFT, step="push").status_code == 403


def test_what_the_broker_does_not_let_the_board_do_is_told(tmp_path: Path, mosquitto_program: str) -> None:
    names = ("about", "status", "config/reported", "config/running")
    (tmp_path / "acl").write_text("topic read #\n" + "".join(f"topic write diemcau/v1/+/{name}\n" for name in names))
    (tmp_path / "acl").chmod(0o600)
    strict = Mosquitto(tmp_path, extra=f"{ANYBODY}\nacl_file {tmp_path / 'acl'}")
    strict.start()
    try:
        with sites_at(strict.port, {"chi-linh": "good"}), board_at(strict.url, tmp_path) as browser:
            lan = Person(browser, "chi-linh")
            lan.wait()
            assert "máy chủ không cho phép" in lan.ask().text
            assert "máy chủ không cho phép" in lan.over(lan.begin())
    finally:
        strict.close()


def test_a_broker_that_is_away_is_told_and_what_was_written_stays(
    broker: Mosquitto, tmp_path: Path, mosquitto_program: str
) -> None:
    with board_at(broker.url, tmp_path) as browser, sites_at(broker.port, {"chi-linh": "good"}):
        lan = Person(browser, "chi-linh")
        lan.wait()
        wait_for(lambda: browser.get("/health").status_code == 200, "the board has its broker")
        broker.close()
        wait_for(lambda: browser.get("/health").status_code == 503, "the board has lost the broker")
        answer = lan.send(LEFT)
        assert answer.status_code == 503
        assert "mất kết nối với máy chủ" in answer.text
        assert f"{LEFT}</textarea>" in answer.text
