"""One machine for all of these tests, with the agent on it; and how often each thing is done."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import Ear
from tests.vm.box import Box
from tests.vm.image import Image, ImageError, provide
from tests.vm.machine import Machine
from tests.vm.rooms import LOADS, ROOM

MEASURED: list[str] = []


@dataclass(frozen=True)
class Counts:
    """How often: enough to see that it works, or enough to believe it (``--full``)."""

    restarts: int
    hangs: int
    stops: int
    power_cuts: int
    presses: int
    turns: int
    plugs: int


SHORT = Counts(restarts=4, hangs=1, stops=3, power_cuts=3, presses=50, turns=8, plugs=3)
FULL = Counts(restarts=100, hangs=20, stops=20, power_cuts=12, presses=1000, turns=100, plugs=20)


@pytest.fixture(scope="session")
def counts(pytestconfig: pytest.Config) -> Counts:
    return FULL if pytestconfig.getoption("--full") else SHORT


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config) -> Image:
    try:
        return provide()
    except ImageError as error:
        why = f"no virtual machine: {error}"
    if pytestconfig.getoption("--vm"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def box(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The machine, booted, with release 1.0.0 of this checkout on it; no agent runs yet."""
    machine = Machine(image, tmp_path_factory.mktemp("vm"))
    try:
        note(f"boot to ssh: {machine.boot():.0f} s")
        made = Box(machine)
        made.lay_out()
        made.install("1.0.0")
        yield made
    finally:
        machine.close()


@pytest.fixture
def ear(box: Box) -> Iterator[Ear]:
    """Hears what the box says to its broker."""
    listening = Ear(box.broker_url())
    yield listening
    listening.listener.close()


@pytest.fixture
def room_on(box: Box, request: pytest.FixtureRequest) -> Box:
    """The box with its agent running and all loads energised; left so by the test before, if that one was good."""
    if not box.is_active() or box.levels(tuple(LOADS)) != LOADS:
        box.begin(ROOM)
        ear: Ear = request.getfixturevalue("ear")
        box.press()
        ear.wait("/power", lambda document: document["state"] == "on", "after a press")
    return box


def note(words: str) -> None:
    """A measured number, for the end of the run."""
    MEASURED.append(words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("measured in the machine")
        for words in MEASURED:
            terminalreporter.write_line(words)
