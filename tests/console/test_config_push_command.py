"""``diemcau config push`` against a real broker: fourteen sites, one that fails in each way, and people who Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import ANYBODY, Mosquitto
from agent.console import config_link
from agent.core.identity import BrokerSection
from tests.conftest import PATIENCE_S, wait_for
from tests.console.config_bed import ROOM, FakeSite, Way, rows_of, run, sites_at

PATCH = '{"headcount": {"window_s": 60}}'
SITE = "nam-sach"
BAD: list[Way] = ["invalid", "worse", "room_on", "silent", "rolled_back", "stale", "malformed"]


def push(broker: Mosquitto, *arguments: str, patch: str = PATCH) -> Any:
    return run("push", *arguments, "-", "--merge", "--yes", "--json", "--broker", broker.url, stdin=patch)


def stored(broker: Mosquitto, site: str = SITE) -> bytes:
    """What lies on config/desired."""
    found: list[bytes] = []
    ready = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = lambda c, u, message: found.append(message.payload)
    client.on_subscribe = lambda c, u, mid, codes, p: ready.set() if mid == 2 else c.subscribe("nothing/here", 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.subscribe(f"diemcau/v1/{site}/config/desired", 1)
    assert ready.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    return found[-1] if found else b""


@pytest.fixture(autouse=True)
def _short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is on this machine: what it has stored comes at once."""
    monkeypatch.setattr(config_link, "PAUSE_S", 0.2)


@pytest.fixture
def site(broker: Mosquitto) -> Iterator[FakeSite]:
    made = FakeSite(broker.port, SITE)
    yield made
    made.close()


def x(way: Way) -> str:
    return f"x-{way.replace('_', '-')}"


def before(site: FakeSite, confirm_within_s: float = 0) -> dict[str, Any]:
    """Something that lies on config/desired already; for good, unless it is to be confirmed."""
    update = {"id": "before", "revision": 2, "issued_by": "Lan", "issued_at": "2012-11-20T07:30:00.000Z", "config": {}}
    update["confirm_within_s"] = confirm_within_s
    site.say("config/desired", **update).wait_for_publish(PATIENCE_S)
    wait_for(lambda: site.desired, "it has come")
    return update


def test_a_site_that_takes_it_is_confirmed_and_finds_it_stored_for_good(broker: Mosquitto, site: FakeSite) -> None:
    result = push(broker, SITE, "--by", "An")
    assert result.return_value == 0
    row = rows_of(result)[SITE]
    assert row == {
        "site": SITE,
        "state": "applied",
        "reason": None,
        "revision": 4,
        "errors": [],
        "checks_worse": [],
        "wave": 1,
    }
    wait_for(lambda: len(site.desired) == 2, "the one for good has come there too")
    first, second = map(json.loads, site.desired)
    assert (first["revision"], first["base_revision"], first["issued_by"]) == (4, 3, "An")
    assert (first["confirm_within_s"], second["confirm_within_s"]) == (120, 0)
    assert {**first, "confirm_within_s": 0, "base_revision": None} == second == json.loads(stored(broker))
    assert first["config"] == {**ROOM, "headcount": {"window_s": 60}}
    assert site.confirmed == [first["id"]]


def test_what_would_change_nothing_is_not_pushed(broker: Mosquitto, site: FakeSite) -> None:
    result = push(broker, SITE, patch='{"headcount": {"window_s": 90, "threshold": 0.6}}')
    assert (result.return_value, rows_of(result)[SITE]["state"], site.desired) == (0, "unchanged", [])


@pytest.mark.parametrize(
    ("way", "state", "reason"),
    [
        ("mends", "applied", None),
        ("later", "applied", None),
        ("invalid", "rejected", "invalid"),
        ("stale", "rejected", "stale_base"),
        ("malformed", "rejected", "malformed"),
        ("rolled_back", "rolled_back", "part_failed: camera"),
        ("silent", "no_answer", "time_over"),
        ("unknown", "no_answer", "goes_back"),
        ("room_on", "deferred", "withdrawn: room_on"),
    ],
)
def test_each_way_that_it_can_go(broker: Mosquitto, site: FakeSite, way: Way, state: str, reason: str | None) -> None:
    site.way = way
    update = before(site)
    waits = state in ("no_answer", "deferred")
    result = push(broker, SITE, "--within", "1" if waits else "60")
    row = rows_of(result)[SITE]
    assert (row["state"], row["reason"], row["revision"]) == (state, reason, 4)
    assert result.return_value == (0 if state == "applied" else 1)
    if way == "invalid":
        assert row["errors"] == [{"path": "power", "message": "is wrong", "suggestion": None}]
    if state != "applied":  # what lay there before lies there again, and what waits is withdrawn
        assert {**update, **json.loads(stored(broker))} == json.loads(stored(broker))
        assert json.loads(stored(broker))["id"] == "before"
        assert (b"" in site.desired) is waits
        assert not site.confirmed


def test_a_site_with_a_worse_check_is_not_confirmed_and_goes_back_by_itself(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "worse"
    pushing = threading.Timer(0, lambda: wait_for(lambda: site.trial, "it is on trial") and site.go_back())
    pushing.start()
    result = push(broker, SITE)
    pushing.join()
    row = rows_of(result)[SITE]
    assert (row["state"], row["reason"], row["checks_worse"]) == ("rolled_back", "not_confirmed", ["camera-main"])
    assert (result.return_value, site.confirmed, stored(broker)) == (1, [], b"")


def test_what_somebody_else_desires_meanwhile_is_not_withdrawn(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "worse"

    def meanwhile() -> None:
        wait_for(lambda: site.trial, "it is on trial")
        trial, site.trial, site.way = site.trial, None, "silent"
        before(site)
        site.trial = trial
        site.go_back()

    other = threading.Thread(target=meanwhile)
    other.start()
    result = push(broker, SITE)
    other.join()
    assert rows_of(result)[SITE]["state"] == "rolled_back"
    assert json.loads(stored(broker))["id"] == "before"


def test_what_somebody_else_tries_and_nobody_confirms_is_not_put_back(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "rolled_back"
    before(site, confirm_within_s=120)
    assert rows_of(push(broker, SITE))[SITE]["state"] == "rolled_back"
    assert stored(broker) == b""


def test_a_site_that_is_lost_before_it_begins_is_not_waited_for(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "silent"
    gone = threading.Timer(0, lambda: wait_for(lambda: site.trial, "it has it") and site.status("lost"))
    gone.start()
    row = rows_of(result := push(broker, SITE))[SITE]
    gone.join()
    assert (row["state"], row["reason"], result.return_value) == ("no_answer", "lost", 1)
    assert stored(broker) == b""


def test_a_site_that_is_lost_on_trial_says_itself_what_became_of_it(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "worse"

    def away() -> None:
        wait_for(lambda: site.trial, "it is on trial")
        for state in ("lost", "running"):
            site.status(state)
        site.go_back()

    thread = threading.Thread(target=away)
    thread.start()
    row = rows_of(push(broker, SITE))[SITE]
    thread.join()
    assert row["state"] == "rolled_back"


def test_a_room_that_is_in_use_is_waited_for(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "room_on"
    later = threading.Timer(0, lambda: wait_for(lambda: site.trial, "it waits") and site.room_off())
    later.start()
    result = push(broker, SITE)
    later.join()
    assert rows_of(result)[SITE]["state"] == "applied"
    assert "the room is on" in result.stderr


def test_fourteen_sites_go_in_three_waves(broker: Mosquitto) -> None:
    ids = [f"site-{number:02}" for number in range(14)]
    with sites_at(broker.port, dict.fromkeys(ids, "good")):
        result = push(broker, "--group", "hải dương/chí linh")
    assert result.return_value == 0
    waves = [row["wave"] for row in rows_of(result).values()]
    assert waves == [1, 2, *[3] * 12]
    assert {row["state"] for row in rows_of(result).values()} == {"applied"}


def test_a_wave_that_fails_is_the_last_one(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"a": "good", "b": "rolled_back", "c": "good", "d": "good"}) as sites:
        result = push(broker, "--all")
        assert [sites[each].desired for each in "cd"] == [[], []]
    found = {site: (row["state"], row["wave"]) for site, row in rows_of(result).items()}
    assert found == {
        "a": ("applied", 1),
        "b": ("rolled_back", 2),
        "c": ("not_started", None),
        "d": ("not_started", None),
    }
    assert result.return_value == 1


def test_one_that_fails_in_each_way_beside_those_that_take_it(broker: Mosquitto) -> None:
    ways: dict[str, Way] = (
        {"a": "good", "b": "good"} | {x(way): way for way in BAD} | {f"z{n}": "good" for n in range(5)}
    )
    with sites_at(broker.port, ways) as sites:
        result = push(broker, *ways, "--within", "3")
        rows = rows_of(result)
        assert {site for site, row in rows.items() if row["state"] == "applied"} == {
            "a",
            "b",
            *(f"z{n}" for n in range(5)),
        }
        assert all(not sites[x(way)].confirmed for way in BAD)
        assert all(stored(broker, x(way)) == b"" for way in BAD)
    assert rows["x-worse"]["checks_worse"] == ["camera-main"]
    assert result.return_value == 1


def test_who_is_away_is_left_out_and_the_others_are_pushed_to(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"a": "good", "b": "good"}) as sites:
        sites["b"].status("lost")
        rows = rows_of(push(broker, "--all"))
        assert (rows["a"]["state"], rows["b"]["state"], rows["b"]["reason"]) == ("applied", "offline", "lost")
        assert sites["b"].desired == []


def test_unattended_it_lies_at_the_broker_for_a_site_that_comes_back(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"a": "good", "b": "good", "c": "silent"}) as sites:
        for each in "bc":
            sites[each].status("stopped")
        result = push(broker, "--all", "--unattended")
        rows = rows_of(result)
        assert (rows["a"]["state"], rows["b"]["state"], rows["b"]["reason"]) == ("applied", "offline", "left_at_broker")
        assert json.loads(stored(broker, "c"))["confirm_within_s"] == 0  # nobody is there to confirm
    assert result.return_value == 1


def test_for_a_box_that_was_never_there_it_can_be_left_too(broker: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "room.json"
    file.write_text(PATCH)
    arguments = ("push", "kinh-mon", str(file), "--yes", "--json", "--broker", broker.url)
    row = rows_of(result := run(*arguments))["kinh-mon"]
    assert (row["state"], row["reason"], result.return_value) == ("offline", "no_such_site", 1)
    assert "no such site is known: kinh-mon" in result.stderr
    assert stored(broker, "kinh-mon") == b""
    assert rows_of(run(*arguments, "--unattended"))["kinh-mon"]["reason"] == "left_at_broker"
    update = json.loads(stored(broker, "kinh-mon"))
    assert (update["revision"], update["base_revision"]) == (1, None)


def test_a_config_that_a_site_would_refuse_goes_to_nobody(broker: Mosquitto) -> None:
    camera = {**ROOM, "checks": [{"name": "cam", "kind": "usb-camera", "usb": "046d:085e"}]}
    with sites_at(broker.port, {"b": "good"}) as sites:
        other = FakeSite(broker.port, "a", room=camera)
        result = push(broker, "--all", patch='{"camera": {"check": "cam"}}')
        other.close()
        assert (sites["b"].desired, other.desired) == ([], [])
    rows = rows_of(result)
    assert (rows["a"]["state"], rows["b"]["state"], rows["b"]["reason"]) == ("not_started", "rejected", "invalid")
    assert rows["b"]["errors"][0]["path"] == "camera.check"
    assert "nothing was pushed" in result.stderr
    assert result.return_value == 1


def test_a_whole_config_that_forgets_a_rooms_loads_goes_to_nobody(broker: Mosquitto) -> None:
    room = {"power": {"loads": [{"name": "codec", "pin": 5}]}}
    site = FakeSite(broker.port, SITE, room=room)
    arguments = (SITE, "-", "--json", "--broker", broker.url)
    try:
        row = rows_of(run("diff", *arguments, stdin=PATCH))[SITE]
        assert (row["changes"], row["errors"][0]["path"]) == (None, "power.loads")
        result = run("push", "--yes", *arguments, stdin=PATCH)
        assert (rows_of(result)[SITE]["state"], result.return_value) == ("rejected", 1)
        assert "say --merge" in result.stderr
        meant = rows_of(run("diff", *arguments, stdin='{"power": {"loads": []}}'))[SITE]
        assert (meant["errors"], len(meant["changes"])) == ([], 1)
        merged = rows_of(run("diff", *arguments, "--merge", stdin=PATCH))[SITE]
        assert (merged["errors"], len(merged["changes"])) == ([], 1)
        assert site.desired == []
    finally:
        site.close()


def test_one_name_for_many_rooms_is_a_mistake(broker: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text('[site]\nname = "Nam Sách"\n')
    with sites_at(broker.port, {"a": "good", "b": "good"}) as sites:
        result = run("push", "--all", str(file), "--yes", "--broker", broker.url)
        assert isinstance(result.exception, click.UsageError)
        assert "--merge" in str(result.exception)
        assert [each.desired for each in sites.values()] == [[], []]


def test_without_a_terminal_and_without_yes_nobody_can_be_asked(broker: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text("")
    for more in ([], ["--yes", "--ask"]):
        result = run("push", SITE, str(file), "--broker", broker.url, *more)
        assert isinstance(result.exception, click.UsageError)
        assert "terminal" in str(result.exception)


def test_a_second_technician_is_told(broker: Mosquitto, site: FakeSite, tmp_path: Path) -> None:
    site.way = "stale"
    file = tmp_path / "room.json"
    file.write_text(PATCH)
    result = run("push", SITE, str(file), "--yes", "--broker", broker.url)
    assert result.return_value == 1
    assert "somebody else has just changed this site" in " ".join(result.stdout.replace("│", " ").split())


def test_a_config_that_no_message_can_hold_is_not_sent(broker: Mosquitto, site: FakeSite) -> None:
    zone = [[0.123456789012345, 0.123456789012345]] * 1720
    patch = json.dumps({"headcount": {"exclude": [zone]}}, separators=(",", ":"))
    assert len(patch) < 65536  # it can be read, and what a message has beside it makes it too long
    result = push(broker, SITE, patch=patch)
    assert result.return_value == 1
    assert "65536" in result.stderr
    assert site.desired == []


def test_who_may_not_write_is_told_so(tmp_path: Path, mosquitto_program: str) -> None:
    names = ("about", "status", "config/reported", "config/running")
    (tmp_path / "acl").write_text("topic read #\n" + "".join(f"topic write diemcau/v1/+/{name}\n" for name in names))
    (tmp_path / "acl").chmod(0o600)
    broker = Mosquitto(tmp_path, extra=f"{ANYBODY}\nacl_file {tmp_path / 'acl'}")
    broker.start()
    try:
        with sites_at(broker.port, {SITE: "good"}):
            row = rows_of(push(broker, SITE))[SITE]
    finally:
        broker.close()
    assert (row["state"], row["reason"]) == ("not_permitted", None)


def test_a_broker_that_restarts_amid_a_push_ends_nothing(broker: Mosquitto, site: FakeSite) -> None:
    site.way = "room_on"

    def outage() -> None:
        wait_for(lambda: site.trial, "it waits")
        broker.close()
        broker.start()
        site.rejoin()
        site.room_off()
        over.wait(PATIENCE_S)  # the broker ends with the thread that has started it

    over, thread = threading.Event(), threading.Thread(target=outage)
    thread.start()
    result = push(broker, SITE, "--within", "25")
    over.set()
    thread.join()
    assert rows_of(result)[SITE]["state"] == "applied"


class Person:
    """``diemcau config push`` at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._main, end = pty.openpty()
        argv = [sys.executable, "-m", "agent", "config", "push", *arguments]
        self.process = subprocess.Popen(argv, stdin=end, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(end)
        self.shown = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        while letter := self.process.stderr.read(1):
            self.shown += letter

    def answer(self, question: str, text: str) -> None:
        wait_for(lambda: question in self.shown, f"asks {question!r}: {self.shown}")
        os.write(self._main, text.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        os.close(self._main)
        assert "Traceback" not in self.shown
        return code, out


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "patch.json"
    path.write_text(PATCH)
    return str(path)


def test_a_person_sees_what_changes_and_is_asked(broker: Mosquitto, site: FakeSite, file: str) -> None:
    no = Person(SITE, file, "--merge", "--broker", broker.url)
    no.answer("Push to 1 sites?", "\n")
    code, out = no.end()
    assert (code, site.desired) == (1, [])
    assert "headcount.window_s" in out
    assert "- 90" in out
    assert "+ 60" in out
    yes = Person(SITE, file, "--merge", "--ask", "--broker", broker.url)
    yes.answer("Push to 1 sites?", "y\n")
    yes.answer("Keep this config?", "y\n")
    code, out = yes.end()
    assert (code, len(site.confirmed)) == (0, 1)
    assert "applied" in out


def test_who_was_faster_while_a_person_thought_is_not_overtaken(broker: Mosquitto, site: FakeSite, file: str) -> None:
    site.way = "silent"
    person = Person(SITE, file, "--merge", "--json", "--within", "20", "--broker", broker.url)
    wait_for(lambda: "Push to 1 sites?" in person.shown, "the question")
    before(site)
    assert stored(broker)
    time.sleep(1)  # nothing shows that it has come to the desk as well
    person.answer("Push to 1 sites?", "y\n")
    code, out = person.end()
    assert (code, json.loads(out)["reason"]) == (1, "stale_base")
    assert json.loads(stored(broker))["id"] == "before"


def test_ctrl_c_withdraws_what_waits_and_begins_nothing_new(broker: Mosquitto, file: str) -> None:
    with sites_at(broker.port, {"a": "room_on", "b": "good"}) as sites:
        person = Person("a", "b", file, "--merge", "--yes", "--json", "--broker", broker.url)
        wait_for(lambda: sites["a"].trial and "it waits until" in person.shown, "it waits there, and the desk knows")
        person.interrupt()
        code, out = person.end()
        wait_for(lambda: sites["a"].desired[-1] == b"", "it is withdrawn")
        assert sites["b"].desired == []
        assert stored(broker, "a") == b""
    assert code == 130
    rows = [json.loads(line) for line in out.splitlines()]
    assert "was not reached" not in person.shown
    assert [(row["site"], row["state"], row["reason"]) for row in rows] == [
        ("a", "deferred", "withdrawn: room_on"),
        ("b", "not_started", "interrupted"),
    ]


def test_after_ctrl_c_a_person_sees_what_came_of_each_site(broker: Mosquitto, file: str) -> None:
    with sites_at(broker.port, {"a": "room_on", "b": "good"}) as sites:
        person = Person("a", "b", file, "--merge", "--yes", "--broker", broker.url)
        wait_for(lambda: sites["a"].trial, "it waits there")
        broker.close()
        person.interrupt()
        code, out = person.end()
    assert code == 130
    assert "has to wait" in out
    assert "not started" in out
    assert "the broker was not reached" in person.shown
    assert person.shown.rstrip().endswith(": a")


def test_what_was_lost_with_a_connection_is_not_said_after_what_came_later(broker: Mosquitto) -> None:
    desk = config_link.Desk(BrokerSection(url=broker.url), [SITE])
    desk.start()
    try:
        broker.close()
        wait_for(lambda: not desk.is_connected, "the connection is lost")
        desk.say(letter(b'"old"'))
        desk.say(config_link.Letter(SITE, "config/confirm", b"x", retain=False), letter(b'"lost"'))
        broker.start()
        wait_for(lambda: desk.is_connected, "it is there again")
        desk.say(letter(b'"new"'))
        assert desk.settle(PATIENCE_S)
        assert stored(broker) == b'"new"'
        broker.close()
        wait_for(lambda: not desk.is_connected, "the connection is lost")
        desk.say(letter(b""), letter(b'"before"'))
        broker.start()
        assert desk.settle(PATIENCE_S)
        assert stored(broker) == b'"before"'
    finally:
        desk.close()


def letter(raw: bytes) -> config_link.Letter:
    return config_link.Letter(SITE, "config/desired", raw, retain=True)


def test_ctrl_c_at_the_question_leaves_the_site_to_go_back_by_itself(
    broker: Mosquitto, site: FakeSite, file: str
) -> None:
    person = Person(SITE, file, "--merge", "--yes", "--ask", "--json", "--broker", broker.url)
    person.answer("Keep this config?", "")
    person.interrupt()
    code, out = person.end()
    assert (code, site.confirmed, stored(broker)) == (130, [], b"")
    row = json.loads(out)
    assert (row["state"], row["reason"]) == ("no_answer", "goes_back")
