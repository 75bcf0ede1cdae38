"""Where a simulated room's parts are: its board and its USB bus, somebody's finger, and what goes wrong in it."""

import logging
import os
import threading
from typing import Any

from gpiozero.pins.mock import MockFactory

from agent.core.config import PowerSection, RoomConfig
from agent.core.ports import Inbox
from hw.simulated.script import Film
from hw.simulated.stage import Finger, SayTruth, Stage, standard_input
from hw.simulated.usb_bus import SimulatedUsb

log = logging.getLogger("diemcau.simulated")


class World:
    """Is made once: a device that another config speaks of and this one does not is not there.

    Args:
        film: The script that is played.
        config: The room's when the agent starts.
        inbox: Where events go.
    """

    debounce = False  # gpiozero's mock has none; its presses do not bounce either

    def __init__(self, film: Film, config: RoomConfig, inbox: Inbox) -> None:
        self.film = film
        self.factory: Any = MockFactory()
        self.usb = SimulatedUsb(config.checks, inbox)
        self.reserved_pins: dict[int, str] = {}
        self._wired: set[int] = set()
        button = config.power.button
        self._finger = Finger(self.factory.pin(button.pin), button.hold_s)
        self._mishap = film.script.on_apply

    def wire(self, power: PowerSection) -> None:
        """Have load boards and the button where a config says that they are."""
        for load in power.loads:
            if load.pin not in self._wired:
                # As the board's resistors and the firmware leave it: a load that nobody switched yet is released.
                self.factory.pin(load.pin).output_with_state(not load.active_high)
            self._wired.add(load.pin)
        self._finger.move(self.factory.pin(power.button.pin), power.button.hold_s)

    def stage(self, say_truth: SayTruth) -> Stage:
        """What plays the script."""
        log.info("simulated: Enter presses the button, h and Enter holds it")
        return Stage(self.film, self._finger, self.usb, say_truth, standard_input())

    def meet_mishap(self) -> tuple[str, ...]:
        """What the script wants to go wrong now that another config is to run, once. Returns parts that are refused."""
        mishap, self._mishap = self._mishap, None
        match mishap:
            case "crash":
                log.error("simulated: this agent crashes")
                os._exit(1)
            case "hang":
                log.error("simulated: this agent hangs")
                threading.Event().wait()
            case "refuse":
                return ("power.led",)
        return ()

    def close(self) -> None:
        """Let go of all pins."""
        self.factory.close()
