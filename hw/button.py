"""The one button, through gpiozero.

``ButtonPressed`` when it goes down, ``ButtonHeld`` after ``hold_s``, ``ButtonReleased`` when it comes up. A button that
is down at start (it sticks, or a finger was on it at a restart) is neither pressed nor held until it came up once:
nobody knows since when it is down, and a room that comes up by itself after a power cut is worse than a press too few.
"""

import logging
from typing import Any

import gpiozero

from agent.core.config import ButtonSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.button")


class GpioButton:
    """The button between its pin and ground, with the pin's own pull-up.

    Args:
        section: Pin, hold and debounce times.
        factory: gpiozero pin factory; stays the caller's to close.
        inbox: Where events go; called on gpiozero's threads.
        debounce: False where the pin factory cannot debounce (gpiozero's mock).
    """

    def __init__(self, section: ButtonSection, factory: Any, inbox: Inbox, debounce: bool = True) -> None:
        self._section = section
        self._factory = factory
        self._inbox = inbox
        self._bounce_s = (section.debounce_s or None) if debounce else None
        self._device: Any = None
        self.is_there = False  # it can be pressed

    def start(self) -> None:
        """Begin to listen. A line that cannot be had is logged: the room can still be switched from the centre."""
        if self._device is not None:
            return
        try:
            self._device = gpiozero.Button(
                self._section.pin,
                pull_up=True,
                bounce_time=self._bounce_s,
                hold_time=self._section.hold_s,
                pin_factory=self._factory,
            )
            # gpiozero tells of changes only; the first level that it finds is none.
            is_down = self._device.is_pressed
        except (gpiozero.GPIOZeroError, OSError) as error:
            log.error("the button on pin %d cannot be had: %s", self._section.pin, error)
            return
        if is_down:
            log.warning("the button on pin %d is down at start: it counts once it came up", self._section.pin)
        self._device.when_pressed = lambda: self._inbox(ButtonPressed())
        self._device.when_released = lambda: self._inbox(ButtonReleased())
        self._device.when_held = lambda: self._inbox(ButtonHeld())
        self.is_there = True

    def close(self) -> None:
        """Stop listening."""
        self.is_there = False
        if self._device is not None:
            self._device.close()
            self._device = None
