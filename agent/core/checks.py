"""The checks of a room: what each one last saw, since when it says so, and how fresh that is.

USB checks are answered by the bus (presence, never by opening the device: a conference may be using it), network checks
by the probes.
"""

from collections.abc import Iterable
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

    ``node_s`` is since when the device is at its ``node``, or nowhere. ``went_with_room``: it went when the room's
    power did, and may be fed by it; nobody can tell before the room is on again.
    """

    state: Literal["ok", "failed", "unknown"] = "unknown"
    reason: str | None = None
    since_s: float = 0.0
    seen_s: float = 0.0
    node: str = ""
    is_live: bool = False
    node_s: float = 0.0
    went_with_room: bool = False


@dataclass(frozen=True, slots=True)
class Checks:
    """All checks by name.

    ``devices`` is what was on the bus when somebody looked last. ``keyboards`` are cameras and microphones that no
    check speaks of and that say that they are keyboards too. Both None while nobody has looked.
    """

    by_name: dict[str, CheckState] = field(default_factory=dict)
    keyboards: tuple[UsbDevice, ...] | None = None
    devices: tuple[UsbDevice, ...] | None = None

    def is_ok(self, name: str, since_s: float = 0.0) -> bool:
        """True when the check is ok now, and not only was so before ``since_s``."""
        check = self.of(name)
        return check.state == "ok" and (check.is_live or check.seen_s >= since_s)

    def of(self, name: str) -> CheckState:
        """The check's state; unknown for one that has not answered yet."""
        return self.by_name.get(name, CheckState())


def handle(checks: Checks, event: Event, now_s: float, config: RoomConfig, power_goes: bool = False) -> Checks:
    """The checks after an event. ``power_goes``: the room loses its power about now, and devices with it. Pure."""
    match event:
        case UsbChanged(devices=devices):
            there = assigned(config.checks, devices)
            found = {name: _present(device) for name, device in there.items()}
            checks = replace(checks, devices=devices, keyboards=_keyboards(devices, there.values()))
        case Probed(check=name, ok=ok, reason=reason, address=address):
            section = config.check(name)
            if section is None or address not in (None, section.address):
                return checks
            found = {name: CheckState("ok" if ok else "failed", reason)}
        case _:
            return checks
    seen = {name: _since(checks.of(name), state, now_s, power_goes) for name, state in found.items()}
    return replace(checks, by_name={**checks.by_name, **seen})


def reconfigured(checks: Checks, before: RoomConfig, now_s: float, config: RoomConfig) -> Checks:
    """The checks with another config: what one that changed has said is forgotten, and the bus is looked through anew.
    Pure.
    """
    same = {check.name for check in config.checks if check == before.check(check.name)}
    checks = replace(checks, by_name={name: state for name, state in checks.by_name.items() if name in same})
    return checks if checks.devices is None else handle(checks, UsbChanged(checks.devices), now_s, config)


def power_is_back(checks: Checks) -> Checks:
    """The room is on: what is not there now is missing, whatever has taken it."""
    if not any(each.went_with_room for each in checks.by_name.values()):
        return checks
    return replace(checks, by_name={name: replace(each, went_with_room=False) for name, each in checks.by_name.items()})


def assigned(checks: tuple[CheckSection, ...], devices: tuple[UsbDevice, ...]) -> dict[str, UsbDevice | None]:
    """The device of each USB check, by name; None: it is missing. No device answers for two.

    Whoever names its port or serial number comes first; who names the product alone gets what is left of that.
    """
    left, found = list(devices), dict[str, UsbDevice | None]()
    for check in sorted((each for each in checks if each.kind in KINDS), key=_vagueness):
        device = next((device for device in left if matches(check, device)), None)
        found[check.name] = device
        if device is not None:
            left.remove(device)
    return found


def _vagueness(check: CheckSection) -> tuple[bool, bool, bool]:
    return not check.port, not check.serial, not check.usb


def _present(device: UsbDevice | None) -> CheckState:
    if device is None:
        return CheckState("failed", "missing", is_live=True)
    return CheckState("ok", _doubt(device), node=device.node, is_live=True)


def _keyboards(devices: tuple[UsbDevice, ...], spoken_of: Iterable[UsbDevice | None]) -> tuple[UsbDevice, ...]:
    """Those that no check speaks of. By port: the microphone of a camera is the same thing, and one warning is enough;
    the twin of a device, which fits the same check, is another.
    """
    ports = {device.port for device in spoken_of if device is not None}
    return tuple(device for device in devices if device.is_keyboard and device.port not in ports)


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


def _since(before: CheckState, after: CheckState, now_s: float, power_goes: bool) -> CheckState:
    unchanged = (before.state, before.reason) == (after.state, after.reason)
    stayed = after.node == before.node
    has_gone = after.is_live and after.state == "failed"
    return replace(
        after,
        seen_s=now_s,
        since_s=before.since_s if unchanged else now_s,
        node_s=before.node_s if stayed else now_s,
        went_with_room=has_gone and (before.went_with_room or (power_goes and before.state == "ok")),
    )
