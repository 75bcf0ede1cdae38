"""What one room runs on: a box's pins and buses, or a stage where a script plays. Part of the composition root, so it
names concrete parts; the simulated ones are imported for a simulation only.
"""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.adapters.config_store import read_document
from agent.core.config import RoomConfig
from agent.core.contract import Truth
from agent.core.ports import Inbox, Link, Part
from hw.usb_watch import UdevWatch

if TYPE_CHECKING:
    from hw.simulated.script import Film, Script

log = logging.getLogger("diemcau")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What differs between a box and a simulation."""

    factory: Any
    usb: Part
    film: "Film | None" = None
    debounce: bool = True


def open_hardware(simulate: str | None, speed: float, config: RoomConfig, inbox: Inbox, parts: ExitStack) -> Hardware:
    """The box's own, or for a simulation its script's; what has to be closed goes onto ``parts``.

    Args:
        simulate: None: real hardware; empty: the built-in script; else a script's file.
        speed: How many seconds of the script pass in one of ours.
        config: The room's.
        inbox: Where events go.
        parts: The agent's parts.

    Raises:
        ConfigError: The script cannot be read.
    """
    if simulate is None:
        factory = _pin_factory()
        parts.callback(factory.close)
        return Hardware(factory, UdevWatch(inbox))
    from gpiozero.pins.mock import MockFactory

    from hw.simulated.script import Film
    from hw.simulated.usb_bus import SimulatedUsb

    script = _script(simulate)
    _complain_of_cues(script, config)
    film = Film(script=script, started_s=time.monotonic(), speed=speed, boxes_only=speed > 1)
    factory = MockFactory()
    parts.callback(factory.close)
    for load in config.power.loads:
        # As the board's resistors and the firmware leave it: a load that nobody switched yet is released.
        factory.pin(load.pin).output_with_state(not load.active_high)
    # gpiozero's mock has no debouncing; its presses do not bounce either.
    return Hardware(factory, SimulatedUsb(config.checks, inbox), film, debounce=False)


def _pin_factory() -> Any:
    """The box's pins. Named, because gpiozero's own choice falls back silently; without a chip the rest still runs."""
    from hw.gpio_chip import LineError, pins_in_use
    from hw.lines import LineFactory
    from hw.no_lines import NoLines

    try:
        return LineFactory(consumer="diemcau", reserved=pins_in_use())
    except LineError as error:
        log.error("%s", error)
        return NoLines(str(error))


def _script(name: str) -> "Script":
    from hw.simulated.script import Script, parse_script

    if not name:
        return Script()
    path = Path(name)
    return parse_script(read_document(path), name, json_document=path.suffix == ".json")


def _complain_of_cues(script: "Script", config: RoomConfig) -> None:
    """A cue that does nothing is told, not refused: a room whose file is broken has no devices, and has to run."""
    from hw.simulated.usb_bus import KINDS

    devices = [check.name for check in config.checks if check.kind in KINDS]
    for name in sorted(script.devices - set(devices)):
        there = ", ".join(devices) or "none"
        log.warning("the script speaks of %r, which is no USB check of this room (there are: %s)", name, there)


def play(hardware: Hardware, config: RoomConfig, link: Link | None, parts: ExitStack) -> None:
    """In simulation: play the script, and publish its truth beside what the agent found out by itself."""
    if hardware.film is None:
        return
    from hw.simulated.stage import Finger, Stage, standard_input

    def say_truth(people: int) -> None:
        from datetime import UTC, datetime

        if link is not None:
            link.publish("simulated/truth", Truth(at=datetime.now(UTC), people=people), retain=True, expiry_s=60)

    button = config.power.button
    log.info("simulated: Enter presses the button, h and Enter holds it")
    finger = Finger(hardware.factory.pin(button.pin), button.hold_s)
    stage = Stage(hardware.film, finger, hardware.usb, say_truth, standard_input())  # type: ignore[arg-type]
    parts.callback(stage.close)
    stage.start()
