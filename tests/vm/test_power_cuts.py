"""Power cuts of the whole machine: the room is then as ``restore`` says, and comes up load by load."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.conftest import Ear
from tests.vm.box import AGENT, Box
from tests.vm.conftest import Counts, note
from tests.vm.desk import Desk
from tests.vm.rooms import HOLD_S, LOADS, RELEASED, ROOM, SETTLE_S, room
from tests.vm.trace import changes, levels_set

pytestmark = pytest.mark.vm


@dataclass(frozen=True)
class Cut:
    """One power cut: what the room config says, how the room was, and how it has to be."""

    restore: str
    was: str
    becomes: str


@contextmanager
def listening(box: Box) -> Iterator[Ear]:
    """An ear that ends before the power does."""
    ear = Ear(box.broker_url())
    yield ear
    ear.listener.close()


CUTS = [Cut("last", "on", "on"), Cut("off", "on", "off"), Cut("on", "off", "on"), Cut("last", "off", "off")]


def bring(box: Box, cut: Cut) -> str:
    """The room as it is before the cut; gives the agent's session."""
    began = box.run("date -u +%Y-%m-%dT%H:%M:%S").strip()  # the broker still has what the agent before it said
    box.begin(room(restore=cut.restore))
    with listening(box) as ear:

        def rests(document: dict[str, object]) -> bool:
            return document["state"] in ("on", "off") and str(document["at"]) > began

        # A new box knows of no last state: with `on` it comes up if the machine has just booted, else it stays off.
        said = ear.wait("/power", rests, "of a new box")
        if said["state"] != cut.was:
            box.press(for_s=0.12 if cut.was == "on" else HOLD_S + 0.5)
            ear.wait("/power", lambda document: document["state"] == cut.was, "after the button")
    session: str = said["session"]
    return session


def cut_power(box: Box, cut: Cut) -> str:
    """Cut it, switch it on again, and look at what the room did; gives a line for the report."""
    session = bring(box, cut)
    box.machine.power_cut()
    assert box.machine.boot()
    box.run(f"systemctl start mosquitto {AGENT}")  # under way since the boot; this waits for them
    with listening(box) as ear:

        def is_there(document: dict[str, object]) -> bool:
            return document["session"] != session and document["state"] == cut.becomes

        ear.wait("/power", is_there, f"after the power cut: {cut}")
    entries = box.trace()
    if cut.becomes == "off":
        assert changes(entries, RELEASED) == [], cut
        assert box.levels(tuple(LOADS)) == RELEASED, cut
        return "no relay moves"
    driven = [(at_s, pin, level) for at_s, pin, level in levels_set(entries, LOADS) if level == LOADS[pin]]
    assert [pin for _, pin, _ in driven] == list(LOADS), cut
    times = [at_s for at_s, _, _ in driven]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert all(seconds >= SETTLE_S[pin] for seconds, pin in zip(apart, LOADS, strict=False)), (cut, apart)
    assert box.levels(tuple(LOADS)) == LOADS, cut
    return f"in order, {apart[0]:.2f} and {apart[1]:.2f} s apart, the first {times[0]:.0f} s after the kernel's start"


def test_after_a_power_cut_the_room_is_as_restore_says(box: Box, counts: Counts) -> None:
    for number in range(counts.power_cuts):
        cut = CUTS[number % len(CUTS)]
        note(f"power cut, restore = {cut.restore}, room was {cut.was}: {cut.becomes}; {cut_power(box, cut)}")


def test_a_power_cut_during_a_trial_brings_the_room_back_with_the_config_that_was_confirmed_before(box: Box) -> None:
    box.begin(ROOM)
    desk = Desk(box)
    desk.switch("on")
    good = desk.push(with_threshold(0.7))
    desk.becomes(good, "pending_confirm")
    desk.confirm(good)
    tried = desk.push(with_threshold(0.2))
    desk.becomes(tried, "pending_confirm")
    desk.close()
    box.machine.power_cut()
    assert box.machine.boot()
    box.run(f"systemctl start mosquitto {AGENT}")
    desk = Desk(box)
    desk.becomes(tried, "rolled_back", "restarted")
    running = desk.wait("/config/running", lambda said: said["id"] == good, "of the one that was confirmed")
    assert running["config"] == with_threshold(0.7)
    desk.wait("/power", lambda said: said["state"] == "on", "after the power cut")
    desk.close()
    driven = [(pin, level) for _, pin, level in levels_set(box.trace(), LOADS) if level == LOADS[pin]]
    assert driven == list(LOADS.items())
    note("power cut during a trial: back with what was confirmed before it, the loads in order")


def with_threshold(threshold: float) -> dict[str, Any]:
    """The room, another number in its config."""
    return {**tomllib.loads(ROOM), "headcount": {"threshold": threshold}}
