"""One machine for all of these tests, blank and then set up by ``install.sh``; and how often each thing is done."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hw.eye.models import search
from tests.conftest import Ear
from tests.vm.box import GIVEN_IDENTITY, GIVEN_MODEL, GIVEN_ROOM, STICK, TRIAL_S, Box
from tests.vm.image import Image, ImageError, provide
from tests.vm.machine import Machine
from tests.vm.rooms import LOADS, ROOM, ROOM_WITH_DEVICES
from tests.vm.usb import frames, plug

MEASURED: list[str] = []


@dataclass(frozen=True)
class Counts:
    """How often: enough to see that it works, some more (``--vm``), or enough to believe it (``--full``)."""

    restarts: int
    hangs: int
    stops: int
    power_cuts: int
    presses: int
    turns: int
    plugs: int


QUICK = Counts(restarts=1, hangs=1, stops=1, power_cuts=1, presses=50, turns=6, plugs=2)
SHORT = Counts(restarts=2, hangs=1, stops=1, power_cuts=3, presses=50, turns=6, plugs=2)
FULL = Counts(restarts=100, hangs=20, stops=20, power_cuts=100, presses=1000, turns=100, plugs=20)
NETWORK = "yunet_n_640_640.onnx"


@dataclass(frozen=True)
class Installed:
    """What the one command said, and how long it took; ``began_s``: when it was given, in ``time.monotonic()``."""

    said: str
    began_s: float
    took_s: float


@pytest.fixture(scope="session")
def counts(pytestconfig: pytest.Config) -> Counts:
    if pytestconfig.getoption("--full"):
        return FULL
    return SHORT if pytestconfig.getoption("--vm") else QUICK


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
def network() -> bytes | None:
    """The face network, where this machine has it; without it the box counts nobody and does all the rest."""
    found = search(NETWORK).model
    return found.path.read_bytes() if found is not None and found.path.name == NETWORK else None


@pytest.fixture(scope="session")
def blank(image: Image, tmp_path_factory: pytest.TempPathFactory, network: bytes | None) -> Iterator[Box]:
    """A blank machine, booted, with its camera plugged in: nothing of ours is on it."""
    machine = Machine(image, tmp_path_factory.mktemp("vm"))
    try:
        note(f"boot of the blank machine to ssh: {machine.boot():.0f} s")
        made = Box(machine)
        made.lay_out()
        made.machine.write(GIVEN_ROOM, ROOM_WITH_DEVICES)
        if network is not None:
            made.run(f"cat >{GIVEN_MODEL}", network)
        made.run(f"systemctl start diemcau-test-usb && {frames('up')} && {plug('camera')}")
        yield made
    finally:
        machine.close()


@pytest.fixture(scope="session")
def installed(blank: Box, network: bytes | None) -> Installed:
    """The one command."""
    began_s = time.monotonic()
    given = ["--identity", GIVEN_IDENTITY, "--room", GIVEN_ROOM, "--wheels", f"{STICK}/wheels"]
    given += ["--model", GIVEN_MODEL] if network is not None else []
    said = blank.install(*given, "--trial-s", str(TRIAL_S))
    return Installed(said, began_s, time.monotonic() - began_s)


@pytest.fixture(scope="session")
def box(blank: Box, installed: Installed) -> Box:
    """The machine as a box: installed, and its agent runs."""
    return blank


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
        began = box.run("date -u +%FT%T").strip()  # the broker may still have what an agent before this one said last
        box.press()
        ear.wait("/power", lambda said: said["state"] == "on" and said["at"] >= began, "after a press")
    return box


def note(words: str) -> None:
    """A measured number, for the end of the run."""
    MEASURED.append(words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("measured in the machine")
        for words in MEASURED:
            terminalreporter.write_line(words)
