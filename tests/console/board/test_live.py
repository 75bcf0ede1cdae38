"""What the board knows, against a real broker: tiles as messages come, and the centre's words to the sites."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import create_engine

from agent.adapters.mosquitto import Mosquitto
from agent.console.board.live import Change, Live
from agent.console.board.tile import Acknowledged, Tile
from agent.console.recorder_tables import META, PROGRESS, ROW
from agent.core.contract import ROOT, Conference, Power
from agent.core.errors import LinkError
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S
from tests.console.test_ask import FakeSite, final
from tests.console.test_sites import headcount
from tests.console.test_table import check
from tests.faults.line import Line

SITE = "nam-sach"


def now(later_s: float = 0.0) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=later_s)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Room:
    """Says what sites say, stored at the broker."""

    def __init__(self, port: int) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def raw(self, name: str, raw: bytes, site: str = SITE) -> mqtt.MQTTMessageInfo:
        return self.client.publish(f"{ROOT}/{site}/{name}", raw, 1, retain=True)

    def say(self, name: str, site: str = SITE, /, **fields: Any) -> mqtt.MQTTMessageInfo:
        common = {"at": now(), "session": "s", "clock": "synced"}
        return self.raw(name, json.dumps({**common, **fields}).encode(), site)

    def count(self, value: int | None, site: str = SITE, **more: Any) -> None:
        said = {key: each for key, each in headcount()[1].items() if key not in ("at", "session", "clock")}
        self.say("headcount", site, **{**said, "value": value, **more})

    def arrive(self, site: str = SITE, power: str = "on") -> None:
        self.say("status", site, state="running", connection=1, boot_id="b", version="1")
        self.say("power", site, state=power, loads={})
        self.say("readiness", site, ready=True, checks=[check("camera-main", "ok")])
        self.count(5, site)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Board:
    """The live side and all its changes."""

    def __init__(self, url: str, **more: Any) -> None:
        self.live = Live(broker_at(url), **more)
        self.changes: list[Change] = []
        self._some = threading.Condition()
        self.live.subscribe(self._take)
        self.live.start()

    def _take(self, change: Change) -> None:
        with self._some:
            self.changes.append(change)
            self._some.notify_all()

    def wait(self, fits: Callable[[Change], bool], why: str) -> Change:
        """The first change that fits, of those that came and those that come."""
        with self._some:
            assert self._some.wait_for(lambda: any(map(fits, self.changes)), PATIENCE_S), why
            return next(filter(fits, self.changes))

    def tile(self, fits: Callable[[Tile], bool], why: str, site: str = SITE) -> Tile:
        """The first tile of a site that fits."""
        change = self.wait(lambda each: site in each.picture.tiles and fits(each.picture.tiles[site]), why)
        return change.picture.tiles[site]


@pytest.fixture
def room(broker: Mosquitto) -> Iterator[Room]:
    made = Room(broker.port)
    yield made
    made.close()


@pytest.fixture
def board(broker: Mosquitto) -> Iterator[Board]:
    made = Board(broker.url)
    yield made
    made.live.close()


def test_what_is_stored_is_there_at_once_and_what_is_said_comes_as_a_change(broker: Mosquitto, room: Room) -> None:
    room.arrive()
    room.count(7)
    room.say("about", name="Huyện Nam Sách", path=["Hải Dương"]).wait_for_publish(PATIENCE_S)
    board = Board(broker.url)
    try:
        first = board.wait(lambda change: bool(change.picture.tiles), "nothing came")
        tile = first.picture.tiles[SITE]
        assert (tile.state, tile.present, tile.name) == ("ready", 7, "Huyện Nam Sách")
        assert (first.changed, first.gone, first.picture.is_connected) == ({SITE}, set(), True)
        room.count(8)
        second = board.wait(lambda change: change.picture.totals.present == 8, "no change")
        assert second.changed == second.heard == {SITE}
        assert second.picture.number > first.picture.number
        assert board.live.picture.number >= second.picture.number
        view = board.live.view(SITE)
        assert view is not None
        assert view.headcount is not None
    finally:
        board.live.close()


def test_a_site_that_is_cleared_is_no_more(board: Board, room: Room) -> None:
    room.arrive()
    room.arrive("chi-linh")
    board.wait(lambda change: len(change.picture.tiles) == 2, "two sites")
    for name in ("status", "power", "readiness", "headcount"):
        room.raw(name, b"")
    change = board.wait(lambda each: SITE in each.gone, "still there")
    assert change.picture.tiles.keys() == {"chi-linh"}
    assert change.picture.totals.sites == 1
    assert board.live.view(SITE) is None


def test_a_site_that_is_cleared_while_the_line_is_down_is_no_more(broker: Mosquitto, room: Room) -> None:
    line = Line(broker.port)
    board = Board(line.url)
    try:
        room.arrive()
        room.arrive("chi-linh")
        board.wait(lambda change: len(change.picture.tiles) == 2, "two sites")
        line.is_hole = True
        line.reset()
        board.wait(lambda change: not change.picture.is_connected and bool(change.picture.tiles), "it did not notice")
        for name in ("status", "power", "readiness", "headcount"):
            told = room.raw(name, b"")
        told.wait_for_publish(PATIENCE_S)
        line.is_hole = False
        gone = board.wait(lambda each: SITE in each.gone, "still there")
        assert gone.picture.tiles.keys() == {"chi-linh"}
    finally:
        board.live.close()
        line.close()


def test_nonsense_is_told_and_harms_nobody(board: Board, room: Room) -> None:
    room.arrive()
    for raw in (b"\xff{", b"[]", b'{"at": 1e999}', b"x" * 70_000):
        room.raw("power", raw)
        room.raw("command/result", raw)
    tile = board.tile(lambda each: bool(each.issues), "nobody noticed")
    assert [each.key for each in tile.issues] == ["nonsense"]
    assert tile.present == 5


def test_a_conference_that_begins_shows_without_a_message(board: Board, room: Room) -> None:
    room.arrive(power="off")
    times = {"starts_at": now(2), "ends_at": now(3600)}
    room.raw("conference", json.dumps({"id": "c-1", **times, "summoned": 10}).encode())
    assert board.tile(lambda each: each.state == "warning", "no warning").issues[0].key == "room_off"


def test_a_broker_that_restarts_is_come_back_to_and_a_thousand_sites_with_it(
    board: Board, broker: Mosquitto, room: Room
) -> None:
    room.arrive()
    board.tile(lambda each: each.present == 5, "not there")
    broker.kill()
    away = board.wait(
        lambda change: not change.picture.is_connected and bool(change.picture.tiles), "it did not notice"
    )
    assert away.picture.tiles[SITE].present == 5  # for a minute and a half it is known what is known
    broker.start()
    board.wait(lambda change: change.picture.is_connected and change.picture.number > away.picture.number, "away")
    again = Room(broker.port)
    try:
        for number in range(1000):
            again.arrive(f"site-{number}")
        whole = board.wait(lambda each: each.picture.totals.present == 5005, "some are missing")
        assert whole.picture.totals.sites == 1001
        orders = [tile.order for tile in whole.picture.tiles.values()]
        assert orders == sorted(orders)
    finally:
        again.close()


def test_who_looks_after_an_issue_is_shown(board: Board, room: Room) -> None:
    room.arrive()
    room.say("readiness", ready=False, checks=[check("mic", "failed", reason="missing")])
    board.tile(lambda each: each.state == "warning", "no warning")
    board.live.acknowledged({(SITE, "check:mic:missing"): Acknowledged("an", time.time())})
    tile = board.tile(lambda each: each.issues != () and each.issues[0].acknowledged is not None, "nobody")
    assert tile.issues[0].acknowledged is not None
    assert tile.issues[0].acknowledged.by == "an"
    count = len(board.changes)
    board.live.acknowledged({})
    board.wait(lambda each: each in board.changes[count:] and SITE in each.changed, "still looked after")


def test_a_page_that_falls_takes_nobody_along(board: Board, room: Room) -> None:
    def fall(*_: Any) -> None:
        raise RuntimeError("a page fell")

    board.live.subscribe(fall)
    end = board.live.listen(SITE, ("power",), fall)
    room.arrive()
    board.tile(lambda each: each.present == 5, "the thread has ended")
    end()


def test_the_last_hour_is_read_from_the_database(broker: Mosquitto, room: Room, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/centre.db")
    META.create_all(engine)
    at_s = time.time() - 1800
    row: dict[str, Any] = {column.name: "x" if "VARCHAR" in str(column.type) else 0 for column in ROW.columns}
    row |= {"site": SITE, "topic": "history/headcount", "at_s": at_s, "from_s": at_s - 60, "to_s": at_s, "value": 42}
    with engine.begin() as db:
        db.execute(PROGRESS.insert(), {"site": SITE, "epoch": "x", "upto": 1})
        db.execute(ROW.insert(), {**row, "payload": "{}"})
    room.arrive()
    board = Board(broker.url, engine=engine)
    try:
        tile = board.tile(lambda each: 42 in each.trend and each.trend[-1] == 5, "no trend")
        assert 42 in tile.trend[:31]
    finally:
        board.live.close()
        engine.dispose()


def test_a_database_that_is_away_costs_the_trend_alone(broker: Mosquitto, room: Room, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/none/centre.db")
    room.arrive()
    board = Board(broker.url, engine=engine)
    try:
        assert board.tile(lambda each: each.present == 5, "nothing is shown").trend[:-2] == (None,) * 58
    finally:
        board.live.close()
        engine.dispose()


def test_a_command_has_the_sites_final_word(board: Board, broker: Mosquitto) -> None:
    fake = FakeSite(broker.port)
    try:
        fake.answers = lambda command: [
            final({"id": "of-somebody-else"}), final(command, state="accepted", result=None),
            final(command, state="refused", reason="locked", result=None),
        ]  # fmt: skip
        outcome = board.live.ask(SITE, "power", {"on": True}, "an").result(PATIENCE_S)
        assert outcome.result is not None
        assert (outcome.result.state, outcome.result.reason, outcome.silence) == ("refused", "locked", None)
        ((command, message),) = fake.heard
        assert (command["action"], command["args"], command["issued_by"]) == ("power", {"on": True}, "an")
        assert 0 < message.properties.MessageExpiryInterval <= 30
    finally:
        fake.close()


def test_steps_of_a_command_that_was_accepted_are_told(board: Board, broker: Mosquitto) -> None:
    fake, steps = FakeSite(broker.port), list[Power]()

    def answers(command: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        def later() -> None:  # topics are told apart: the step comes after the word that it was accepted
            until_s = time.monotonic() + PATIENCE_S
            while not steps and time.monotonic() < until_s:
                fake.store("power", {"at": now(), "session": "s", "clock": "synced", "state": "starting", "loads": {}})
                time.sleep(0.05)
            fake.client.publish(f"{ROOT}/{SITE}/command/result", json.dumps({**_common(), **final(command)}), 1)

        threading.Thread(target=later, daemon=True).start()
        return [final(command, state="accepted", result=None)]

    fake.answers = answers
    try:
        outcome = board.live.ask(SITE, "power", {"on": True}, "an", on_step=steps.append).result(PATIENCE_S)
        assert outcome.result is not None
        assert outcome.result.state == "done"
        assert steps[0].state == "starting"
    finally:
        fake.close()


def _common() -> dict[str, Any]:
    return {"at": now(), "session": "s", "clock": "synced"}


def test_why_there_is_no_answer_is_told(board: Board, broker: Mosquitto) -> None:
    assert board.live.ask(SITE, "identify", {}, "an", 300).result(PATIENCE_S).silence == "nobody_listens"
    fake = FakeSite(broker.port)
    try:
        assert board.live.ask(SITE, "identify", {}, "an", 1).result(PATIENCE_S).silence == "no_answer"
        waiting = board.live.ask(SITE, "identify", {}, "an", 300)
        board.live.drill("an", 3).result(PATIENCE_S)  # so it is out
        board.live.close()
        assert waiting.result(PATIENCE_S).silence == "broker_lost"
        stopped = Live(broker_at(broker.url))  # nobody ever begins with what it is asked
        never, unsaid = stopped.ask(SITE, "identify", {}, "an"), stopped.publish(SITE, "conference", None, retain=True)
        stopped.close()
        assert never.result(0).silence == "broker_lost"
        assert isinstance(unsaid.exception(0), TimeoutError)
    finally:
        fake.close()
    with pytest.raises(ValueError, match="not a site id"):
        board.live.ask("../x", "identify", {}, "an")


def test_what_is_stored_for_a_site_can_be_said_heard_and_taken_back(board: Board) -> None:
    heard: list[tuple[str, bytes, bool]] = []
    end = board.live.listen(SITE, ("config/desired",), lambda *each: heard.append(each))
    begins = datetime.now(UTC)
    conference = Conference(id="c-1", starts_at=begins, ends_at=begins + timedelta(hours=2))
    assert board.live.publish(SITE, "conference", conference, retain=True).result(PATIENCE_S) < 0x80
    assert board.tile(lambda each: each.conference == "c-1", "not summoned").state == "unknown"
    assert board.live.say(SITE, "config/desired", b"{}", retain=True).result(PATIENCE_S) < 0x80
    assert board.live.publish(SITE, "conference", None, retain=True).result(PATIENCE_S) < 0x80
    board.wait(lambda each: SITE in each.gone, "still summoned")
    assert [each[:2] for each in heard] == [("config/desired", b"{}")]
    end()


def test_what_the_brokers_rights_do_not_allow_is_said(tmp_path: Path, mosquitto_program: str) -> None:
    rights = tmp_path / "acl"
    rights.write_text(f"topic read {ROOT}/#\n")
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous true\nacl_file {rights}")
    broker.start()
    board = Board(broker.url)
    try:
        assert board.live.ask(SITE, "identify", {}, "an").result(PATIENCE_S).silence == "not_permitted"
        assert board.live.publish(SITE, "conference", None, retain=True).result(PATIENCE_S) >= 0x80
        assert board.live.drill("an", 3).result(PATIENCE_S) >= 0x80
    finally:
        board.live.close()
        broker.close()


def test_a_broker_that_refuses_us_is_told_at_the_start(tmp_path: Path, mosquitto_program: str) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous false")
    broker.start()
    try:
        with pytest.raises(LinkError, match="refuses this user"):
            Live(broker_at(broker.url)).start()
    finally:
        broker.close()
