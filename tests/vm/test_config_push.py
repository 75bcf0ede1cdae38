"""A config is pushed to a room that is on, and goes well, badly, or wherever an agent ends: no relay's line is touched.

One room through all of these tests, in order: each leaves it on, wired as ``ROOM`` is.
"""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.vm.box import Box
from tests.vm.conftest import note
from tests.vm.desk import Desk, checks_of
from tests.vm.rooms import HOLD_S, LOADS, RELEASED, ROOM, room
from tests.vm.trace import Entry, changes, levels_set

pytestmark = pytest.mark.vm

CODEC, DISPLAY, AMPLIFIER = LOADS
BUTTON, ELSEWHERE = 17, 19
LONGER_S = HOLD_S + 1  # what one push makes of how long the button is to be held
OFF_S = LONGER_S + 0.5


@pytest.fixture(scope="module")
def desk(box: Box) -> Iterator[Desk]:
    """The technician of a room that is on."""
    box.forget()
    desk = Desk(box)
    box.begin(ROOM)
    desk.wait("/config/running", lambda said: said["source"] == "file", "of a new box")
    desk.switch("on")
    yield desk
    desk.close()
    box.forget()  # the next one's room is wired as usual


@contextmanager
def untouched(box: Box, what: str) -> Iterator[list[Entry]]:
    """Nothing of what is done inside is to be seen on a relay's line, not even a level that it has already."""
    with box.watched() as entries:
        yield entries
    seen = [entry for entry in entries if entry.pin in LOADS]
    note(f"{what}: {len(seen)} entries of a relay's line in the trace, {len(changes(entries, LOADS))} changes")
    assert seen == []
    assert box.levels(tuple(LOADS)) == LOADS
    assert box.kept() == len(LOADS)


def wanted(**sections: Any) -> dict[str, Any]:
    """The room with other sections, or more of them."""
    return {**tomllib.loads(ROOM), **sections}


def elsewhere() -> dict[str, Any]:
    """The room with its amplifier on another line."""
    return tomllib.loads(room(pins=(CODEC, DISPLAY, ELSEWHERE)))


def test_zones_and_thresholds_touch_no_relay_confirmed_or_not(box: Box, desk: Desk) -> None:
    zones = {"threshold": 0.7, "include": [[[0, 0], [1, 0], [1, 1]]]}
    with untouched(box, "push of zones and threshold, confirmed"):
        kept = desk.push(wanted(headcount=zones, site={"name": "Chí Linh"}))
        desk.becomes(kept, "pending_confirm")
        desk.confirm(kept)
    with untouched(box, "push of a threshold, not confirmed"):
        lost = desk.push(wanted(headcount={"threshold": 0.2}), within_s=2)
        desk.becomes(lost, "pending_confirm")
        desk.becomes(lost, "rolled_back", "not_confirmed")


def test_a_push_that_makes_the_button_and_the_probes_anew_touches_no_relay(box: Box, desk: Desk) -> None:
    broker = {"name": "broker", "kind": "tcp", "address": "127.0.0.1:1883"}
    other = wanted(checks=[broker])
    other["power"]["button"]["hold_s"] = LONGER_S
    other["power"]["loads"][0]["settle_s"] = 2
    with untouched(box, "push that makes button and probes anew, confirmed") as entries:
        id_ = desk.push(other)
        desk.becomes(id_, "pending_confirm")
        desk.wait("/readiness", lambda said: checks_of(said).get("broker") == "ok", "with the new check")
        desk.confirm(id_)
    assert "released" in [entry.kind for entry in entries if entry.pin == BUTTON], "the trace sees who is made anew"


ENDS: dict[str, Callable[[Box], None]] = {
    "SIGTERM and restart": Box.restart,
    "kill -9": Box.kill,
    "a hang, and the watchdog": Box.hang,
}


@pytest.mark.parametrize(
    "how", [each if "kill" in each else pytest.param(each, marks=pytest.mark.thorough) for each in ENDS]
)
def test_an_agent_that_ends_during_a_trial_comes_back_with_what_was_good_and_touches_no_relay(
    box: Box, desk: Desk, how: str
) -> None:
    desk.forget()
    with box.watched() as entries:
        id_ = desk.push(wanted(headcount={"threshold": 0.3}))
        before = desk.becomes(id_, "pending_confirm")["session"]
        ENDS[how](box)
        desk.becomes(id_, "rolled_back", "restarted")
        back = desk.wait("/power", lambda said: said["session"] != before, "of the new agent")
        assert (back["state"], set(back["loads"].values())) == ("on", {"on"})
    moved = changes(entries, LOADS)
    note(f"trial cut short by {how}: {len(moved)} changes of a relay's line")
    assert moved == []
    assert box.levels(tuple(LOADS)) == LOADS


@pytest.mark.thorough
def test_another_wiring_waits_until_the_room_is_off_and_takes_lines_as_they_are(box: Box, desk: Desk) -> None:
    """And where somebody switches the room on with it meanwhile, going back waits too."""
    with untouched(box, "another wiring while the room is on"):
        id_ = desk.push(elsewhere(), within_s=15)
        desk.becomes(id_, "deferred", "room_on")

    with box.watched() as entries:
        desk.switch("off", OFF_S)
        desk.becomes(id_, "pending_confirm")
        desk.switch("on")
        desk.becomes(id_, "deferred", "going_back: room_on")
    # The amplifier's old line is let go of when all is off; its new one is found off, and moves in its turn.
    off = [(AMPLIFIER, 0), (DISPLAY, 0), (CODEC, 1), (AMPLIFIER, None)]
    energised = {CODEC: 0, DISPLAY: 1, ELSEWHERE: 1}
    assert moves(entries, LOADS | {ELSEWHERE: 0}) == [*off, *energised.items()]
    assert (box.levels(tuple(energised)), box.kept()) == (energised, 3)

    with box.watched() as entries:
        desk.switch("off", OFF_S)
        desk.becomes(id_, "rolled_back", "not_confirmed")
    assert moves(entries, energised) == [(ELSEWHERE, 0), (DISPLAY, 0), (CODEC, 1), (ELSEWHERE, None)]
    assert (box.levels(tuple(LOADS)), box.kept()) == (RELEASED, 3)
    assert switched_on(box, desk, (*LOADS, ELSEWHERE)) == list(LOADS.items())
    note("another wiring, there and back: 0 changes of a line but by the button, and in order both times")


@pytest.mark.thorough
def test_another_wiring_that_is_confirmed_drives_nothing_and_the_room_starts_in_its_order(box: Box, desk: Desk) -> None:
    desk.switch("off", OFF_S)
    other = elsewhere()
    other["power"]["led"]["pin"] = AMPLIFIER  # a relay's line becomes the lamp's
    other["power"]["loads"][0]["name"] = "vc"
    other["power"]["loads"].reverse()
    found = {CODEC: 1, DISPLAY: 0, ELSEWHERE: 0}
    with box.watched() as entries:
        id_ = desk.push(other)
        desk.becomes(id_, "pending_confirm")
        desk.confirm(id_)
    assert moves(entries, found) == []
    assert (box.levels(tuple(found)), box.kept()) == (found, 3)
    assert switched_on(box, desk, tuple(found)) == [(ELSEWHERE, 1), (DISPLAY, 1), (CODEC, 0)]
    note("another wiring to a room that is off, confirmed: 0 changes of a relay's line")


def moves(entries: list[Entry], levels: dict[int, int]) -> list[tuple[int | None, int | None]]:
    """Which line moved to which level, in order; to no level: it was let go of."""
    return [(entry.pin, entry.level) for entry in changes(entries, levels)]


def switched_on(box: Box, desk: Desk, pins: tuple[int, ...]) -> list[tuple[int, int]]:
    """Press the button, and give which of these lines were driven to which level, in order."""
    with box.watched() as entries:
        desk.switch("on")
    return [(pin, level) for _, pin, level in levels_set(entries, pins)]
