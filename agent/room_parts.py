"""The parts that a room config wires: relays, lamp, button, network checks, and how much the outbox keeps. Another
config changes of them what it says otherwise and touches nothing else. Part of the composition root.

::

    let go: button, lamp, lines that are no load any more   (a pin may pass from one part to another)
    take:   lines that are new, as they are; lamp, button
    checks: new ones begin, the others go on; outbox
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.adapters.outbox import Outbox
from agent.core.commands import ApplyConfig, LedPattern, ReadRelays, SetRelay, ShowLed
from agent.core.config import LoadSection, RoomConfig
from agent.core.errors import NoLineError, RelayError
from agent.core.events import ConfigApplied, Event, LoadState, RelayFailed, RelaySet, RelaysRead
from agent.core.ports import Inbox, KeptDescriptors
from agent.runtime import Handler
from hw.button import GpioButton
from hw.led import GpioLed
from hw.probes import NetworkProbes
from hw.relays import GpioRelays

if TYPE_CHECKING:
    from agent.hardware_bootstrap import Box
    from hw.simulated.world import World

log = logging.getLogger("diemcau")


class RoomParts:
    """The wired parts of one room.

    Args:
        config: What the agent starts with.
        hardware: What they are wired to; stays the caller's to close. It is opened with the first part.
        outbox: Told how much to keep.
        inbox: Where events go.
        kept: Who keeps the relays' lines when this process ends.
        is_own: False where ``config`` stands in for one that cannot be used: what an earlier run held is left alone.
        spared_pins: Pins that neither lamp nor button may have while it does.
        is_safe: Start without any part. The first config that is applied opens them.
        lets_go: False where what an earlier run held may hold the room up all the same: only button and lamp get their
            pins from it.

    Thread: agent thread.
    """

    def __init__(
        self,
        config: RoomConfig,
        hardware: "Box | World",
        outbox: Outbox,
        inbox: Inbox,
        kept: KeptDescriptors,
        is_own: bool = True,
        spared_pins: frozenset[int] = frozenset(),
        is_safe: bool = False,
        lets_go: bool = True,
    ) -> None:
        self._config, self._hardware, self._outbox = config, hardware, outbox
        self._kept, self._is_safe = kept, is_safe
        self._lets_go = is_own and lets_go
        self._stand_in, self._spared_pins = None if is_own else config, spared_pins
        self._relays: GpioRelays | None = None
        self._lamp = Replaceable("power.led", lambda section: GpioLed(section.pin, hardware.factory))
        self._button = Replaceable(
            "power.button", lambda section: GpioButton(section, hardware.factory, inbox, hardware.debounce)
        )
        self._probes = NetworkProbes((), inbox)
        self._shown: tuple[LedPattern, int] = ("off", 0)

    def start(self) -> None:
        """Open the parts, but for a safe start."""
        if self._relays is None and not self._is_safe:
            self._open(self._config, let_go=self._lets_go)

    def apply(self, config: RoomConfig) -> ConfigApplied:
        """Have the parts run with another config. Those that it does not change are not touched; nothing moves a relay.

        Loads that are called otherwise, or whose lines are wired otherwise, are read anew. ``failed`` are parts that
        this config changes, and that it cannot have although the one before could; after a safe start, all of them.
        """
        refused = self._hardware.meet_mishap()
        before, self._config = self._config, config
        if self._relays is None:
            failed, is_rewired = self._open(config, let_go=False), True
        else:
            is_rewired = _wires(before.power.loads) != _wires(config.power.loads)
            failed = self._change(config, self._relays, is_rewired)
        self._outbox.change(config.reporting)
        return ConfigApplied(refused + failed, self.states() if is_rewired else None)

    def states(self) -> dict[str, LoadState]:
        """What the line of every load reads back now."""
        if self._relays is None:
            return {load.name: "unknown" for load in self._config.power.loads}
        return self._relays.states()

    @property
    def held(self) -> frozenset[str]:
        """Loads whose lines were kept while there was no process to hold them."""
        return frozenset() if self._relays is None else self._relays.held

    def handlers(self) -> dict[type, Handler]:
        """What carries out the orders for these parts."""
        handlers: dict[type, Callable[[Any], Event | None]] = {
            SetRelay: self._switch,
            ReadRelays: lambda command: RelaysRead(self.states()),
            ShowLed: self._show,
            ApplyConfig: lambda command: self.apply(command.config),
        }
        return handlers

    def close(self) -> None:
        """Let go of everything. Drives no relay."""
        self._hardware.usb.close()
        self._probes.close()
        self._button.let_go(None)
        self._lamp.let_go(None)
        if self._relays is not None:
            self._relays.close()

    def _open(self, config: RoomConfig, let_go: bool) -> tuple[str, ...]:
        """Open all parts. Returns those that cannot be had."""
        self._hardware.wire(config.power)
        # A room that is on comes first: nothing else is tried before its lines are held.
        self._relays = GpioRelays(config.power.loads, self._hardware.factory, self._kept, let_go)
        self._relays.start()
        if not let_go and self._stand_in is None:
            self._relays.let_go_of(config.power.button.pin, config.power.led.pin)
        missing = tuple(name for name, state in self._relays.states().items() if state == "unknown")
        failed = missing + self._change(config, self._relays, is_rewired=False)
        self._hardware.usb.start()
        return failed

    def _change(self, config: RoomConfig, relays: GpioRelays, is_rewired: bool) -> tuple[str, ...]:
        power, is_own = config.power, config != self._stand_in
        spared = frozenset() if is_own else self._spared_pins
        self._button.let_go(None if power.button.pin in spared else power.button)
        self._lamp.let_go(None if power.led.pin in spared else power.led)
        self._hardware.wire(power)
        failed = relays.change(power.loads, let_go=is_own) if is_rewired else ()
        failed += self._lamp.take() + self._button.take()
        self._light()
        self._probes.change(config.checks)
        return failed

    def _switch(self, command: SetRelay) -> Event:
        try:
            if self._relays is None:
                raise RelayError(f"load {command.load} cannot be switched: this is a safe start, without relays")
            self._relays.set(command.load, command.on)
        except RelayError as error:
            log.error("%s", error)
            return RelayFailed(command.load, command.on, "relay_failed", not isinstance(error, NoLineError))
        return RelaySet(command.load, command.on)

    def _show(self, command: ShowLed) -> None:
        if self._hardware.film is not None:
            log.info("lamp: %s%s", command.pattern, f" {command.count}" if command.count else "")
        self._shown = command.pattern, command.count
        self._light()

    def _light(self) -> None:
        if self._lamp.part is not None:
            self._lamp.part.show(*self._shown)


class Replaceable:
    """A part that is made anew when its section changes.

    Args:
        name: What it is called in reports.
        make: Makes it from its section.
    """

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        self._name, self._make = name, make
        self._section: Any = None
        self._was_there = True
        self.part: Any = None

    def let_go(self, section: Any) -> None:
        """Close what is not as in ``section``; None: this part is not wanted at all."""
        if section == self._section:
            return
        self._section = section
        if self.part is not None:
            self._was_there = self.part.is_there
            self.part.close()
            self.part = None

    def take(self) -> tuple[str, ...]:
        """Open what is wanted and not open. Returns its name where it could be had before and now cannot."""
        if self.part is not None or self._section is None:
            return ()
        self.part = self._make(self._section)
        self.part.start()
        return (self._name,) if self._was_there and not self.part.is_there else ()


def _wires(loads: tuple[LoadSection, ...]) -> list[tuple[str, int, bool]]:
    """What of loads a relay's line knows."""
    return [(load.name, load.pin, load.active_high) for load in loads]
