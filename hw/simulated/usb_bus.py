"""A USB bus in memory: one device for each USB check of the room config, plugged and unplugged by the script."""

import threading
from dataclasses import replace
from typing import Literal

from agent.core.config import CheckSection
from agent.core.events import UsbChanged, UsbDevice
from agent.core.ports import Inbox

KINDS: dict[str, Literal["camera", "microphone"]] = {"usb-camera": "camera", "usb-microphone": "microphone"}


class SimulatedUsb:
    """Stands behind the same port as ``hw.usb_watch``; nothing is said before its start. Thread: any."""

    def __init__(self, checks: tuple[CheckSection, ...], inbox: Inbox) -> None:
        self._inbox = inbox
        self._lock = threading.Lock()
        self._devices = {check.name: _device(check, i) for i, check in enumerate(checks) if check.kind in KINDS}
        self._away: set[str] = set()
        self._muted: set[str] = set()
        self._is_watched = False

    def start(self) -> None:
        """Say what is on the bus."""
        self._is_watched = True
        self._say()

    def close(self) -> None:
        """Say nothing more."""
        self._is_watched = False

    def plug(self, check: str) -> None:
        """Put the device of a check on the bus."""
        with self._lock:
            self._away.discard(check)
        self._say()

    def unplug(self, check: str) -> None:
        """Pull the device of a check."""
        with self._lock:
            self._away.add(check)
        self._say()

    def mute(self, check: str) -> None:
        """Switch the microphone of a check off."""
        with self._lock:
            self._muted.add(check)
        self._say()

    def unmute(self, check: str) -> None:
        """Switch it on again."""
        with self._lock:
            self._muted.discard(check)
        self._say()

    def _say(self) -> None:
        with self._lock:
            here = tuple(self._heard(name) for name in self._devices if name not in self._away)
        if self._is_watched:
            self._inbox(UsbChanged(here))

    def _heard(self, name: str) -> UsbDevice:
        """The device with what its mixer tells; a camera has none."""
        device = self._devices[name]
        return device if device.kind == "camera" else replace(device, muted=name in self._muted)


def _device(check: CheckSection, number: int) -> UsbDevice:
    """A device that fits the check; its node is the check's name, by which the film knows the camera."""
    return UsbDevice(
        kind=KINDS[check.kind],
        usb=check.usb.lower() or f"1d6b:{number:04x}",
        serial=check.serial or f"SIM{number}",
        port=check.port or f"1-1.{number + 1}",
        node=check.name,
    )
