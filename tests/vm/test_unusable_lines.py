"""Lines that cannot be had, on a real kernel: one sentence that says why, the rest runs, the load is unknown."""

from collections.abc import Iterator

import pytest

from tests.conftest import Ear, wait_for
from tests.vm.box import Box
from tests.vm.rooms import LOADS, ROOM, room

pytestmark = [pytest.mark.vm, pytest.mark.thorough]


@pytest.fixture
def stopped(box: Box) -> Iterator[Box]:
    """The box without agent, chip and user as they should be; and again so afterwards."""
    box.forget()
    yield box
    box.forget()


@pytest.fixture
def another_program(stopped: Box) -> Iterator[str]:
    """One that has the display's line; its name."""
    stopped.run("systemd-run -q --unit another gpioset -C another-program -c gpiochip0 6=0")
    wait_for(lambda: "another-program" in stopped.run("gpioinfo"), "the line is taken")
    yield "another-program"
    stopped.run("systemctl stop another")


@pytest.fixture
def chip_for_root_only(stopped: Box) -> Iterator[None]:
    stopped.run("chmod 600 /dev/gpiochip*")
    yield
    stopped.run("chmod 660 /dev/gpiochip*")


@pytest.fixture
def chip_of_twenty(stopped: Box) -> Iterator[None]:
    stopped.lines("down")
    stopped.lines("up", 20)
    yield
    stopped.lines("down")
    stopped.lines("up")


@pytest.fixture
def chip_comes_back(box: Box) -> Iterator[None]:
    yield
    box.forget()
    box.lines("down")
    box.lines("up")


def said(box: Box, *words: str) -> str:
    """The one line of the journal, of the agent that runs now, that has all of these in it."""
    wait_for(lambda: sentences(box, *words), f"the journal has {words}")
    found = sentences(box, *words)
    assert len(found) == 1, found
    return found[0]


def sentences(box: Box, *words: str) -> list[str]:
    return [line for line in box.journal() if all(word in line for word in words)]


def loads(ear: Ear, **wanted: str) -> None:
    ear.wait("/power", lambda document: document["loads"] == wanted, f"with {wanted}")


def stays_up(box: Box, pid: int) -> None:
    assert (box.is_active(), box.pid()) == (True, pid)


def test_a_line_that_another_program_has_is_unknown_and_its_owner_named(
    stopped: Box, another_program: str, ear: Ear
) -> None:
    ear.forget()
    stopped.begin(ROOM)
    pid = stopped.pid()
    loads(ear, codec="off", display="unknown", amplifier="off")
    assert "stop that one" in said(stopped, "GPIO6", another_program)
    stays_up(stopped, pid)


def test_without_permission_the_agent_says_what_to_do_and_stays_up(
    stopped: Box, chip_for_root_only: None, ear: Ear
) -> None:
    ear.forget()
    stopped.begin(ROOM)
    pid = stopped.pid()
    loads(ear, codec="unknown", display="unknown", amplifier="unknown")
    for name in ("codec", "display", "amplifier"):
        assert "group gpio" in said(stopped, f"load {name}", "no permission")
    stays_up(stopped, pid)


def test_a_pin_that_the_chip_has_not_is_unknown_and_the_others_work(
    stopped: Box, chip_of_twenty: None, ear: Ear
) -> None:
    ear.forget()
    stopped.begin(room(pins=(5, 6, 25)))
    pid = stopped.pid()
    loads(ear, codec="off", display="off", amplifier="unknown")
    assert "use a number up to 19" in said(stopped, "load amplifier", "25")
    stays_up(stopped, pid)


def test_a_chip_that_vanishes_leaves_the_loads_unknown_and_comes_back_with_a_restart(
    room_on: Box, chip_comes_back: None, ear: Ear
) -> None:
    pid = room_on.pid()
    ear.forget()
    room_on.lines("down")
    loads(ear, codec="unknown", display="unknown", amplifier="unknown")
    for name in ("codec", "display", "amplifier"):
        said(room_on, f"load {name}", "vanished")
    stays_up(room_on, pid)
    room_on.lines("up")
    room_on.restart()
    # The new chip's lines are off, and the room was on: nobody switched it off.
    wait_for(lambda: room_on.levels(tuple(LOADS)) == LOADS, "the room comes back, load by load")
