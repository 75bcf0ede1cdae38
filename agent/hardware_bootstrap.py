"""What one room runs on: a box's pins and buses, or a world where a script plays. Part of the composition root, so it
names concrete parts; the simulated ones are imported for a simulation only.
"""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.adapters.config_store import read_document
from agent.core.config import PowerSection, RoomConfig
from agent.core.contract import Truth
from agent.core.ports import Inbox, Link, Part
from hw.usb_watch import UdevWatch

if TYPE_CHECKING:
    from hw.simulated.script import Film, Script
    from hw.simulated.world import World

log = logging.getLogger("diemcau")


class Box:
    """A box's own pins and bus. Neither is opened before somebody asks for it."""

    film: "Film | None" = None
    debounce = True

    def __init__(self, inbox: Inbox) -> None:
        from hw.gpio_chip import pins_in_use

        self.usb: Part = UdevWatch(inbox)
        self.reserved_pins = pins_in_use()
        self._factory: Any = None

    @property
    def factory(self) -> Any:
        """The pins. Named, because gpiozero's own choice falls back silently; without a chip the rest still runs."""
        from hw.gpio_chip import LineError
        from hw.lines import LineFactory
        from hw.no_lines import NoLines

        if self._factory is None:
            try:
                self._factory = LineFactory(consumer="diemcau", reserved=self.reserved_pins)
            except LineError as error:
                log.error("%s", error)
                self._factory = NoLines(str(error))
        return self._factory

    def wire(self, power: PowerSection) -> None:
        """Wires are somebody else's work."""

    def meet_mishap(self) -> tuple[str, ...]:
        """Real ones come by themselves."""
        return ()

    def close(self) -> None:
        """Let go of all pins."""
        if self._factory is not None:
            self._factory.close()


def open_hardware(simulate: str | None, speed: float, config: RoomConfig, inbox: Inbox) -> "Box | World":
    """The box's own, or for a simulation its script's; to be closed after all that uses it.

    Args:
        simulate: None: real hardware; empty: the built-in script; else a script's file.
        speed: How many seconds of the script pass in one of ours.
        config: The room's when the agent starts.
        inbox: Where events go.

    Raises:
        ConfigError: The script cannot be read.
    """
    if simulate is None:
        return Box(inbox)
    from hw.simulated.script import Film
    from hw.simulated.world import World

    script = _script(simulate)
    _complain_of_cues(script, config)
    film = Film(script=script, started_s=time.monotonic(), speed=speed, boxes_only=speed > 1)
    return World(film, config, inbox)


def stage(hardware: "Box | World", link: Link | None) -> Part | None:
    """In simulation: what plays the script, and publishes its truth beside what the agent found out by itself."""
    if isinstance(hardware, Box):
        return None

    def say_truth(people: int) -> None:
        if link is not None:
            link.publish("simulated/truth", Truth(at=datetime.now(UTC), people=people), retain=True, expiry_s=60)

    return hardware.stage(say_truth)


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
