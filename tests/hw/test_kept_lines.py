"""hw/kept_lines.py and hw/relays.py through a restart: on mock pins whose lines are real descriptors (of files), and on
real lines with the kernel's trace as the judge."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from agent.core.config import LoadSection
from hw import kept_lines
from hw.gpio_chip import LineError
from hw.gpio_uapi import Flag, LineInfo
from hw.lines import LineFactory
from hw.no_lines import NoLines
from hw.relays import GpioRelays
from tests.hw.conftest import Shelf, SimChip, Trace

CODEC = LoadSection(name="codec", pin=5, active_high=False)
DISPLAY = LoadSection(name="display", pin=6, active_high=True)


class FileLines(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """gpiozero's mock with what LineFactory has for keeping: the line of a pin is a file that says the pin's number."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.held: dict[int, int] = {}
        self.busy_until_s = 0.0

    def line(self, pin: int) -> int:
        """What a request for a line gives."""
        (self.folder / f"gpio{pin}").write_text(str(pin))
        return os.open(self.folder / f"gpio{pin}", os.O_RDONLY)

    def pin(self, name: int) -> object:
        pin = super().pin(name)
        self.held.setdefault(int(pin.info.name[4:]), -1)
        return pin

    def take(self, name: int, fd: int) -> None:
        assert name not in self.held, "before anything is made on that pin"
        said = os.pread(fd, 9, 0).decode()
        if said != str(name):
            raise LineError(f"it is GPIO{said}")
        self.held[name] = fd

    def descriptor(self, name: int) -> int:
        if self.held[name] < 0:
            self.held[name] = self.line(name)
        return self.held[name]

    def line_info(self, offset: int) -> LineInfo:
        return LineInfo("", "", Flag.USED if time.monotonic() < self.busy_until_s else Flag(0))

    def close(self) -> None:
        super().close()
        for fd in self.held.values():
            if fd >= 0:
                os.close(fd)
        self.held.clear()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[FileLines]:
    lines = FileLines(tmp_path)
    yield lines
    lines.close()


def keep(shelf: Shelf, lines: FileLines, name: str, pin: int) -> None:
    """An earlier run left this."""
    fd = lines.line(pin)
    shelf.keep(name, fd)
    os.close(fd)


def test_a_line_is_kept_as_soon_as_it_is_held(shelf: Shelf, lines: FileLines) -> None:
    relays = GpioRelays((CODEC, DISPLAY), lines, shelf)
    relays.start()
    assert [(name, os.pread(fd, 9, 0)) for name, fd in shelf.kept] == [("gpio5", b"5"), ("gpio6", b"6")]
    relays.close()
    assert shelf.kept_names() == ["gpio5", "gpio6"], "also when we are gone"


def test_what_an_earlier_run_left_is_taken_before_anything_is_made_on_the_pin(shelf: Shelf, lines: FileLines) -> None:
    keep(shelf, lines, "gpio5", 5)
    shelf.next_run()
    relays = GpioRelays((CODEC,), lines, shelf)
    relays.start()
    assert (relays.states(), shelf.names()) == ({"codec": "on"}, ())
    assert os.pread(lines.held[5], 9, 0) == b"5"
    assert "gpio5" in shelf.kept_names()
    relays.close()


def test_what_is_another_line_is_said_closed_forgotten_and_the_line_requested_anew(
    shelf: Shelf, lines: FileLines, caplog: pytest.LogCaptureFixture
) -> None:
    keep(shelf, lines, "gpio5", 6)
    keep(shelf, lines, "gpio6", 6)
    shelf.next_run()
    relays = GpioRelays((CODEC, DISPLAY), lines, shelf)
    relays.start()
    assert [record.getMessage() for record in caplog.records] == [
        "GPIO5 cannot be taken back from an earlier run and is requested anew: it is GPIO6"
    ]
    assert relays.states() == {"codec": "on", "display": "off"}
    assert {name: os.pread(fd, 9, 0) for name, fd in shelf.kept} == {"gpio5": b"5", "gpio6": b"6"}
    relays.close()


@pytest.mark.parametrize("good_one", [0, 1, 2])
def test_of_several_with_one_name_the_one_that_works_is_taken_and_stays_kept(
    shelf: Shelf, lines: FileLines, good_one: int
) -> None:
    for place in range(3):
        keep(shelf, lines, "gpio5", 5 if place == good_one else 6)
    shelf.next_run()
    relays = GpioRelays((CODEC,), lines, shelf)
    relays.start()
    assert os.pread(lines.held[5], 9, 0) == b"5"
    assert [(name, os.pread(fd, 9, 0)) for name, fd in shelf.kept] == [("gpio5", b"5")], "and no other"
    relays.close()


def test_a_pin_that_is_no_load_any_more_is_let_go_with_a_warning_that_names_it(
    shelf: Shelf, lines: FileLines, caplog: pytest.LogCaptureFixture
) -> None:
    for name, pin in (("gpio5", 5), ("gpio17", 17), ("gpio27", 27)):
        keep(shelf, lines, name, pin)
    shelf.next_run()
    relays = GpioRelays((CODEC,), lines, shelf, let_go=True)
    relays.start()
    assert set(shelf.kept_names()) == {"gpio5"}
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.split(":")[0] for text in warnings] == ["GPIO17 is no load any more", "GPIO27 is no load any more"]
    relays.close()


def test_under_a_config_that_stands_in_for_a_broken_one_nothing_is_let_go(
    shelf: Shelf, lines: FileLines, caplog: pytest.LogCaptureFixture
) -> None:
    keep(shelf, lines, "gpio5", 5)
    keep(shelf, lines, "gpio6", 6)
    shelf.next_run()
    with caplog.at_level(logging.INFO):
        GpioRelays((), lines, shelf).start()
    assert shelf.kept_names() == ["gpio5", "gpio6"]
    assert caplog.text.count("stays as an earlier run left it") == 2


@pytest.mark.parametrize("name", ["connection", "gpio", "gpio5x", "gpio٥", "xgpio5", "gpio-5"])
def test_what_is_no_line_is_somebody_elses_and_left_alone(shelf: Shelf, lines: FileLines, name: str) -> None:
    keep(shelf, lines, name, 5)
    shelf.next_run()
    GpioRelays((), lines, shelf, let_go=True).start()
    assert (shelf.kept_names(), shelf.names()) == ([name], (name,))


def test_a_line_that_was_let_go_is_waited_for_until_the_kernel_has_it_back(shelf: Shelf, lines: FileLines) -> None:
    keep(shelf, lines, "gpio17", 17)
    shelf.next_run()
    lines.busy_until_s = time.monotonic() + 0.2
    GpioRelays((), lines, shelf, let_go=True).start()
    assert time.monotonic() >= lines.busy_until_s


def test_a_line_that_somebody_else_has_by_then_is_not_waited_for_for_ever(
    shelf: Shelf, lines: FileLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_lines, "LET_GO_WITHIN_S", 0.1)
    keep(shelf, lines, "gpio17", 17)
    shelf.next_run()
    lines.busy_until_s = time.monotonic() + 60
    GpioRelays((), lines, shelf, let_go=True).start()
    assert time.monotonic() < lines.busy_until_s - 30


@pytest.mark.parametrize("factory", [MockFactory(), NoLines("there is no GPIO chip")], ids=["simulated", "no chip"])
def test_without_lines_to_take_back_to_nothing_is_let_go(
    shelf: Shelf, lines: FileLines, factory: MockFactory | NoLines
) -> None:
    keep(shelf, lines, "gpio5", 5)
    keep(shelf, lines, "gpio17", 17)
    shelf.next_run()
    relays = GpioRelays((CODEC,), factory, shelf, let_go=True)
    relays.start()
    assert shelf.kept_names() == ["gpio5", "gpio17"]
    relays.close()


def test_another_config_lets_go_of_what_is_kept_of_the_lines_that_go_and_of_no_other(
    shelf: Shelf, lines: FileLines
) -> None:
    relays = GpioRelays((CODEC, DISPLAY), lines, shelf)
    relays.start()
    codec = dict(shelf.kept)["gpio5"]
    assert relays.change((CODEC.model_copy(update={"name": "vc"}), LoadSection(name="lamp", pin=13))) == ()
    assert shelf.kept_names() == ["gpio5", "gpio13"]
    assert dict(shelf.kept)["gpio5"] == codec, "not even given to be kept once more"
    relays.close()


def test_another_config_takes_back_what_one_before_the_stand_in_held(shelf: Shelf, lines: FileLines) -> None:
    keep(shelf, lines, "gpio5", 5)
    keep(shelf, lines, "gpio6", 6)
    shelf.next_run()
    relays = GpioRelays((), lines, shelf)
    relays.start()
    assert relays.change((CODEC,)) == ()
    assert os.pread(lines.held[5], 9, 0) == b"5"
    assert (set(shelf.kept_names()), shelf.names()) == ({"gpio5", "gpio6"}, ("gpio6",))
    relays.change((), let_go=False)
    assert set(shelf.kept_names()) == {"gpio5", "gpio6"}
    relays.close()


# On a real kernel


@pytest.mark.parametrize("state", ["on", "off"])
def test_a_relay_does_not_move_through_restarts_of_the_program(
    sim: SimChip, trace: Trace, shelf: Shelf, state: str
) -> None:
    for run in range(20):
        shelf.next_run()
        with LineFactory(sim.path) as factory:
            relays = GpioRelays((CODEC, DISPLAY), factory, shelf)
            relays.start()
            if run == 0:
                for load in ("codec", "display"):
                    relays.set(load, on=state == "on")
                trace.forget()
            assert relays.states() == {"codec": state, "display": state}
            relays.close()
        # The line's pull would show, were it free: codec's is down, and so is display's.
        assert (sim.level(5), sim.level(6)) == ((0, 1) if state == "on" else (1, 0))
    assert trace.driven == []


def test_a_line_whose_chip_came_back_is_requested_anew(
    sim: SimChip, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    with LineFactory(sim.path) as factory:
        GpioRelays((DISPLAY,), factory, shelf).start()
    sim.vanish()
    sim.come_back()
    shelf.next_run()
    with LineFactory(sim.path) as factory:
        relays = GpioRelays((DISPLAY,), factory, shelf)
        relays.start()
        relays.set("display", on=True)
        assert (relays.states(), sim.level(6)) == ({"display": "on"}, 1)
    assert "GPIO6 cannot be taken back from an earlier run and is requested anew" in caplog.text
    assert shelf.kept_names() == ["gpio6"]
    shelf.next_run()
    assert shelf.names() == ("gpio6",)


def test_a_load_on_a_reserved_pin_is_unknown_and_the_rest_runs(
    sim: SimChip, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    with LineFactory(sim.path, reserved={5: "used by I²C"}) as factory:
        relays = GpioRelays((CODEC, DISPLAY), factory, shelf)
        relays.start()
        assert relays.states() == {"codec": "unknown", "display": "off"}
        assert "load codec on pin 5 cannot be had: GPIO5 is used by I²C" in caplog.text
        relays.close()


def test_a_pin_that_was_held_before_it_was_reserved_is_still_taken_back(sim: SimChip, shelf: Shelf) -> None:
    with LineFactory(sim.path) as factory:
        relays = GpioRelays((DISPLAY,), factory, shelf)
        relays.start()
        relays.set("display", on=True)
    shelf.next_run()
    with LineFactory(sim.path, reserved={6: "used by I²C"}) as factory:
        relays = GpioRelays((DISPLAY,), factory, shelf)
        relays.start()
        assert (relays.states(), sim.level(6)) == ({"display": "on"}, 1)


def test_a_pin_that_is_no_load_any_more_is_free_for_the_button(sim: SimChip, shelf: Shelf) -> None:
    with LineFactory(sim.path) as factory:
        GpioRelays((CODEC, DISPLAY), factory, shelf).start()
    shelf.next_run()
    with LineFactory(sim.path) as factory:
        GpioRelays((CODEC,), factory, shelf, let_go=True).start()
        assert Flag.USED in factory.line_info(5).flags
        assert Flag.USED not in factory.line_info(6).flags


def test_a_vanished_chip_is_unknown_and_said_once(sim: SimChip, shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    with LineFactory(sim.path) as factory:
        relays = GpioRelays((CODEC,), factory, shelf)
        relays.start()
        sim.vanish()
        assert [relays.states() for _ in range(3)] == [{"codec": "unknown"}] * 3
        assert caplog.text.count("load codec cannot be read") == 1
        relays.close()
