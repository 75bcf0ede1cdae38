"""A gpiozero pin factory on the Linux GPIO character device, whose outputs are never moved by taking or leaving them.

    factory = LineFactory()
    relay = OutputDevice(5, initial_value=None, pin_factory=factory)    # keeps the level it finds
    button = Button(17, bounce_time=0.05, pin_factory=factory)          # debounced by the kernel

In here belongs what gpiozero asks of a factory and the sentences for people when a line cannot be had; a pin is in
`hw/line_pin.py`, bytes and ioctls are in `hw/gpio_uapi.py`. Needs gpiozero 2 and Linux 5.10, neither lgpio nor
RPi.GPIO. No PWM, no SPI.

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
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gpiozero.pins import Factory

from hw import gpio_chip
from hw import gpio_uapi as uapi
from hw.gpio_chip import CHIP_LABELS, LineBusyError, LineError, LineUnknownError
from hw.line_pin import LinePin

_T = TypeVar("_T")


class LineFactory(Factory):  # type: ignore[misc]  # gpiozero has no types
    """Stands for the GPIO chip of this machine; makes gpiozero pins of its lines.

    It opens the chip at once, unlike this project's other parts, because gpiozero's factories have no start: a wrong
    machine is refused here, not at the first relay. Ends with `close()`, safe to call twice, or as `with`.

    Args:
        chip: Path of the chip, e.g. ``"/dev/gpiochip0"``; None looks for the first chip with one of the labels.
        labels: Driver labels to look for, when no path is given.
        consumer: Name under which the kernel lists our lines (`gpioinfo`); the first 31 bytes count.
        reserved: Pins that are not to be had, and why: "GPIO2 is …" goes on with it. The kernel may give away a pin
            that a bus uses, and that bus is then silent. A line that is taken back is not asked for.

    Raises:
        LineError: There is no such chip, or this user may not open it.

    Thread: any; callbacks of `when_changed` come on the one thread that the factory starts with the first of them.
    """

    def __init__(
        self,
        chip: str | None = None,
        labels: Sequence[str] = CHIP_LABELS,
        consumer: str = "gpiozero",
        reserved: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._pins: dict[str, LinePin] = {}
        self._consumer = consumer
        self._reserved = dict(reserved or {})
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

    def pin(self, name: int | str) -> LinePin:
        """Hold a line as it is: neither its direction nor its level moves.

        Args:
            name: GPIO number (BCM numbering, the line's offset on the chip) or a name such as ``"GPIO17"``.

        Raises:
            LineUnknownError: The board has no such pin.
            LineBusyError: Someone else has it.
            LineError: It is reserved, the chip vanished or the factory is closed.
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
        if offset in self._reserved:
            raise LineError(f"GPIO{offset} is {self._reserved[offset]}")
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

    def _pin_object(self, name: int | str) -> LinePin:
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
