"""``diemcau config push`` to fourteen real agents: all of them fine, and one that fails in each way.

The rooms are started once for the whole file. Each push is one of its own kind of change, so that no test hangs on what
another one has left; only the ones that need a room which is fine come before the one in which rooms are not.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from tests.conftest import PATIENCE_S, wait_for
from tests.console.config_bed import rows_of, run
from tests.console.test_config_push_command import Person, stored
from tests.faults.config_bed import LIGHT, Agent, Desk, Unit

Rows = dict[str, dict[str, Any]]
GOOD = [f"site-{number:02}" for number in range(1, 9)]
CRASH, HANG, REFUSE, WORSE, IN_USE, AWAY = "x-crash", "x-hang", "x-refuse", "x-worse", "x-in-use", "x-away"
ALL = [*GOOD, AWAY, CRASH, HANG, IN_USE, REFUSE, WORSE]
CHECKS: list[dict[str, Any]] = tomllib.loads(LIGHT)["checks"]
# One room has no microphone: what is fine everywhere else is worse there.
WITHOUT_MICROPHONE = LIGHT.partition('[[checks]]\nname = "microphone"')[0]
OTHER_PINS = [{"name": "codec", "pin": 5, "active_high": False, "settle_s": 0.1}, {"name": "display", "pin": 13}]


@dataclass
class Province:
    """All the rooms, their broker, and a desk that hears everything."""

    broker: Mosquitto
    rooms: dict[str, Agent]
    desk: Desk

    def push(self, *arguments: str, patch: dict[str, Any]) -> Any:
        """A push by a script, to its end."""
        whom = arguments if any(not each.startswith("-") for each in arguments[:1]) else ("--all", *arguments)
        argv = ("push", *whom, "-", "--merge", "--yes", "--json", "--broker", self.broker.url)
        return run(*argv, stdin=json.dumps(patch))

    def running(self, site: str) -> dict[str, Any]:
        """What the site said last of the config that it runs with."""
        self.desk.mark()
        return [said for topic, said in self.desk.of(site) if topic.endswith("/running")][-1]

    def next_revision(self, site: str) -> int:
        """One that the site has not settled yet."""
        self.desk.mark()
        return 1 + max(said.get("revision") or 0 for _, said in self.desk.of(site))

    def report(self, site: str) -> tuple[str, str | None]:
        self.desk.mark()
        return self.desk.reports(site)[-1]


@pytest.fixture(scope="module")
def province(mosquitto_program: str) -> Iterator[Province]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        desk = Desk(broker.port)
        rooms = {site: Agent(folder / site, broker.url, site, _room(site)) for site in ALL}
        try:
            for room in rooms.values():
                room.start()
            for site in ALL:
                desk.wait(site, "config/running")
                desk.wait(site, "readiness", fits=is_known)
            yield Province(broker, rooms, desk)
        finally:
            for room in rooms.values():
                room.close()
            desk.close()
            broker.close()


def _room(site: str) -> str:
    return WITHOUT_MICROPHONE if site == WORSE else LIGHT


def is_known(readiness: dict[str, Any]) -> bool:
    """Whether no device is still to be looked for."""
    return all(each["state"] != "unknown" for each in readiness["checks"] if each["name"] == "camera-main")


def test_fourteen_sites_that_are_fine_all_have_it(province: Province, tmp_path: Path) -> None:
    now = province.desk.mark()
    result = province.push(patch={"headcount": {"window_s": 5}})
    rows = rows_of(result)
    assert {row["state"] for row in rows.values()} == {"applied"}, rows
    assert (sorted(rows), result.return_value) == (sorted(ALL), 0)
    assert [row["wave"] for row in rows.values()] == [1, 2, *[3] * 12]
    for site in ALL:
        left = json.loads(stored(province.broker, site))
        assert left["confirm_within_s"] == 0, "a box that is put in its place finds it, and has nobody who confirms"
        said = province.desk.wait(site, "config/running", now, id=left["id"], revision=rows[site]["revision"])
        assert said["config"] == left["config"]
        note = province.desk.wait(site, "history/event", now, fits=partial(is_about, left["revision"]))
        assert (note["kind"], note["by"], note["detail"]["changed"]) == (
            "config.applied",
            left["issued_by"],
            ["headcount.window_s"],
        )
    file = tmp_path / "patch.json"
    file.write_text('{"headcount": {"window_s": 6}}')
    shown = run("push", *GOOD[:3], str(file), "--merge", "--yes", "--broker", province.broker.url)
    assert shown.return_value == 0
    for words in (*GOOD[:3], "headcount.window_s", "đã áp dụng / applied: 3"):
        assert words in shown.stdout


def test_a_change_that_makes_a_room_worse_stops_at_the_first_wave(province: Province) -> None:
    """Fault 48: what is wrong with a config costs one site a few seconds, and the others nothing."""
    before, now = {site: stored(province.broker, site) for site in ALL}, province.desk.mark()
    absent = {"name": "second", "kind": "usb-camera", "usb": "046d:0001"}
    result = province.push("--confirm-within", "5", patch={"checks": [*CHECKS, absent]})
    rows, first = rows_of(result), GOOD[0]
    assert (rows[first]["state"], rows[first]["reason"]) == ("rolled_back", "not_confirmed")
    assert (rows[first]["checks_worse"], rows[first]["wave"]) == (["second"], 1)
    assert {(row["state"], row["reason"]) for site, row in rows.items() if site != first} == {
        ("not_started", "wave_failed")
    }
    assert "second" in result.stderr
    assert result.return_value == 1
    assert {site: stored(province.broker, site) for site in ALL} == before
    assert province.desk.pushed(now) == {first}
    assert "second" not in [each["name"] for each in province.running(first)["config"]["checks"]]


def test_ctrl_c_in_the_middle_leaves_nothing_half_done(province: Province, tmp_path: Path) -> None:
    now, before = province.desk.mark(), {site: province.running(site)["revision"] for site in ALL}
    room = province.rooms[GOOD[3]]
    switch_on(province, room)
    file = tmp_path / "patch.json"
    file.write_text(json.dumps({"power": {"led": {"pin": 22}}}))
    argv = ["push", "--all", str(file), "--merge", "--yes", "--json", "--confirm-within", "5"]
    person = Person(*argv[1:], "--broker", province.broker.url)
    province.desk.wait(GOOD[2], "config/reported", now, state="applying")  # the third wave
    person.interrupt()
    code, out = person.end()
    rows = {row["site"]: row for row in map(json.loads, out.splitlines())}
    assert (code, sorted(rows)) == (130, sorted(ALL))
    wait_for(lambda: all(province.report(site)[0] not in UNDER_WAY for site in ALL), "all of them have settled it")
    for site, row in rows.items():
        runs, left = province.running(site), stored(province.broker, site)
        is_new = row["state"] == "applied"
        if row["reason"] != "confirmed":  # its word was on the way when the desk went
            assert (runs["revision"] == row["revision"]) is is_new, (row, runs)
        if is_new:
            assert json.loads(left)["revision"] == row["revision"]
        else:
            assert not left or json.loads(left)["revision"] == before[site], row
        assert not province.rooms[site].has_candidate
    assert {row["state"] for row in rows.values()} & {"deferred", "no_answer"}, "it was in the middle"
    switch_off(province, room)
    assert province.running(GOOD[3])["revision"] == before[GOOD[3]], "what waited is withdrawn"


UNDER_WAY = ("applying", "pending_confirm", "deferred")


def switch_on(province: Province, room: Agent) -> None:
    now = province.desk.mark()
    room.write(b"\n")
    province.desk.wait(room.name, "power", now, state="on")


def switch_off(province: Province, room: Agent) -> None:
    now = province.desk.mark()
    room.write(b"h\n")
    province.desk.wait(room.name, "power", now, state="off")


def test_the_second_of_two_technicians_is_told(province: Province, tmp_path: Path) -> None:
    """Both have looked at the same config; one goes for a coffee before saying yes. Fault 46."""
    site, now = GOOD[1], province.desk.mark()
    file = tmp_path / "patch.json"
    file.write_text('{"headcount": {"window_s": 7}}')
    slow = Person(site, str(file), "--merge", "--json", "--broker", province.broker.url)
    slow.answer("Push to 1 sites?", "")
    quick = rows_of(province.push(site, patch={"headcount": {"window_s": 8}}))[site]
    assert quick["state"] == "applied"
    slow.answer("Push to 1 sites?", "y\n")
    code, out = slow.end()
    row = json.loads(out)
    assert (code, row["state"]) == (1, "rejected")
    assert row["reason"] in ("stale_base", "old_revision")
    base = province.running(site)["revision"]
    based = province.desk.push(site, {}, province.next_revision(site), base_revision=base - 1)
    province.desk.wait(site, "config/reported", now, id=based, state="rejected", reason="stale_base")
    assert province.running(site)["config"]["headcount"]["window_s"] == 8
    province.desk.say(site, "config/desired", b"", retain=True)


def test_a_wrong_config_is_refused_here_and_there(province: Province) -> None:
    now = province.desk.mark()
    wrong = {"headcount": {"windows_s": 9}, "power": {"restore": "lst"}, "camera": {"check": "cam"}}
    result = province.push(patch=wrong)
    rows, paths = rows_of(result), {"headcount.windows_s", "power.restore", "camera.check"}
    assert {(row["state"], row["reason"]) for row in rows.values()} == {("rejected", "invalid")}
    assert all({each["path"] for each in row["errors"]} == paths for row in rows.values())
    assert rows[GOOD[0]]["errors"][0]["suggestion"]
    assert province.desk.pushed(now) == set()
    site = GOOD[4]
    id_ = province.desk.push(site, wrong, province.next_revision(site))
    said = province.desk.wait(site, "config/reported", now, id=id_, state="rejected", reason="invalid")
    assert {each["path"] for each in said["errors"]} == paths
    province.desk.say(site, "config/desired", b"", retain=True)


@dataclass
class Mixed:
    """What came of the one push with all the trouble; ``since`` is when it began."""

    rows: Rows
    code: int
    since: int
    units: dict[str, Unit]


@pytest.fixture(scope="module")
def mixed(province: Province) -> Iterator[Mixed]:
    """One crashes on it, one hangs, one lacks a part, one a device, one room is in use, and one site is away."""
    units = dict[str, Unit]()
    for site, mishap in ((CRASH, "crash"), (HANG, "hang"), (REFUSE, "refuse"), (AWAY, None)):
        province.rooms[site].stop()
        province.rooms[site].play(**({"on_apply": mishap} if mishap else {}))
    now = province.desk.mark()
    try:
        units |= {site: Unit(province.rooms[site]) for site in (CRASH, HANG)}
        province.rooms[REFUSE].start()
        for site in (CRASH, HANG, REFUSE):
            province.desk.wait(site, "status", now, state="running")
            province.desk.wait(site, "readiness", now, fits=is_known)
        switch_on(province, province.rooms[IN_USE])
        yield _push_to_all(province, units)
    finally:
        for unit in units.values():
            unit.close()


def _push_to_all(province: Province, units: dict[str, Unit]) -> Mixed:
    since = province.desk.mark()
    patch = {"power": {"loads": OTHER_PINS}, "checks": CHECKS}
    argv = [sys.executable, "-m", "agent", "config", "push", "--all", "-", "--merge", "--yes", "--json"]
    argv += ["--confirm-within", "5", "--broker", province.broker.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as pushing:
        assert pushing.stdin is not None
        assert pushing.stdout is not None
        pushing.stdin.write(json.dumps(patch))
        pushing.stdin.close()
        province.desk.wait(IN_USE, "config/reported", since, state="deferred", reason="room_on")
        assert ("applying", None) not in province.desk.reports(IN_USE, since)
        switch_off(province, province.rooms[IN_USE])
        rows = {row["site"]: row for row in map(json.loads, pushing.stdout)}
        code = pushing.wait(PATIENCE_S)
    return Mixed(rows, code, since, units)


def test_only_those_that_are_fine_have_it(province: Province, mixed: Mixed) -> None:
    assert (sorted(mixed.rows), mixed.code) == (sorted(ALL), 1)
    applied = {site for site, row in mixed.rows.items() if row["state"] == "applied"}
    assert applied == {*GOOD, IN_USE}
    for site in ALL:
        pins = [load["pin"] for load in province.running(site)["config"]["power"]["loads"]]
        assert pins == ([5, 13] if site in applied else [5, 6]), site
        left = stored(province.broker, site)
        assert bool(left and json.loads(left)["config"]["power"]["loads"] == OTHER_PINS) is (site in applied), site


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        (CRASH, "restarted"),
        (HANG, "restarted"),
        (REFUSE, "part_failed: power.led"),
        (WORSE, "not_confirmed"),
    ],
)
def test_each_that_is_not_goes_back_and_says_why(province: Province, mixed: Mixed, site: str, reason: str) -> None:
    row, room = mixed.rows[site], province.rooms[site]
    assert (row["state"], row["reason"]) == ("rolled_back", reason)
    assert (row["checks_worse"] == ["microphone"]) is (site == WORSE)
    assert (room.has_candidate, room.rejected.revision) == (False, row["revision"])
    note = province.desk.wait(site, "history/event", mixed.since, fits=partial(is_about, row["revision"]))
    assert (note["kind"], note["detail"]["reason"]) == ("config.rolled_back", reason)


def is_about(revision: int, event: dict[str, Any]) -> bool:
    """Whether an event is of this update: nobody takes rows here, so they come again with each connection."""
    return event["kind"].startswith("config.") and bool(event["detail"]["revision"] == revision)


def test_a_room_in_use_took_it_when_it_was_off(province: Province, mixed: Mixed) -> None:
    states = [state for state, _ in province.desk.reports(IN_USE, mixed.since)]
    assert states.index("deferred") < states.index("applying") < states.index("applied")


def test_a_room_that_is_away_is_left_out(province: Province, mixed: Mixed) -> None:
    assert (mixed.rows[AWAY]["state"], mixed.rows[AWAY]["reason"]) == ("offline", "stopped")
    assert AWAY not in province.desk.pushed(mixed.since)


@pytest.mark.parametrize(("site", "end"), [(CRASH, 1), (HANG, -6)])
def test_what_ended_the_agent_once_is_not_tried_again(province: Province, mixed: Mixed, site: str, end: int) -> None:
    """Faults 40 and 41: systemd starts the agent again, and that message comes again, at this start and the next."""
    desk, room, unit = province.desk, province.rooms[site], mixed.units[site]
    assert unit.ends == [end]
    update, now = room.rejected, desk.mark()
    desk.push(site, **dict(update))
    desk.wait(site, "config/reported", now, id=update.id, state="rolled_back", reason="restarted")
    before = desk.wait(site, "config/reported", now)["session"]
    assert room.process is not None
    room.process.kill()
    desk.wait(site, "config/reported", now, fits=lambda said: said["session"] != before)
    desk.round_trip(site)
    assert set(desk.reports(site, now)) == {("rolled_back", "restarted")}
    assert unit.ends == [end, -9], "it would end so again if it tried it again"
