"""What is found when one looks whether this room is fit for a conference: each check of the config, and those that
every room has. Raw: as of this moment, without damping (``core/readiness.py``).

The names of the built-in ones have a dot, which no check of a config may have: ``room.power``, ``camera.picture``,
``camera.counting``, ``box.clock``, ``box.disk``, ``box.temperature``, ``box.supply``, ``box.memory``, ``box.files``,
``box.usb``, ``box.certificate``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from agent.core.checks import Checks
from agent.core.config import CheckSection, RoomConfig
from agent.core.power import Power

Group = Literal["connect", "display", "audio", "power", "box"]
State = Literal["ok", "warning", "failed", "unknown"]

# A probe knocks every five seconds and waits three; one that has said nothing for so long is no answer any more.
ANSWER_HOLDS_S = 60.0
# Below the first a log and a config still fit; below the second nothing may.
DISK_LOW_BYTES, DISK_FULL_BYTES = 500_000_000, 50_000_000
# The firmware of a Raspberry Pi slows its processor down from 80 °C. Source: raspberrypi.com documentation,
# "Frequency management and thermal control".
HOT_C = 80.0
MEMORY_LOW_SHARE = 0.1
# FAULTS 35: three warnings, the nearest end first. The doctor's have the same words.
CERTIFICATE_ENDS = (
    (timedelta(days=1), "expires_within_day"),
    (timedelta(days=7), "expires_within_week"),
    (timedelta(days=30), "expires_soon"),
)

NETWORK_KINDS = ("tcp", "ping")
# While the room is so, what gets its power from there may have none.
WITHOUT_POWER = ("off", "starting", "stopping")
# Reasons of the headcount that speak of the picture, and how bad each is; the others leave it unknown or fine.
PICTURE: dict[str, State] = {
    "dark": "failed",
    "frozen": "failed",
    "no_frames": "failed",
    "bad_frame": "failed",
    "not_permitted": "failed",
    "busy": "warning",
    "too_many_faces": "warning",
}
COUNTING: dict[str, State] = dict.fromkeys(
    ("no_model", "model_refused", "no_opencv", "unreadable", "eye_ended", "eye_silent"), "failed"
)
NOT_LOOKING = {"room_off", "stopped", "starting", "missing", "flapping"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check now. ``kind`` is what it looks at, for the advice: a config's kind, or the built-in one's name."""

    name: str
    kind: str
    group: Group
    required: bool
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the room knows of itself; ``count_reason`` is why the headcount is none, or in doubt;
    ``file_trouble`` what is wrong with the box's files, or why the room's own config does not run.

    ``busy`` are checks of cameras that another program has, ``blind`` of those that give no picture; ``on_fallback``:
    the spare camera counts; ``forgets``: what must survive a power cut cannot be written;
    ``certificate_left`` is how long the box's certificate still holds, None where it has none or nobody can tell.
    """

    power: Power
    checks: Checks
    count_reason: str | None
    health: dict[str, Any]
    file_trouble: str | None
    is_synced: bool
    busy: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()
    on_fallback: bool = False
    forgets: bool = False
    certificate_left: timedelta | None = None


def findings(facts: Facts, config: RoomConfig, now_s: float) -> tuple[Finding, ...]:
    """Every check, the config's first and in its order. Pure."""
    own = [_configured(check, facts, now_s) for check in config.checks]
    return (*own, _power(facts.power), *_camera(facts, config), *_box(facts, config))


def _configured(check: CheckSection, facts: Facts, now_s: float) -> Finding:
    seen = facts.checks.of(check.name)
    state: State = "warning" if seen.state == "ok" and seen.reason else seen.state
    reason = seen.reason
    if check.kind in NETWORK_KINDS and state != "unknown" and now_s - seen.seen_s > ANSWER_HOLDS_S:
        state, reason = "unknown", "no_answer"
    if check.kind in NETWORK_KINDS and reason == "not_permitted":
        state = "unknown"  # of the device nothing is known then
    may_lack_power = check.kind in NETWORK_KINDS or seen.went_with_room
    if may_lack_power and state == "failed" and facts.power.state in WITHOUT_POWER:
        state, reason = "unknown", "room_off"  # what has no power does not answer, and need not
    if state == "ok" and check.name in facts.busy:
        state, reason = "warning", "busy"  # whatever streams from it may be the conference itself: nothing is wrong
    if state == "ok" and check.name in facts.blind:
        state, reason = "failed", "no_frames"  # whoever calls will find it so, also where a spare one counts
    return Finding(check.name, check.kind, check.group, check.required, state, reason)


def _power(power: Power) -> Finding:
    state: State = "ok"
    reason: str | None = None
    match power.state:
        case "off" | "stopping":
            state, reason = "failed", "room_off"
        case "starting":
            state, reason = "unknown", "starting"
        case "fault":
            state, reason = "failed", (power.reason or "fault").partition(":")[0]
        case "on" if power.apart:
            state, reason = "warning", "load_off"
    return Finding("room.power", "room.power", "power", True, state, reason)


def _camera(facts: Facts, config: RoomConfig) -> list[Finding]:
    """The picture and the counting; a room without a camera has neither."""
    check = config.check(config.camera.check)
    if check is None:
        return []
    why = facts.count_reason
    if why == "room_off" and facts.power.state == "starting":
        why = "starting"  # somebody has pressed the button: nobody needs to be told to
    picture, counting = PICTURE.get(why or "", "ok"), COUNTING.get(why or "", "ok")
    if why in NOT_LOOKING or counting != "ok":
        picture = "unknown"
    if why in NOT_LOOKING:
        counting = "unknown"
    if picture == "ok" and facts.on_fallback:
        picture, why = "warning", "fallback"
    of_picture, of_counting = (why if state != "ok" else None for state in (picture, counting))
    return [
        Finding("camera.picture", "camera.picture", "display", check.required, picture, of_picture),
        Finding("camera.counting", "camera.counting", "box", False, counting, of_counting),
    ]


def _files(facts: Facts, config: RoomConfig) -> Finding:
    """Optional where the room runs all the same; where nothing can be switched on or looked at, nobody knows that the
    room is fit.
    """
    if not config.power.loads and not config.checks:
        return Finding("box.files", "box.files", "box", True, "failed", facts.file_trouble or "no_room")
    return _optional("files", "box", facts.file_trouble)


def _box(facts: Facts, config: RoomConfig) -> list[Finding]:
    """The box itself. As a rule optional: a hot box still carries the conference. What is not known is left out."""
    health = facts.health
    found = [] if facts.certificate_left is None else [_certificate(facts.certificate_left)]
    clock = _optional("clock", "box", "clock_unsynced" if not facts.is_synced else None)
    found += [clock, _files(facts, config)]
    if facts.forgets or health.get("disk_read_only") or health.get("disk_free_bytes") is not None:
        found.append(_disk(health, facts.forgets))
    if (temperature_c := health.get("temperature_c")) is not None:
        found.append(_optional("temperature", "box", "hot" if temperature_c >= HOT_C else None))
    if health.get("undervoltage") is not None:
        slow = "throttled" if health.get("throttled") else None
        found.append(_optional("supply", "power", "undervoltage" if health["undervoltage"] else slow))
    total, used = health.get("memory_total_bytes"), health.get("memory_used_bytes")
    if total and used is not None:
        found.append(_optional("memory", "box", "memory_low" if 1 - used / total < MEMORY_LOW_SHARE else None))
    if facts.checks.keyboards is not None:
        found.append(_optional("usb", "box", "also_a_keyboard" if facts.checks.keyboards else None))
    return found


def _certificate(left: timedelta) -> Finding:
    """The link works until the last moment, and never again after it: so it warns early, and optional it stays."""
    name = "box.certificate"
    if left <= timedelta(0):
        return Finding(name, name, "connect", False, "failed", "expired")
    reason = next((word for within, word in CERTIFICATE_ENDS if left <= within), None)
    return Finding(name, name, "connect", False, "warning" if reason else "ok", reason)


def _disk(health: dict[str, Any], forgets: bool) -> Finding:
    free = health.get("disk_free_bytes")
    if health.get("disk_read_only"):
        return Finding("box.disk", "box.disk", "box", False, "failed", "read_only")
    if free is not None and free < DISK_FULL_BYTES:
        return Finding("box.disk", "box.disk", "box", False, "failed", "disk_full")
    if forgets:
        return Finding("box.disk", "box.disk", "box", False, "failed", "not_stored")
    return _optional("disk", "box", "disk_low" if free is not None and free < DISK_LOW_BYTES else None)


def _optional(name: str, group: Group, reason: str | None) -> Finding:
    full = f"box.{name}"
    return Finding(full, full, group, False, "warning" if reason else "ok", reason)
