"""agent/core/room.py: the whole core, from the finger to the payloads, without a thread and without waiting."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import room as core
from agent.core.commands import (
    Command,
    Log,
    LookEvery,
    Publish,
    ReadHealth,
    SetRelay,
    ShowLed,
    ShowStatus,
    StopEye,
    WatchCamera,
)
from agent.core.config import RoomConfig
from agent.core.errors import Problem
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Event,
    EyeAlive,
    EyeEnded,
    EyeReady,
    EyeTrouble,
    HealthRead,
    LinkDown,
    LinkUp,
    MessageReceived,
    Probed,
    Stopping,
    Tick,
    UsbChanged,
    UsbDevice,
)
from tests.core.rig import (
    CAMERA,
    FIGURES,
    LONGEST_OFF_S,
    ROOM,
    Rig,
    examples,
    frame,
    logs,
    now_at,
    only,
    room_config,
    topics,
)

SPARE = UsbDevice("camera", "1d6b:0001", "", "1-1.3", "/dev/video2")
CONFERENCE: dict[str, Any] = {
    "id": "c-1",
    "starts_at": "2012-11-20T07:00:00Z",
    "ends_at": "2012-11-20T17:00:00Z",
    "summoned": 12,
}


def message(name: str = "conference", raw: bytes | None = None, site: str = "chi-linh", **changes: Any) -> Event:
    payload = json.dumps({**CONFERENCE, **changes}).encode() if raw is None else raw
    return MessageReceived(f"diemcau/v1/{site}/{name}", payload, retain=True)


def room_on(*devices: UsbDevice, config: RoomConfig | None = None) -> Rig:
    """A room that is on, with a camera watched (the one of the room config, where none is named)."""
    rig = Rig(config)
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged(devices or (CAMERA,)))
    return rig


def counting(people: int = 8, config: RoomConfig | None = None) -> Rig:
    """A room that is on and has been counted for a while."""
    rig = room_on(config=config)
    rig.do(LinkUp(1))
    rig.do(EyeReady(1, "yunet_n", "ab12"))
    see(rig, people)
    rig.room = replace(rig.room, announce_s=None)  # it has its own tests (test_announcing.py)
    assert rig.said["headcount"]["value"] == people
    return rig


def see(rig: Rig, people: int, frames: int = 3) -> list[Command]:
    """Let the running eye see so many people in each of some frames."""
    commands: list[Command] = []
    for _ in range(frames):
        commands += rig.wait(2)
        commands += rig.do(frame(rig.now_s - 0.1, people, watch=rig.room.eye.watch))
    return commands


def lamp(commands: list[Command]) -> list[str]:
    return [each.pattern for each in only(ShowLed, commands)]


# The journey


def test_from_the_press_to_the_headcount_and_through_an_unplugged_camera() -> None:
    rig = Rig()
    assert lamp(rig.start()) == ["off"]
    rig.do(LinkUp(1))
    assert only(WatchCamera, rig.do(UsbChanged((CAMERA,)))) == []
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "room_off")

    rig.wait(LONGEST_OFF_S)
    assert lamp(rig.tap()) == ["starting"]
    assert (rig.said["power"]["state"], rig.said["power"]["step"]) == ("starting", "codec")
    rig.wait(10)
    rig.do(Probed("codec-answers", True))
    commands = rig.wait(12)
    assert lamp(commands) == ["warning"]  # the spare camera is not there
    assert [load for _, load, _ in rig.orders] == ["codec", "display", "lamp"]
    assert rig.said["power"]["loads"] == {"codec": "on", "display": "on", "lamp": "on"}
    assert (rig.said["power"]["state"], rig.said["power"]["by"]) == ("on", "button")
    assert [(each.watch, each.node) for each in only(WatchCamera, commands)] == [(1, "/dev/video0")]
    assert rig.said["headcount"]["reason"] == "starting"

    rig.do(EyeReady(1, "yunet_n", "ab12"))
    assert rig.said["about"]["detector"] == "yunet_n"
    see(rig, 8)
    found = rig.said["headcount"]
    assert (found["value"], found["state"], found["reason"], found["seen"]) == (8, "ok", None, 8)

    commands = rig.do(UsbChanged(()))
    assert only(StopEye, commands) == [StopEye()]
    assert topics(commands) == ["headcount", "readiness"]
    found = rig.said["headcount"]
    assert (found["value"], found["state"], found["reason"], found["seen"]) == (None, "unknown", "missing", None)
    assert rig.said["power"]["state"] == "on"

    commands = rig.do(UsbChanged((CAMERA,)))
    assert [each.watch for each in only(WatchCamera, commands)] == [2]
    rig.do(frame(rig.now_s, 30, watch=1))
    assert rig.said["headcount"]["value"] is None
    rig.do(EyeReady(2, "yunet_n", "ab12"))
    see(rig, 9)
    assert rig.said["headcount"]["value"] == 9

    rig.do(ButtonPressed())
    rig.wait(3)
    commands = rig.do(ButtonHeld())
    assert only(StopEye, commands) == [StopEye()]
    assert rig.said["headcount"]["reason"] == "room_off"
    rig.wait(10)
    assert rig.said["power"]["state"] == "off"
    assert rig.room.led == ShowLed("off")


# Camera and count


def test_a_camera_on_a_bus_that_nobody_looked_at_yet_is_not_missing() -> None:
    rig = Rig()
    rig.start(codec="on", display="on", lamp="on")
    assert rig.said["headcount"]["reason"] == "starting"
    rig.do(UsbChanged(()))
    assert rig.said["headcount"]["reason"] == "missing"


def test_a_box_slower_than_its_interval_still_has_a_headcount() -> None:
    rig = room_on()
    rig.do(EyeReady(1, "yunet_n", None))
    values = []
    for second in range(1, 50):
        rig.wait(1)
        rig.do(EyeAlive(1))
        values.append(rig.said["headcount"]["value"])
        if second % 6 == 0:  # a look of 3 s, and 3 s of rest after it
            rig.do(frame(rig.now_s - 3, 8, detect_ms=3000.0))
    assert values == [None] * 6 + [8] * 43


def test_the_spare_camera_counts_while_the_first_is_missing_and_no_longer() -> None:
    rig = room_on(SPARE)
    assert rig.room.eye.node == "/dev/video2"
    commands = rig.do(UsbChanged((CAMERA, SPARE)))
    assert [each.node for each in only(WatchCamera, commands)] == ["/dev/video0"]


def test_a_frame_of_the_camera_before_is_not_counted_for_the_new_one() -> None:
    rig = counting(people=8)
    rig.do(UsbChanged((SPARE,)))
    rig.do(frame(rig.now_s, 8, watch=1))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "starting")


def test_a_room_without_a_camera_says_so() -> None:
    rig = Rig(room_config(camera={}))
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA,)))
    assert rig.said["headcount"]["reason"] == "no_camera"
    assert not rig.room.eye.running


def test_a_room_in_fault_is_still_counted() -> None:
    rig = Rig()
    rig.start(codec="on")
    assert [each.node for each in only(WatchCamera, rig.do(UsbChanged((CAMERA,))))] == ["/dev/video0"]


def test_the_reason_for_no_count_stays_while_the_eye_is_tried_again() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "no_model", "there is no model file"))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "no_model")
    commands = rig.wait(1)
    assert [each.watch for each in only(WatchCamera, commands)] == [2]
    assert rig.said["headcount"]["reason"] == "no_model"
    rig.do(EyeReady(2, "yunet_n", "ab12"))
    see(rig, 5)
    found = rig.said["headcount"]
    assert (found["value"], found["seen"], found["samples"]) == (8, 5, 3), "three of them look down"


def test_an_eye_that_hangs_costs_the_headcount_within_seconds_and_never_the_room() -> None:
    rig = counting()
    commands = rig.wait(5)
    assert StopEye() in commands
    assert rig.said["headcount"]["reason"] == "eye_silent"
    assert rig.said["power"]["state"] == "on"


def test_an_eye_that_lives_but_sees_no_frame_makes_the_count_unknown() -> None:
    rig = counting()
    for _ in range(8):
        rig.wait(1)
        rig.do(EyeAlive(1))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "no_frames")
    assert rig.room.eye.running


def test_the_moment_at_which_a_count_is_stale_wakes_the_room() -> None:
    rig = counting()
    rig.do(EyeAlive(1))
    said_s = rig.room.estimator.samples[-1].captured_s
    assert rig.said["headcount"]["value"] is not None
    rig.wait(said_s + 4.9 - rig.now_s - 1)
    rig.do(EyeAlive(1))  # it lives
    rig.wait(0.95)
    assert rig.said["headcount"]["reason"] == "no_frames"
    assert rig.room.stale_s is None


@pytest.mark.parametrize(("what", "reason"), [({"luma_mean": 2.0}, "dark"), ({"same_s": 9.0}, "frozen")])
def test_a_picture_that_shows_nothing_is_said_at_once(what: dict[str, float], reason: str) -> None:
    rig = counting()
    rig.wait(1)
    assert topics(rig.do(frame(rig.now_s, 8, **what))) == ["headcount", "readiness"]
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, reason)


# Conference


def test_a_conference_gives_summoned_and_rate_and_clearing_takes_them_away() -> None:
    rig = counting(people=9)
    assert topics(rig.do(message())) == ["headcount"]
    found = rig.said["headcount"]
    assert (found["conference"], found["summoned"], found["rate"]) == ("c-1", 12, 0.75)
    rig.do(message(summoned=10))
    assert rig.said["headcount"]["rate"] == 0.9
    rig.do(message(raw=b""))
    assert {"conference", "summoned", "rate"}.isdisjoint(rig.said["headcount"])


@pytest.mark.parametrize(
    "event",
    [
        message(raw=b"{"),
        message(summoned=-1),
        message(ends_at="soon"),
        message(name="command"),
        message(site="nam-sach"),
        message(site="nam-sach", raw=b""),
        MessageReceived("somebody/else", b"{}", retain=False),
    ],
)
def test_a_message_that_is_none_is_logged_and_the_conference_before_stays(event: Event) -> None:
    rig = counting(people=9)
    rig.do(message())
    commands = rig.do(event)
    assert topics(commands) == []
    assert logs(commands).startswith("warning: ")
    assert rig.said["headcount"]["conference"] == "c-1"


def test_a_conference_that_is_over_gives_no_rate_also_when_nobody_cleared_it() -> None:
    rig = counting()
    rig.do(message(ends_at="2012-11-20T08:30:00Z"))
    rig.wait(0.9 * 3600)
    assert {"conference", "summoned", "rate"} <= rig.said["headcount"].keys()
    rig.wait(0.2 * 3600)
    assert {"conference", "summoned", "rate"}.isdisjoint(rig.said["headcount"])


def test_from_its_beginning_to_its_end_the_eye_looks_as_often_as_is_wanted_then_and_no_place_is_forgotten() -> None:
    config = room_config(headcount={**ROOM["headcount"], "interval_s": 10, "conference_interval_s": 2})
    rig = counting(people=9, config=config)
    begins = now_at(rig.now_s).utc + timedelta(minutes=2)
    rig.do(message(starts_at=begins.isoformat(), ends_at=(begins + timedelta(minutes=2)).isoformat()))
    told = only(LookEvery, [each for _ in range(300) for each in rig.do(EyeAlive(1)) + rig.wait(1)])
    assert [(each.order.watch, each.order.interval_s) for each in told] == [(1, 2), (1, 10)]
    assert rig.room.estimator.places.people == 9


@pytest.mark.parametrize(
    "event",
    [
        message(id="a\nerror: power: fault"),
        message(ends_at="soon\n"),
        message(zones={"a\n\x1b[31m": 1}),
        MessageReceived("diemcau/v1/chi-linh/\n", b"{}", retain=False),
    ],
)
def test_what_others_wrote_makes_one_line_in_the_log(event: Event) -> None:
    rig = counting()
    lines = only(Log, rig.do(event))
    assert len(lines) == 1
    assert lines[0].message.isprintable()


# Reports


@pytest.mark.parametrize("event", [Tick(), ButtonPressed(), LinkDown("gone"), Stopping()])
def test_there_is_no_status_before_a_connection_has_a_number(event: Event) -> None:
    rig = Rig()
    rig.start()
    rig.wait(31)
    rig.do(event)
    assert set(rig.said) == {"about", "power", "headcount", "readiness", "health", "config/reported", "config/running"}


def test_the_figures_of_the_box_are_said_once_for_every_time_they_are_read() -> None:
    rig = counting()
    commands = rig.wait(rig.room.reports.beat_s - rig.now_s)
    assert len(only(ReadHealth, commands)) == 1
    assert topics(commands).count("health") == 1
    assert topics(rig.do(LinkUp(2))).count("health") == 1
    assert topics(rig.do(HealthRead(FIGURES))) == ["health"]


def test_a_heartbeat_says_everything_again_and_reads_the_box() -> None:
    rig = counting()
    beat_s = rig.room.reports.beat_s
    rig.said.clear()
    rig.wait(beat_s - rig.now_s - 0.001)
    for topic in ("status", "about", "power", "health"):
        assert topic not in rig.said
    commands = rig.wait(0.001)
    assert ReadHealth() in commands
    assert set(rig.said) == {"status", "about", "power", "headcount", "readiness", "health", "config/reported"}
    assert {name: rig.said["health"][name] for name in FIGURES} == FIGURES
    assert rig.room.reports.beat_s == beat_s + 30


def test_a_link_that_comes_up_is_told_everything_with_status_first() -> None:
    rig = counting()
    rig.wait(1)
    rig.said.clear()
    commands = rig.do(LinkUp(17))
    assert topics(commands)[0] == "status"
    assert rig.said["status"]["connection"] == 17
    config = {"config/reported", "config/running"}
    assert set(rig.said) == {"status", "about", "power", "headcount", "readiness", "health", *config}
    assert all(each.retain for each in only(Publish, commands))


def test_a_link_that_goes_away_changes_nothing_but_the_log_and_the_status_line() -> None:
    rig = counting()
    rig.do(LinkUp(1))
    log, status = rig.do(LinkDown("the broker at b:1 cannot be reached"))
    assert log == Log("warning", "link: the broker at b:1 cannot be reached")
    assert isinstance(status, ShowStatus)


def test_times_and_clock_are_those_of_the_moment() -> None:
    rig = counting()
    rig.synced = False
    rig.wait(60)
    assert rig.said["status"]["clock"] == "unsynced"
    assert rig.said["status"]["at"].startswith("2012-11-20T07:31:")


# Lamp, files, stop


def test_broken_files_show_on_the_lamp_and_the_button_works() -> None:
    rig = Rig()
    problem = Problem("agent.toml", "this file is not there", "create it")
    commands = rig.start(problems=(problem,))
    assert lamp(commands) == ["broken"]
    assert "error: agent.toml: this file is not there (create it)" in logs(commands)
    assert rig.said["power"]["state"] == "off"
    rig.wait(LONGEST_OFF_S)
    assert lamp(rig.do(ButtonPressed())) == ["starting"]
    rig.wait(1)
    rig.do(Probed("codec-answers", True))
    assert lamp(rig.wait(60)) == ["broken"]
    assert rig.said["power"]["state"] == "on"


def test_the_lamp_is_told_only_what_is_new() -> None:
    rig = counting()
    assert lamp(rig.wait(120)) == []
    assert lamp(rig.do(ButtonPressed())) == ["holding"]
    assert lamp(rig.do(ButtonReleased())) == ["warning"]


def test_stopping_says_so_ends_the_eye_and_moves_no_relay() -> None:
    rig = counting()
    commands = rig.do(Stopping())
    assert rig.said["status"]["state"] == "stopped"
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "stopped")
    assert (StopEye() in commands, only(SetRelay, commands)) == (True, [])
    assert rig.said["power"]["state"] == "on"


def test_stopping_on_the_way_up_moves_no_relay() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.do(Probed("codec-answers", True))
    rig.now_s += 25
    assert only(SetRelay, rig.do(Stopping())) == []


# Whatever happens

DEVICES = st.lists(st.sampled_from([CAMERA, SPARE]), unique=True).map(tuple)
WATCHES = st.integers(0, 4)
EVENTS = st.one_of(
    st.sampled_from([Tick(), Tick(), LinkUp(2), LinkDown("…"), Stopping()]),
    st.sampled_from([ButtonPressed(), ButtonReleased(), ButtonHeld()]),
    st.builds(UsbChanged, DEVICES),
    st.builds(Probed, st.sampled_from(["codec-answers", "camera-main", "nobody"]), st.booleans(), st.none()),
    st.builds(EyeReady, WATCHES, st.just("yunet_n"), st.none()),
    st.builds(EyeAlive, WATCHES),
    st.builds(EyeTrouble, WATCHES, st.just("busy"), st.just("…")),
    st.builds(EyeEnded, WATCHES, st.just("…")),
    st.builds(HealthRead, st.sampled_from([{}, FIGURES])),
    st.builds(
        lambda raw: message(raw=raw), st.one_of(st.binary(max_size=20), st.just(json.dumps(CONFERENCE).encode()))
    ),
    st.builds(MessageReceived, st.text(max_size=30), st.binary(max_size=10), st.booleans()),
    st.builds(lambda watch, people: frame(5000.0, people, watch), WATCHES, st.integers(0, 5)),
)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 2.0, 31.0, 200.0]), EVENTS), max_size=25)


@examples(100)
@given(steps=STEPS, jammed=st.sets(st.sampled_from(["codec", "display", "lamp"]), max_size=1))
def test_whatever_happens_what_was_said_last_is_what_is(steps: list[tuple[float, Event]], jammed: set[str]) -> None:
    rig = Rig()
    rig.start()
    rig.stuck = jammed
    for pause_s, event in steps:
        rig.wait(pause_s)
        rig.do(event)
        power, found = rig.said["power"], rig.said["headcount"]
        assert power["state"] == rig.room.power.state
        assert power["loads"] == rig.room.power.loads
        assert ("step" in power) == (rig.room.power.step is not None)
        assert (found["value"] is None) == (found["state"] == "unknown")
        assert found["value"] is None or rig.room.eye.running
        status = {"state": "stopped" if rig.room.stopping else "running", "connection": rig.room.connection}
        assert status.items() <= rig.said["status"].items() if rig.room.connection else "status" not in rig.said
        core.handle(rig.room, Tick(), now_at(rig.now_s - 1000), rig.self_)  # time runs backwards: no crash
