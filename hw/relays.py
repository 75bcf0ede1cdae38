"""Named loads on GPIO pins, through gpiozero on whichever pin factory ``bootstrap`` chose.

A relay is taken at the level that it has: ``initial_value=None`` with ``hw.lines`` moves nothing, and a line that an
earlier run left behind (``hw.kept_lines``) was never let go of at all. Closing closes the line and drives nothing; what
the kernel then does with a pin that nobody keeps is written down in ``hw.lines``.
"""

import logging
from typing import Any

import gpiozero

from agent.core.config import LoadSection
from agent.core.errors import NoLineError, RelayError
from agent.core.events import LoadState
from agent.core.ports import KeptDescriptors
from hw.kept_lines import KeptLines, NothingKept

log = logging.getLogger("diemcau.relays")


class GpioRelays:
    """The switched loads. A line that cannot be had leaves its load ``unknown``; the others work.

    Args:
        loads: Name, pin and polarity of each.
        factory: gpiozero pin factory; stays the caller's to close.
        kept: Who keeps the lines when this process ends.
        let_go: True where this config is the room's own: kept lines of pins that are no load in it are let go. False
            where it stands in for one that cannot be used: those lines hold the room, and stay.
    """

    def __init__(
        self, loads: tuple[LoadSection, ...], factory: Any, kept: KeptDescriptors | None = None, let_go: bool = False
    ) -> None:
        self._loads = loads
        self._factory = factory
        self._lines = KeptLines(factory, kept or NothingKept())
        self._let_go = let_go
        self._devices: dict[int, Any] = {}  # by pin: a load that is called otherwise is still on its line
        self._unreadable: set[str] = set()
        self.held: frozenset[str] = frozenset()  # loads whose lines were kept while there was no process to hold them

    def start(self) -> None:
        """Take every line as it is. A line that cannot be had is logged and tried again when it is switched."""
        self._take_all()
        # Last: until the room's own lines are held nothing else matters.
        pins = {load.pin for load in self._loads}
        (self._lines.let_go_of_all_but if self._let_go else self._lines.tell_of_all_but)(pins)

    def change(self, loads: tuple[LoadSection, ...], let_go: bool = True) -> tuple[str, ...]:
        """Have these loads from now on, of another config. Drives nothing.

        A line that is a load's before and after stays as it is, also under another name or polarity, by which it only
        reads otherwise. The others are let go of first, here and where they are kept, so that nobody finds a line in
        use that is free; new ones are taken as they are.

        Args:
            loads: Name, pin and polarity of each.
            let_go: False where these stand in for a config that cannot be used: the lines of other pins stay held.

        Returns:
            The loads whose lines are new here and cannot be had.

        Thread: agent thread; may wait for systemd, some milliseconds as a rule and a few seconds at most for each line.
        """
        before, after = {load.pin for load in self._loads}, {load.pin for load in loads}
        for pin in (before | self._devices.keys()) - after if let_go else ():
            self._drop(pin)
        self._loads = loads
        for load in loads:
            if load.pin in self._devices:
                self._devices[load.pin].active_high = load.active_high
        return tuple(load.name for load in self._take_all() if load.pin not in before)

    def let_go_of(self, *pins: int) -> None:
        """Have nobody keep these lines any more: another part needs them. Loads' own pins stay."""
        for pin in set(pins) - {load.pin for load in self._loads}:
            self._lines.let_go(pin)

    def states(self) -> dict[str, LoadState]:
        """What every line reads back now. Thread: agent thread."""
        return {load.name: self._state(load) for load in self._loads}

    def set(self, load: str, on: bool) -> None:
        """Energise or release one load.

        Args:
            load: Name as in the config.
            on: True energises the load, whatever the wiring polarity.

        Raises:
            RelayError: The line could not be had or driven, or reads back otherwise; the real state is unknown.

        Thread: agent thread only; returns before the contact has moved.
        """
        section = next(one for one in self._loads if one.name == load)
        device = self._devices.get(section.pin) or self._take(section)
        try:
            (device.on if on else device.off)()
            reads_on = bool(device.value)
        except (gpiozero.GPIOZeroError, OSError) as error:
            raise RelayError(f"load {load} could not be switched: {error}") from error
        if reads_on != on:
            raise RelayError(f"load {load} was switched {'on' if on else 'off'} but its line reads back otherwise")

    def close(self) -> None:
        """Let go of the lines, but for those that are kept. Drives nothing."""
        while self._devices:
            self._devices.popitem()[1].close()

    def _take_all(self) -> list[LoadSection]:
        """Take the lines that are not held yet. Returns the loads whose lines cannot be had."""
        missing = []
        for load in self._loads:
            try:
                if load.pin not in self._devices:
                    is_held = self._lines.take_back(load.pin)
                    self._take(load)
                    self.held |= {load.name} if is_held else set()
            except RelayError as error:
                log.error("%s", error)
                missing.append(load)
        return missing

    def _drop(self, pin: int) -> None:
        log.warning("GPIO%d is no load any more: what hangs on it stays or drops as kernel and board please", pin)
        if (device := self._devices.pop(pin, None)) is not None:
            device.close()
        self._lines.let_go(pin)

    def _take(self, load: LoadSection) -> Any:
        try:
            device = gpiozero.OutputDevice(
                load.pin, active_high=load.active_high, initial_value=None, pin_factory=self._factory
            )
        except (gpiozero.GPIOZeroError, OSError) as error:
            raise NoLineError(f"load {load.name} on pin {load.pin} cannot be had: {error}") from error
        self._devices[load.pin] = device
        self._lines.keep(load.pin)
        return device

    def _state(self, load: LoadSection) -> LoadState:
        name, device = load.name, self._devices.get(load.pin)
        if device is None:
            return "unknown"
        try:
            state: LoadState = "on" if device.value else "off"
        except (gpiozero.GPIOZeroError, OSError) as error:
            if name not in self._unreadable:  # it is read at every heartbeat, and a vanished chip stays away
                log.error("load %s cannot be read: %s", name, error)
            self._unreadable.add(name)
            return "unknown"
        self._unreadable.discard(name)
        return state
