"""The lamp at the button, through gpiozero; the table of its patterns is in here, and in README for people.

gpiozero's ``blink()`` knows one length lit and one dark; a number of flashes, or a long and two short, need a thread of
our own, which is also the only one that ever writes to the line while it plays.
"""

import contextlib
import logging
import threading
from itertools import cycle
from typing import Any

import gpiozero

from agent.core.commands import LedPattern

log = logging.getLogger("diemcau.led")

Beats = tuple[tuple[float, float], ...]  # seconds lit and then dark, over and over
Rhythm = Beats | bool  # or steadily lit or dark

# What tells them apart is how often the lamp changes or for how long it stays, by a factor of 1.5 and more: an eye does
# not measure, it compares. Steady is rest, slow is work, fast is trouble, and groups with pauses want to be read.
PATTERNS: dict[LedPattern, Rhythm] = {
    "off": False,
    "starting": ((0.5, 0.5),),
    "ready": True,
    "warning": ((1.8, 0.2),),
    "stopping": ((0.2, 0.8),),
    "broken": ((0.1, 0.1),),
    "holding": ((0.04, 0.04),),
    "locked": ((0.8, 0.2), (0.15, 0.2), (0.15, 0.8)),
    "identify": ((0.06, 0.06),) * 5 + ((0.06, 0.7),),
}
FLASH: tuple[float, float] = (0.25, 0.25)  # of a fault, one for each step up to the failed one
PAUSE_S = 1.5  # between its groups; long enough that nobody counts on

JOIN_S = 2.0


def rhythm_of(pattern: LedPattern, count: int = 0) -> Rhythm:
    """How a pattern looks. A fault that names no step is one of the box itself: ``broken``."""
    if pattern != "fault":
        return PATTERNS[pattern]
    if count < 1:
        return PATTERNS["broken"]
    lit_s, dark_s = FLASH
    return (FLASH,) * (count - 1) + ((lit_s, dark_s + PAUSE_S),)


class GpioLed:
    """The lamp. A line that cannot be had or driven is logged and forgotten: a lamp is not worth a room.

    Args:
        pin: GPIO number; lit is high.
        factory: gpiozero pin factory; stays the caller's to close.
    """

    def __init__(self, pin: int, factory: Any) -> None:
        self._pin = pin
        self._factory = factory
        self._device: Any = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._wanted: Rhythm | None = False  # None: the end

    @property
    def is_there(self) -> bool:
        """True while the line is held."""
        return self._device is not None

    def start(self) -> None:
        """Take the line, dark, and begin to play."""
        if self._device is not None:
            return
        try:
            self._device = gpiozero.LED(self._pin, pin_factory=self._factory)
        except (gpiozero.GPIOZeroError, OSError) as error:
            log.error("the lamp on pin %d cannot be had: %s", self._pin, error)
            return
        self._wanted = False
        self._thread = threading.Thread(target=self._run, args=(self._device,), name="lamp", daemon=True)
        self._thread.start()

    def show(self, pattern: LedPattern, count: int = 0) -> None:
        """Show a pattern from now on; the one that is shown goes on undisturbed. Thread: any; returns at once."""
        rhythm = rhythm_of(pattern, count)
        with self._changed:
            if self._wanted is not None and rhythm != self._wanted:
                self._wanted = rhythm
                self._changed.notify()

    def close(self) -> None:
        """Dark, and let go of the line."""
        with self._changed:
            self._wanted = None
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            self._thread = None
        if self._device is not None:
            with contextlib.suppress(gpiozero.GPIOZeroError, OSError):  # said already, when it was to be switched
                self._device.off()
            self._device.close()
            self._device = None

    def _run(self, device: Any) -> None:
        try:
            while (rhythm := self._wanted) is not None:
                self._play(device, rhythm)
        except (gpiozero.GPIOZeroError, OSError) as error:
            log.error("the lamp cannot be switched any more: %s", error)

    def _play(self, device: Any, rhythm: Rhythm) -> None:
        """Play one rhythm until another one is wanted."""
        for is_lit, seconds in cycle(_steps(rhythm)):
            (device.on if is_lit else device.off)()
            with self._changed:
                if self._changed.wait_for(lambda: self._wanted is not rhythm, seconds):
                    return


def _steps(rhythm: Rhythm) -> list[tuple[bool, float | None]]:
    """Lit or dark, and for how many seconds; None: for ever."""
    if isinstance(rhythm, bool):
        return [(rhythm, None)]
    return [(is_lit, seconds) for beat in rhythm for is_lit, seconds in zip((True, False), beat, strict=True)]
