"""GPIO lines through a restart: given to whoever keeps descriptors, taken back before anything can move.

On a line that nobody holds the kernel decides what the pin does; on one whose descriptor is kept somewhere nothing
happens. So every relay's line is kept from the moment it is held, under ``gpio<number>``.
"""

import logging
import os
import re
import time
from collections.abc import Collection
from typing import Any, Protocol, runtime_checkable

from gpiozero import GPIOZeroError

from agent.core.ports import KeptDescriptors
from hw import gpio_uapi as uapi

log = logging.getLogger("diemcau.relays")

# systemd says that it let go, and closes a moment later on a thread of its own (asynchronous_close in
# src/core/service.c, from 254).
LET_GO_WITHIN_S = 1.0


@runtime_checkable
class KeepsLines(Protocol):
    """What of ``hw.lines.LineFactory`` is used here. gpiozero's mock has none of it: nothing outlives its process."""

    def take(self, name: int, fd: int) -> None: ...

    def descriptor(self, name: int) -> int: ...

    def line_info(self, offset: int) -> uapi.LineInfo: ...


class NothingKept:
    """The port ``KeptDescriptors`` where nobody keeps anything."""

    def take(self, name: str) -> int | None:
        """None."""

    def keep(self, name: str, fd: int) -> None:
        """Nothing."""

    def forget(self, name: str) -> None:
        """Nothing."""

    def names(self) -> tuple[str, ...]:
        """None."""
        return ()


class KeptLines:
    """Lines of one pin factory in a store of descriptors. With a factory that cannot take lines back nothing is done,
    and whatever is kept stays kept: a chip that cannot be opened today is no reason to drop a room.

    Args:
        factory: The pin factory; stays the caller's.
        kept: Who keeps the descriptors.

    Thread: agent thread.
    """

    def __init__(self, factory: Any, kept: KeptDescriptors) -> None:
        self._factory = factory if isinstance(factory, KeepsLines) else None
        self._kept = kept

    def take_back(self, pin: int) -> bool:
        """Take over what an earlier run left of this line, before a device is made on it; moves nothing. True: it was.

        What cannot be taken over is closed here and there, and said; the line is then requested like any other.
        """
        is_held, is_stale = False, False
        while self._factory is not None and (fd := self._kept.take(_name(pin))) is not None:
            if not is_held and self._take(self._factory, pin, fd):
                is_held = True
            else:  # also a second one of that name: it is of no use once the first one works
                os.close(fd)
                is_stale = True
        if is_stale:
            self.let_go(pin, is_held)
        return is_held

    def keep(self, pin: int) -> None:
        """Have a held line kept. Errors are logged: the line works all the same."""
        if self._factory is None:
            return
        try:
            self._kept.keep(_name(pin), self._factory.descriptor(pin))
        except (GPIOZeroError, OSError) as error:
            log.error("GPIO%d cannot be kept and may move when this program ends: %s", pin, error)

    def let_go_of_all_but(self, pins: Collection[int]) -> None:
        """Let go of the kept lines of other pins, so that button or lamp may use them; what hangs there may drop."""
        for pin in self._others(pins):
            log.warning(
                "GPIO%d is no load any more: the line that an earlier run held is let go, and what hangs on it stays "
                "or drops as kernel and board please",
                pin,
            )
            self.let_go(pin)

    def tell_of_all_but(self, pins: Collection[int]) -> None:
        """Say which kept lines of other pins are left as they are."""
        for pin in self._others(pins):
            log.info("GPIO%d stays as an earlier run left it: the config that has it cannot be used now", pin)

    def let_go(self, pin: int, is_held: bool = False) -> None:
        """Let go of whatever is kept of this line. Returns when the kernel has it back, where nobody else holds it.

        Args:
            pin: GPIO number.
            is_held: True where this process holds the line and keeps it.
        """
        if self._factory is None:
            return
        self._kept.forget(_name(pin))
        until_s = time.monotonic() + LET_GO_WITHIN_S
        while not is_held and self._is_used(pin) and time.monotonic() < until_s:
            time.sleep(0.01)

    def _take(self, factory: KeepsLines, pin: int, fd: int) -> bool:
        try:
            factory.take(pin, fd)
        except (GPIOZeroError, OSError) as error:
            log.error("GPIO%d cannot be taken back from an earlier run and is requested anew: %s", pin, error)
            return False
        return True

    def _others(self, pins: Collection[int]) -> list[int]:
        if self._factory is None:
            return []
        named = (re.fullmatch(r"gpio(\d{1,3})", name, re.ASCII) for name in self._kept.names())
        return [pin for match in named if match and (pin := int(match[1])) not in pins]

    def _is_used(self, pin: int) -> bool:
        try:
            return self._factory is not None and uapi.Flag.USED in self._factory.line_info(pin).flags
        except (GPIOZeroError, OSError):
            return False  # whoever wants the line will be told why it cannot be had


def _name(pin: int) -> str:
    return f"gpio{pin}"
