"""Power cuts of the whole machine, at random moments: it is back in service each time, the room as ``restore`` says and
load by load, and no row of the history is lost.
"""

import random
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ear
from tests.vm.box import AGENT, Box
from tests.vm.centre import Centre
from tests.vm.conftest import Counts, note
from tests.vm.desk import Desk
from tests.vm.rooms import HOLD_S, LOADS, RELEASED, ROOM, SETTLE_S, room
from tests.vm.trace import Entry, changes, levels_set

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
SEED = 9
# Until then the history of a room grows with every press; and so long a boot takes that is cut as well.
RUNS_S, BOOTS_S = 12.0, (5.0, 45.0)


@pytest.fixture
def centre(box: Box, tmp_path: Path) -> Iterator[Centre]:
    """A recorder's database, for a box that begins its history with it."""
    box.begin(ROOM)
    made = Centre(tmp_path)
    yield made
    made.close()


def bring(box: Box, cut: Cut) -> str:
    """The room as it is before the cut; gives the agent's session."""
    began = box.run("date -u +%Y-%m-%dT%H:%M:%S").strip()  # the broker still has what the agent before it said
    box.configure(room(restore=cut.restore))
    with listening(box) as ear:

        def rests(document: dict[str, object]) -> bool:
            return document["state"] in ("on", "off") and str(document["at"]) > began

        said = ear.wait("/power", rests, "of a box with that config")
        if said["state"] != cut.was:
            box.press(for_s=0.12 if cut.was == "on" else HOLD_S + 0.5)
            ear.wait("/power", lambda document: document["state"] == cut.was, "after the button")
    session: str = said["session"]
    return session


def cut_power(box: Box, centre: Centre, cut: Cut, chance: random.Random, is_twice: bool) -> str:
    """Cut it at some moment, switch it on again, and look at what the room did; gives a line for the report.

    Args:
        is_twice: And once more while it boots.
    """
    centre.begin(box)
    session = bring(box, cut)
    if cut.was == "on":  # presses change nothing in it, and each is a row
        box.run("systemd-run -q --collect sh -c 'while python3 /root/test/finger.py press; do :; done'")
    time.sleep(chance.uniform(0, RUNS_S))
    box.machine.power_cut()
    centre.end()
    if is_twice:
        box.machine.switch_on()
        time.sleep(chance.uniform(*BOOTS_S))
        box.machine.power_cut()
    assert box.machine.boot()
    box.run(f"systemctl start mosquitto {AGENT}")  # under way since the boot; this waits for them
    with listening(box) as ear:

        def is_there(document: dict[str, object]) -> bool:
            return document["session"] != session and document["state"] == cut.becomes

        ear.wait("/power", is_there, f"after the power cut: {cut}")
    entries = box.trace()
    centre.begin(box)
    rows = centre.has_all(box)
    centre.end()
    return f"{judged(box, cut, entries)}; {rows} rows of history, none lost"


def judged(box: Box, cut: Cut, entries: list[Entry]) -> str:
    """What the loads did since the boot."""
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


def test_after_power_cuts_at_random_moments_the_room_is_as_restore_says_and_no_row_is_lost(
    box: Box, centre: Centre, counts: Counts
) -> None:
    chance = random.Random(SEED)
    for number in range(counts.power_cuts):
        cut, is_twice = CUTS[number % len(CUTS)], number % 3 == 1
        said = cut_power(box, centre, cut, chance, is_twice)
        again = ", and again in the boot" if is_twice else ""
        note(f"power cut {number + 1}{again}, restore = {cut.restore}, room was {cut.was}: {cut.becomes}; {said}")


@pytest.mark.thorough
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
