"""A gpiozero pin factory on the Linux GPIO character device, whose outputs are never moved by taking or leaving them.

    factory = LineFactory()
    relay = OutputDevice(5, initial_value=None, pin_factory=factory)    # keeps the level it finds
    button = Button(17, bounce_time=0.05, pin_factory=factory)          # debounced by the kernel

In here belongs what gpiozero asks of a pin and the sentences for people when a line cannot be had; bytes and ioctls
are in `hw/gpio_uapi.py`. Needs gpiozero 2 and Linux 5.10, neither lgpio nor RPi.GPIO. No PWM, no SPI.

Why not lgpio: every start of an output there goes input, low, output, wanted level, and a clean exit makes it an
input. With relays on the lines a restart of the program then pulses or drops the power of a room.

A line through its life:

    free ── pin() ──► held as is ── function = "output" ──► output, at the level that was read
     ▲                    │ ├─────── output_with_state() ──► output, straight at that level
     │                    │ └─────── function = "input" ───► input ── when_changed ──► edges, read by one thread
     │     take(pin, fd) ─┘
     └── close(): the descriptor is closed and nothing else is done

After the last descriptor of a line is closed the *kernel* decides what the pin does. Raspberry Pi OS leaves function
and level alone (`persist_gpio_outputs`, unless `dtparam=strict_gpiod` is set); a mainline kernel makes the pin an
input, and then the relay does as its board pleases. A descriptor that systemd keeps (FDSTORE) keeps the line through a
restart on both: give it `descriptor(pin)`, and after the restart give what it kept to `take(pin, fd)`.

Errors, all of them also gpiozero's `PinError`:

    LineError               this line or chip cannot be used now; its state is unknown
    ├── LineBusyError       someone else has it; `consumer` is the name that one gave
    └── LineUnknownError    no such pin on this board (also gpiozero's `PinInvalidPin`)
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gpiozero import (
    PinEdgeDetectUnsupported,
    PinFixedPull,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
    PinInvalidState,
    PinSetInput,
)
from gpiozero.pins import Factory
from gpiozero.pins.pi import PiPin

from hw import gpio_chip
from hw import gpio_uapi as uapi
from hw.gpio_chip import CHIP_LABELS, LineBusyError, LineError, LineUnknownError
from hw.gpio_uapi import Flag

# What `pull` says before anyone set one. It equals none of gpiozero's three, so InputDevice always sets its own: a line
# may come from the firmware with any pull, and the kernel cannot tell which.
PULL_UNKNOWN = "unknown"

_BIAS = {
    PULL_UNKNOWN: Flag(0),
    "up": Flag.BIAS_PULL_UP,
    "down": Flag.BIAS_PULL_DOWN,
    "floating": Flag.BIAS_DISABLED,
}
_EDGES = {
    "none": Flag(0),
    "rising": Flag.EDGE_RISING,
    "falling": Flag.EDGE_FALLING,
    "both": Flag.EDGE_RISING | Flag.EDGE_FALLING,
}
_LONGEST_BOUNCE_S = (2**32 - 1) / 1e6  # the kernel counts microseconds in 32 bits


_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class LineFactory(Factory):  # type: ignore[misc]  # gpiozero has no types
    """Stands for the GPIO chip of this machine; makes gpiozero pins of its lines.

    It opens the chip at once, unlike this project's other parts, because gpiozero's factories have no start: a wrong
    machine is refused here, not at the first relay. Ends with `close()`, safe to call twice, or as `with`.

    Args:
        chip: Path of the chip, e.g. ``"/dev/gpiochip0"``; None looks for the first chip with one of the labels.
        labels: Driver labels to look for, when no path is given.
        consumer: Name under which the kernel lists our lines (`gpioinfo`); the first 31 bytes count.

    Raises:
        LineError: There is no such chip, or this user may not open it.

    Thread: any; callbacks of `when_changed` come on the one thread that the factory starts with the first of them.
    """

    def __init__(
        self, chip: str | None = None, labels: Sequence[str] = CHIP_LABELS, consumer: str = "gpiozero"
    ) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._pins: dict[str, LinePin] = {}
        self._consumer = consumer
        self._board: Any = None
        self.edges = uapi.EdgeReader()
        self._chip_fd, self.chip = gpio_chip.open_chip(chip) if chip else gpio_chip.find_chip(labels)

    def close(self) -> None:
        """Let go of every line and of the chip, and stop the thread; drives nothing (see the module's text).

        Thread: any. From another thread than the callbacks' it returns when no callback runs any more.
        """
        with self._lock:
            pins, self._pins = list(self._pins.values()), {}
            chip_fd, self._chip_fd = self._chip_fd, -1
        for pin in pins:
            pin.close()
        self.edges.close()
        if chip_fd >= 0:
            os.close(chip_fd)

    def pin(self, name: int | str) -> "LinePin":
        """Hold a line as it is: neither its direction nor its level moves.

        Args:
            name: GPIO number (BCM numbering, the line's offset on the chip) or a name such as ``"GPIO17"``.

        Raises:
            LineUnknownError: The board has no such pin.
            LineBusyError: Someone else has it.
            LineError: The chip vanished or the factory is closed.
        """
        with self._lock:
            pin = self._pin_object(name)
            try:
                pin.hold()
            except LineError:
                # gpiozero reserved the pin for a device that will never be. That one lives as long as someone keeps
                # the exception, and would refuse the next attempt. Nobody else can hold what we could not open.
                with self._res_lock:
                    self._reservations[pin.info].clear()
                raise
            return pin

    def take(self, name: int | str, fd: int) -> None:
        """Take over a line descriptor of an earlier run, as it is; before a device is made on that pin.

        Moves nothing, and an output with `initial_value=None` on it then moves nothing either. The factory owns the
        descriptor from now on, and no child process will inherit it. When it is refused it stays with the caller.

        Args:
            name: The pin that the descriptor is for.
            fd: A line request as `descriptor()` gave it, e.g. back from systemd (`LISTEN_FDS`).

        Raises:
            LineError: That descriptor holds no line, another line, several lines or an inverted one, or the pin is
                already held; the load's state is unknown and the descriptor was not touched.
        """
        with self._lock:
            self._pin_object(name).take(fd)

    def descriptor(self, name: int | str) -> int:
        """The descriptor of a held line, to be kept by systemd (`FDSTORE=1`); it stays ours, so do not close it.

        As long as a copy of it is open anywhere the line is held and keeps its level.

        Raises:
            LineError: That pin is not held.
        """
        with self._lock:
            return self._pin_object(name).descriptor

    @staticmethod
    def ticks() -> float:
        """Seconds of CLOCK_MONOTONIC: the clock of the kernel's edge events."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Seconds between two `ticks`."""
        return later - earlier

    def request(self, offset: int) -> int:
        """Ask the kernel for one line as is; gives the descriptor, which the caller then owns. Errors as `pin`."""
        return self.call(offset, lambda: uapi.request_as_is(self._chip_fd, offset, self._consumer))

    def line_info(self, offset: int) -> uapi.LineInfo:
        """What the kernel says of one line now. Raises LineError."""
        return self.call(offset, lambda: uapi.line_info(self._chip_fd, offset))

    def call(self, offset: int, action: Callable[[], _T]) -> _T:
        """Do one thing with the kernel about one line, and turn its error into the sentence for people."""
        if self._chip_fd < 0:
            raise LineError(f"GPIO{offset} cannot be used, its LineFactory is closed: make a new one")
        try:
            return action()
        except OSError as error:
            raise self._explain(offset, error) from error

    def _explain(self, offset: int, error: OSError) -> LineError:
        line = f"GPIO{offset}"
        if error.errno == errno.EBUSY:
            return LineBusyError(line, self.line_info(offset).consumer)
        if error.errno == errno.ENODEV:
            return LineError(f"{line} is lost, its chip {self.chip.label} has vanished: restart once it is back")
        return LineError(f"{line} of {self.chip.label} was refused by the kernel: {error.strerror}")

    def _pin_object(self, name: int | str) -> "LinePin":
        for _, info in self.board_info.find_pin(name):
            if "gpio" in info.interfaces:
                return self._pins.setdefault(info.name, LinePin(self, info))
        numbers = [pin.name for header in self.board_info.headers.values() for pin in header.pins.values()]
        last = max((int(name[4:]) for name in numbers if name.startswith("GPIO")), default=0)
        raise LineUnknownError(f"{name!r} is no GPIO pin of {self.chip.label}: use a number up to {last}, or 'GPIO17'")

    def _get_board_info(self) -> Any:
        if self._board is None:
            self._board = gpio_chip.board_of(self.chip)
        return self._board


@dataclass(frozen=True)
class _Setup:
    """How a line is, or shall be, configured; `function` is empty while it is held as is."""

    function: str = ""
    pull: str = PULL_UNKNOWN
    bounce_s: float | None = None
    edges: str = "both"
    watched: bool = False

    @property
    def flags(self) -> Flag:
        """As the kernel wants them. An output gets no bias: that would be a change which nobody asked for."""
        if self.function == "output":
            return Flag.OUTPUT
        return Flag.INPUT | _BIAS[self.pull] | (_EDGES[self.edges] if self.watched else Flag(0))

    @property
    def debounce_us(self) -> int:
        return round((self.bounce_s or 0) * 1e6) if self.function == "input" else 0

    @property
    def for_kernel(self) -> tuple[str, Flag, int]:
        """Two setups that are equal in this are the same to the kernel."""
        return self.function, self.flags, self.debounce_us


class LinePin(PiPin):  # type: ignore[misc]  # gpiozero has no types
    """Stands for one GPIO line; made by `LineFactory.pin`, ended by the device's or the factory's `close`.

    Every reading and writing can raise LineError when the chip has vanished; the line's state is unknown then.

    Thread: any.
    """

    def __init__(self, factory: LineFactory, info: Any) -> None:
        super().__init__(factory, info)
        # gpiozero's own lock, so that there is one and no order of locks to get wrong. It covers every use of the
        # descriptor: a number that was closed by another thread may already be the descriptor of another relay.
        self._io_lock = self._when_changed_lock
        self._fd = -1
        self._setup = _Setup(pull=info.pull or PULL_UNKNOWN)

    def hold(self) -> None:
        """Request the line as is, unless it is held; moves nothing. Errors as `LineFactory.pin`."""
        with self._io_lock:
            if self._fd < 0:
                self._own(self.factory.request(self._number), _Setup(pull=self.info.pull or PULL_UNKNOWN))

    def take(self, fd: int) -> None:
        """See `LineFactory.take`."""
        with self._io_lock:
            if self._fd >= 0:
                raise LineError(f"{self!r} is already held: take its descriptor before making a device on it")
            flags = self._check(fd)
            self._own(fd, _Setup(function="output" if Flag.OUTPUT in flags else ""))

    def close(self) -> None:
        """Close the descriptor; what the pin does then is the kernel's decision. Safe to call twice.

        A callback that already runs may still finish; no other one begins.
        """
        with self._io_lock:
            self._when_changed = None
            fd, self._fd = self._fd, -1
            if fd >= 0:
                self.factory.edges.forget(fd)
                os.close(fd)

    @property
    def descriptor(self) -> int:
        """See `LineFactory.descriptor`."""
        with self._io_lock:
            if self._fd < 0:
                raise LineError(f"{self!r} is not held: make a device on it first")
            return self._fd

    def output_with_state(self, state: bool) -> None:
        """Make it an output straight at that level, without a pulse through the other."""
        with self._io_lock:
            if self._setup.function == "output":
                self._set_state(state)
            else:
                self._configure(replace(self._setup, function="output"), _level(state, self))

    def deliver(self, edge: uapi.Edge) -> None:
        """Call `when_changed`, if there is one. An exception of it is logged: the next press must still work.

        Thread: the factory's edge thread.
        """
        reference = self._when_changed  # read once: another thread may clear it now
        callback = reference() if reference else None
        if callback is None:
            return
        try:
            callback(edge.ticks, edge.level)
        except Exception:
            _log.exception("the callback for a change of %r failed", self)

    def lost(self, error: OSError) -> None:
        """Say once that no more changes will come. Thread: the factory's edge thread."""
        _log.error("%r reports no changes any more, its chip has vanished: %s", self, error.strerror)

    def _own(self, fd: int, setup: _Setup) -> None:
        # Children must not inherit it (they would hold the line after us), and the edge thread must never wait in read.
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)
        self._fd, self._setup = fd, setup

    def _check(self, fd: int) -> Flag:
        """Refuse a descriptor that would move another relay than the one that is meant."""
        try:
            uapi.get_value(fd)
            found = uapi.requested_lines(fd)
        except OSError as error:
            raise LineError(f"descriptor {fd} for {self!r} holds no usable line: {error.strerror}") from error
        if found not in (None, (self.factory.chip.name, [self._number])):
            raise LineError(f"descriptor {fd} is not {self!r} of {self.factory.chip.name} but {found}: not taken")
        info = self.factory.line_info(self._number)
        if Flag.USED not in info.flags or Flag.ACTIVE_LOW in info.flags:
            raise LineError(f"descriptor {fd} is not {self!r}, or inverted (active low): not taken")
        return Flag(info.flags)

    def _call(self, action: Callable[[int], _T]) -> _T:
        """One use of the descriptor, under the lock."""
        with self._io_lock:
            fd = self.descriptor
            result: _T = self.factory.call(self._number, lambda: action(fd))
            return result

    def _configure(self, wanted: _Setup, level: int | None = None) -> None:
        """Tell the kernel, and only when it agreed remember it.

        What the kernel need not know it is not told: nothing about a line held as is, and nothing new about an output,
        which every configuration would drive anew.
        """
        with self._io_lock:
            if wanted.function and wanted.for_kernel != self._setup.for_kernel:
                self._call(lambda fd: uapi.set_config(fd, wanted.flags, level, wanted.debounce_us))
            self._setup = wanted

    def _get_function(self) -> str:
        if self._setup.function:
            return self._setup.function
        return "output" if Flag.OUTPUT in self.factory.line_info(self._number).flags else "input"

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f"{self!r} cannot be {value!r}, only 'input' or 'output'")
        with self._io_lock:
            if self._setup.function != value:
                # An output begins at the level that the line has now, so that nothing moves.
                level = self._get_state() if value == "output" else None
                self._configure(replace(self._setup, function=value), level)

    def _get_state(self) -> int:
        return self._call(uapi.get_value)

    def _set_state(self, value: bool) -> None:
        level = _level(value, self)
        with self._io_lock:
            if self._setup.function != "output":
                raise PinSetInput(f"cannot set the state of {self!r}, it is not an output")
            self._call(lambda fd: uapi.set_value(fd, level))

    def _get_pull(self) -> str:
        return "floating" if self._setup.function == "output" else self._setup.pull

    def _set_pull(self, value: str) -> None:
        if self._setup.function == "output":
            raise PinFixedPull(f"cannot set the pull of {self!r}, it is an output")
        if value not in _BIAS or value == PULL_UNKNOWN:
            raise PinInvalidPull(f"pull of {self!r} cannot be {value!r}, only 'up', 'down' or 'floating'")
        if self.info.pull not in ("", value):
            raise PinFixedPull(f"{self!r} has a pull-{self.info.pull} resistor on the board")
        self._configure(replace(self._setup, pull=value))

    def _get_bounce(self) -> float | None:
        return self._setup.bounce_s

    def _set_bounce(self, value: float | None) -> None:
        """Seconds for which the level must be stable before it counts; so the edge comes that much later."""
        if value is not None and not 0 <= value <= _LONGEST_BOUNCE_S:
            raise PinInvalidBounce(f"bounce of {self!r} must be 0 to {_LONGEST_BOUNCE_S:.0f} seconds, not {value!r}")
        self._configure(replace(self._setup, bounce_s=value))

    def _get_edges(self) -> str:
        return self._setup.edges

    def _set_edges(self, value: str) -> None:
        if value not in _EDGES:
            raise PinInvalidEdges(f"edges of {self!r} cannot be {value!r}, only {', '.join(_EDGES)}")
        self._configure(replace(self._setup, edges=value))

    def _enable_event_detect(self) -> None:
        if self._setup.function == "output":
            raise PinEdgeDetectUnsupported(f"{self!r} is an output: only changes of an input are reported")
        self._call(uapi.read_edges)  # what is left over from an earlier callback is not news
        self._configure(replace(self._setup, watched=True))
        self.factory.edges.watch(self._fd, self)

    def _disable_event_detect(self) -> None:
        self.factory.edges.forget(self._fd)
        self._configure(replace(self._setup, watched=False))


def _level(state: bool | float, pin: LinePin) -> int:
    if state not in (0, 1):
        raise PinInvalidState(f"state of {pin!r} must be 0 or 1, not {state!r}: these pins have no PWM")
    return int(state)
