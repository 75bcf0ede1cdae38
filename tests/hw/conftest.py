"""A GPIO chip of a real kernel (gpio-sim), with the kernel's own trace as the judge of "it did not move"."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockPin

LABEL = "diemcau-test"  # no driver's label: on a real Raspberry Pi these tests must never find its real lines


class SimChip:
    """A GPIO chip of gpio-sim with 28 lines; what a wire would do, by `pull`; what a relay would see, by `level`."""

    def __init__(self) -> None:
        self.config = Path("/sys/kernel/config/gpio-sim/diemcau-test")
        bank = self.config / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text("28")
        (bank / "label").write_text(LABEL)
        self.come_back()

    def vanish(self) -> None:
        if (self.config / "live").read_text().strip() == "1":
            (self.config / "live").write_text("0")

    def come_back(self) -> None:
        (self.config / "live").write_text("1")
        self.name = (self.config / "bank0" / "chip_name").read_text().strip()
        self.path = f"/dev/{self.name}"
        self.sysfs = Path("/sys/devices/platform", (self.config / "dev_name").read_text().strip(), self.name)

    def close(self) -> None:
        self.vanish()
        (self.config / "bank0").rmdir()
        self.config.rmdir()

    def pull(self, line: int, up: bool) -> None:
        (self.sysfs / f"sim_gpio{line}" / "pull").write_text("pull-up" if up else "pull-down")

    def level(self, line: int) -> int:
        return int((self.sysfs / f"sim_gpio{line}" / "value").read_text())

    def bounce(self, line: int, to_up: bool) -> None:
        """A contact that closes or opens as contacts do: nine changes more than one."""
        for step in range(19):
            self.pull(line, to_up if step % 2 == 0 else not to_up)
            time.sleep(0.001)


class Trace:
    """What the kernel itself wrote down of GPIO lines: the judge.

    One for all tests: switching it on patches the running scheduler too (for the programs' names), and doing that again
    and again has crashed an emulated machine with two processors.
    """

    def __init__(self) -> None:
        self.folder = Path("/sys/kernel/tracing/instances/diemcau-test")
        self.folder.mkdir()
        (self.folder / "events/gpio/enable").write_text("1")

    def close(self) -> None:
        (self.folder / "events/gpio/enable").write_text("0")
        self.folder.rmdir()

    def forget(self) -> None:
        (self.folder / "trace").write_text("")

    @property
    def driven(self) -> list[int]:
        """Every level that the kernel drove a line to, in order."""
        return [int(level) for level in re.findall(r"gpio_value: \d+ set (\d)", (self.folder / "trace").read_text())]


def gpio_sim_is_there() -> bool:
    if os.geteuid() != 0:
        return False
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "gpio-sim"], capture_output=True, check=False)
    return Path("/sys/kernel/config/gpio-sim").is_dir()


@pytest.fixture
def sim() -> Iterator[SimChip]:
    if not gpio_sim_is_there():
        pytest.skip("needs root and the gpio-sim kernel module")
    chip = SimChip()
    yield chip
    chip.close()


@pytest.fixture(scope="session")
def tracefs() -> Iterator[Trace]:
    if os.geteuid() != 0 or not Path("/sys/kernel/tracing/instances").is_dir():
        pytest.skip("needs root and tracefs on /sys/kernel/tracing")
    trace = Trace()
    yield trace
    trace.close()


@pytest.fixture
def trace(sim: SimChip, tracefs: Trace) -> Trace:
    tracefs.forget()
    return tracefs


class Shelf:
    """Fills the port ``KeptDescriptors`` as systemd does, in memory: copies that outlive who gave them.

    ``kept`` is what it holds; ``next_run`` hands all of it in, as a start of the program does.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []
        self._left: list[tuple[str, int]] = []

    def next_run(self) -> None:
        for _, fd in self._left:
            os.close(fd)
        self._left = [(name, os.dup(fd)) for name, fd in self.kept]

    def take(self, name: str) -> int | None:
        for place, (left, fd) in enumerate(self._left):
            if left == name:
                del self._left[place]
                return fd
        return None

    def keep(self, name: str, fd: int) -> None:
        self.kept.append((name, os.dup(fd)))

    def forget(self, name: str) -> None:
        while (fd := self.take(name)) is not None:
            os.close(fd)
        for _, fd in [kept for kept in self.kept if kept[0] == name]:
            os.close(fd)
        self.kept = [kept for kept in self.kept if kept[0] != name]

    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _ in self._left))

    def kept_names(self) -> list[str]:
        return [name for name, _ in self.kept]

    def close(self) -> None:
        for _, fd in [*self.kept, *self._left]:
            os.close(fd)


class RecordedPin(MockPin):
    """A mock line that writes down all that is done to it, but for reading: taking it, moving it, closing it."""

    def __init__(self, factory: object, info: object) -> None:
        self.done: list[str] = []
        super().__init__(factory, info)

    def close(self) -> None:
        super().close()
        self.done.append("closed")

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self.done.append(value)

    def _set_state(self, value: bool) -> None:
        super()._set_state(value)
        self.done.append("high" if value else "low")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.close()
