"""One line of `hw.lines.LineFactory` as gpiozero's pin: how it is configured, and what of that the kernel is told.

Every wish of gpiozero's devices (function, pull, bounce, edges) becomes a `_Setup`; the kernel hears of it only where
it makes a difference, since each configuration of an output drives it anew. A line's life is drawn in `hw/lines.py`.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

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
from gpiozero.pins.pi import PiPin

from hw import gpio_uapi as uapi
from hw.gpio_chip import LineError
from hw.gpio_uapi import Flag

if TYPE_CHECKING:
    from hw.lines import LineFactory

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

    def __init__(self, factory: "LineFactory", info: Any) -> None:
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
