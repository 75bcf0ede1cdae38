"""The lamp at the button, through gpiozero. What the patterns mean stands in README."""

import logging
from typing import Any

import gpiozero

from agent.core.commands import LedPattern

log = logging.getLogger("diemcau.led")

# Seconds lit and dark; None is steady. Slow is "at work", fast is "something is wrong".
BLINK: dict[LedPattern, tuple[float, float] | None] = {
    "off": None,
    "on": None,
    "starting": (0.5, 0.5),
    "stopping": (0.2, 0.8),
    "fault": (0.1, 0.1),
}


class GpioLed:
    """The lamp. A line that cannot be had is logged and forgotten: a lamp is not worth a room."""

    def __init__(self, pin: int, factory: Any) -> None:
        self._pin = pin
        self._factory = factory
        self._device: Any = None

    def start(self) -> None:
        """Take the line, dark."""
        if self._device is not None:
            return
        try:
            self._device = gpiozero.LED(self._pin, pin_factory=self._factory)
        except (gpiozero.GPIOZeroError, OSError) as error:
            log.error("the lamp on pin %d cannot be had: %s", self._pin, error)

    def show(self, pattern: LedPattern) -> None:
        """Show a pattern until the next call. Thread: agent thread; gpiozero blinks on a thread of its own."""
        if self._device is None:
            return
        try:
            self._show(pattern)
        except (gpiozero.GPIOZeroError, OSError) as error:
            log.error("the lamp cannot be switched: %s", error)

    def close(self) -> None:
        """Dark, and let go of the line."""
        if self._device is not None:
            self.show("off")
            self._device.close()
            self._device = None

    def _show(self, pattern: LedPattern) -> None:
        blink = BLINK[pattern]
        if blink is not None:
            self._device.blink(*blink)
        elif pattern == "on":
            self._device.on()
        else:
            self._device.off()
