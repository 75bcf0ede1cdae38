"""The checks of a room: what each one last saw, since when it says so, and how fresh that is.

USB checks are answered by the bus (presence, never by opening the device: a conference may be using it), network checks
by the probes.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core.config import CheckSection, RoomConfig
from agent.core.events import Event, Probed, UsbChanged, UsbDevice

KINDS = {"usb-camera": "camera", "usb-microphone": "microphone"}


@dataclass(frozen=True, slots=True)
class CheckState:
    """One check: ``since_s`` when it began to say so, ``seen_s`` when it last said anything (monotonic).

    ``reason`` says why it is not ok, or what is odd though it is.

    ``is_live``: what it said holds until it says something else (the bus tells every change); otherwise it is an answer
    of one moment, that may be older than what one wants to prove with it.
    """

    state: Literal["ok", "failed", "unknown"] = "unknown"
    reason: str | None = None
    since_s: float = 0.0
    seen_s: float = 0.0
    node: str = ""
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Checks:
    """All checks by name."""

    by_name: dict[str, CheckState] = field(default_factory=dict)

    def is_ok(self, name: str, since_s: float = 0.0) -> bool:
        """True when the check is ok now, and not only was so before ``since_s``."""
        check = self.of(name)
        return check.state == "ok" and (check.is_live or check.seen_s >= since_s)

    def of(self, name: str) -> CheckState:
        """The check's state; unknown for one that has not answered yet."""
        return self.by_name.get(name, CheckState())


def handle(checks: Checks, event: Event, now_s: float, config: RoomConfig) -> Checks:
    """The checks after an event. Pure."""
    match event:
        case UsbChanged(devices=devices):
            found = {check.name: _present(check, devices) for check in config.checks if check.kind in KINDS}
        case Probed(check=name, ok=ok, reason=reason) if config.check(name):
            found = {name: CheckState("ok" if ok else "failed", reason)}
        case _:
            return checks
    seen = {name: _since(checks.of(name), state, now_s) for name, state in found.items()}
    return Checks({**checks.by_name, **seen})


def _present(check: CheckSection, devices: tuple[UsbDevice, ...]) -> CheckState:
    for device in devices:
        if matches(check, device):
            return CheckState("ok", _doubt(device), node=device.node, is_live=True)
    return CheckState("failed", "missing", is_live=True)


def _doubt(device: UsbDevice) -> str | None:
    """What is odd about a device that is there. A keyboard could type into whatever runs here: nobody asked for it."""
    if device.is_keyboard:
        return "also_a_keyboard"
    return "muted" if device.muted else None


def matches(check: CheckSection, device: UsbDevice) -> bool:
    """True when the device is the one that the check means: every key that is given must fit."""
    return (
        device.kind == KINDS.get(check.kind)
        and check.usb.lower() in ("", device.usb)
        and check.serial in ("", device.serial)
        and check.port in ("", device.port)
    )


def _since(before: CheckState, after: CheckState, now_s: float) -> CheckState:
    unchanged = (before.state, before.reason) == (after.state, after.reason)
    return replace(after, seen_s=now_s, since_s=before.since_s if unchanged else now_s)
