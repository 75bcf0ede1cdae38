"""The demo's rooms: every file that it makes is one that the agent takes, and what shall happen does at every speed."""

import pytest

from agent.console.demo_sites import (
    CUT_OFF,
    DARK,
    DEAF,
    ENDS_S,
    FORGOTTEN,
    ROLL_CALLS_S,
    SHOWS_S,
    STARTS_S,
    UP_S,
    WILL_SHOWS_S,
    DemoSite,
    demo_sites,
)  # fmt: skip
from agent.core.config import parse_room
from agent.core.identity import parse_identity
from hw.simulated.script import Attendance, Script, parse_script

SPEEDS = [1.0, 10.0, 30.0, 60.0]


def script_of(site: DemoSite) -> Script:
    return parse_script(site.script, "script.json", json_document=True)


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_room_of_a_large_demo_has_files_that_are_taken(speed: float) -> None:
    for site in demo_sites(60, speed, 12.5):
        assert parse_identity(site.identity("mqtt://127.0.0.1:1883"), "agent.toml").site == site.site
        room = parse_room(site.room, "room.toml", json_document=False)
        assert (room.site.name, len(room.site.path)) == (site.name, 2)
        script = script_of(site)
        assert script.seats >= site.summoned
        assert script.begins_s == 12.5
        assert script.devices <= {check.name for check in room.checks}


def test_the_first_fourteen_are_those_of_the_province_in_their_levels() -> None:
    sites = demo_sites(14, 1)
    names = [site.name for site in sites]
    assert "Thị xã Chí Linh" in names
    assert len(set(names)) == 14
    paths = {parse_room(site.room, "room.toml", json_document=False).site.path for site in sites}
    assert paths == {("Hải Dương", level) for level in ("Khối tỉnh", "Thành phố, thị xã", "Huyện")}


def test_nobody_comes_who_was_not_summoned_and_people_come_and_go() -> None:
    for site in demo_sites(14, 1):
        attendance = Attendance(script_of(site))
        numbers = [attendance.people(at_s) for at_s in range(0, int(ENDS_S), 10)]
        assert numbers[0] == 0
        assert 0.9 * site.summoned <= max(numbers) <= site.summoned
        assert len(set(numbers[20:])) > 1
        assert attendance.people(ENDS_S) > 0.7 * site.summoned
        assert attendance.people(ENDS_S + 300) == 0


def faults(speed: float) -> dict[str, tuple[float, float]]:
    """Who is in trouble, from when to when, in seconds of the script."""
    found = {site.site: site.cut_off_s for site in demo_sites(14, speed) if site.cut_off_s is not None}
    for site in demo_sites(14, speed):
        times = {cue.do: cue.at_s for cue in script_of(site).cues if cue.do in ("unplug", "plug", "dark", "light")}
        if times:
            found[site.site] = (times.get("unplug", times.get("dark", 0)), times.get("plug", times.get("light", 0)))
    return found


@pytest.mark.parametrize("speed", SPEEDS)
def test_faults_come_soon_last_long_enough_to_be_seen_and_are_mended(speed: float) -> None:
    found = faults(speed)
    assert set(found) == {CUT_OFF, DEAF, DARK}
    assert UP_S <= min(from_s for from_s, _ in found.values()) / speed <= 150
    for site, (from_s, to_s) in found.items():
        assert STARTS_S < from_s < to_s <= ENDS_S - 300
        assert (to_s - from_s) / speed >= (WILL_SHOWS_S if site == CUT_OFF else SHOWS_S)


def test_somebody_presses_in_every_room_and_late_in_the_one_that_is_forgotten() -> None:
    for site in demo_sites(14, 1):
        (at_s,) = [cue.at_s for cue in script_of(site).cues if cue.do == "press"]
        assert at_s >= 20 * 60 if site.site == FORGOTTEN else at_s < STARTS_S


def test_roll_calls_are_held_during_the_conference() -> None:
    assert all(STARTS_S < at_s < ENDS_S for at_s in ROLL_CALLS_S)


def test_a_line_is_down_for_its_time_only() -> None:
    cut_off = next(site for site in demo_sites(14, 1) if site.site == CUT_OFF)
    assert cut_off.cut_off_s is not None
    from_s, to_s = cut_off.cut_off_s
    assert [cut_off.is_cut_off(at_s) for at_s in (from_s - 1, from_s, to_s - 1, to_s)] == [False, True, True, False]
