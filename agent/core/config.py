"""The room config: what a technician pushes. Frozen models; only the keys of a load and a check have no defaults.

A document is first read by the models (types, ranges, unknown keys) and then looked at as a whole (the same pin twice,
a proof that names no check); both kinds of problem come back together: nobody mends a file one error at a time.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.core.errors import ConfigError, Problem
from agent.core.parse import NAME, USB, Section, build, decode, problems_of

Pin = int
Point = tuple[float, float]
Polygon = tuple[Point, ...]

# Header GPIOs of every Raspberry Pi since the B+; 0 and 1 belong to the HAT's EEPROM.
# Source: raspberrypi.com documentation, "GPIO and the 40-pin header".
LOWEST_PIN, HIGHEST_PIN = 2, 27
CHECKS_MAX = 64
GROUP_OF_KIND = {"usb-camera": "display", "usb-microphone": "audio"}


class SiteSection(Section):
    """Who this is, for people. The id that the broker knows stands in the identity file."""

    name: str = Field(default="", max_length=200)
    path: tuple[Annotated[str, Field(max_length=200)], ...] = Field(default=(), max_length=8)
    timezone: str = Field(default="Asia/Ho_Chi_Minh", max_length=64)
    language: Literal["vi", "en"] = "vi"


class ButtonSection(Section):
    """The one button, between the pin and ground."""

    pin: Pin = Field(default=17, ge=LOWEST_PIN, le=HIGHEST_PIN)
    hold_s: float = Field(default=3, ge=0.5, le=30)
    debounce_s: float = Field(default=0.03, ge=0, le=1)
    ignore_after_switch_s: float = Field(default=0.5, ge=0, le=10)


class LedSection(Section):
    """The lamp in or beside the button."""

    pin: Pin = Field(default=27, ge=LOWEST_PIN, le=HIGHEST_PIN)


class LoadSection(Section):
    """One switched load. Loads come up in the order of the file and go down in reverse."""

    name: str = Field(min_length=1, max_length=40, pattern=NAME)
    pin: Pin = Field(ge=LOWEST_PIN, le=HIGHEST_PIN)
    active_high: bool = True
    settle_s: float = Field(default=1, ge=0, le=600)
    proof: str = ""
    prove_within_s: float = Field(default=60, gt=0, le=3600)
    min_off_s: float = Field(default=0, ge=0, le=3600)


class PowerSection(Section):
    """Button, lamp and loads."""

    button: ButtonSection = ButtonSection()
    led: LedSection = LedSection()
    restore: Literal["last", "off", "on"] = "last"
    loads: tuple[LoadSection, ...] = Field(default=(), max_length=16)


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class CheckSection(Section):
    """One thing that can be looked at: a device on USB or a service on the network."""

    name: str = Field(min_length=1, max_length=40, pattern=NAME)
    kind: Literal["usb-camera", "usb-microphone", "tcp", "ping"]
    address: str = Field(default="", max_length=255)
    usb: str = Field(default="", pattern=USB)
    serial: str = Field(default="", max_length=255)
    port: str = Field(default="", max_length=64)
    # Without one it is its kind's, which a schema's single default cannot say.
    group: Literal["connect", "display", "audio", "power", "box"] = Field(
        default="connect",
        description="Without one: display for a usb-camera, audio for a usb-microphone, else connect.",
        json_schema_extra=_no_default,
    )
    required: bool = True

    @model_validator(mode="before")
    @classmethod
    def _group_of_kind(cls, data: Any) -> Any:
        """A check that names no group is in its kind's: the page at the centre has a camera under display."""
        if not isinstance(data, dict) or "group" in data:
            return data
        group = GROUP_OF_KIND.get(str(data.get("kind")))
        return data if group is None else {**data, "group": group}


class CameraSection(Section):
    """Which camera counts, named by its check. With no check nothing is counted."""

    check: str = ""
    fallback: str = ""
    width: int = Field(default=1920, ge=160, le=7680)
    height: int = Field(default=1080, ge=120, le=4320)


class Zones(Section):
    """Where people can be, as polygons in 0..1 of the frame. An empty ``include`` means everywhere."""

    include: tuple[Polygon, ...] = Field(default=(), max_length=64)
    exclude: tuple[Polygon, ...] = Field(default=(), max_length=64)


class HeadcountSection(Zones):
    """How people are counted."""

    model: str = Field(default="", max_length=200)
    interval_s: float = Field(default=2, ge=0.2, le=60)
    conference_interval_s: float = Field(default=2, ge=0.2, le=60)
    window_s: float = Field(default=90, ge=1, le=3600)
    cpu_share: float = Field(default=0.5, gt=0, le=4)
    threshold: float = Field(default=0.6, ge=0.1, lt=1)


class ReportingSection(Section):
    """What is reported, how often, and how long it is kept."""

    acknowledge: Literal["centre", "broker"] = "centre"
    heartbeat_s: float = Field(default=30, ge=1, le=600)
    history_s: float = Field(default=60, ge=10, le=3600)
    keep_days: float = Field(default=30, ge=1, le=366)
    outbox_max_bytes: int = Field(default=67_108_864, ge=1_048_576)


class RoomConfig(Section):
    """The whole room. ``RoomConfig()`` is the built-in safe one: no loads, nothing counted, link only."""

    site: SiteSection = SiteSection()
    power: PowerSection = PowerSection()
    checks: tuple[CheckSection, ...] = Field(default=(), max_length=CHECKS_MAX)
    camera: CameraSection = CameraSection()
    headcount: HeadcountSection = HeadcountSection()
    reporting: ReportingSection = ReportingSection()

    def check(self, name: str) -> CheckSection | None:
        """The check of that name, or None."""
        return next((check for check in self.checks if check.name == name), None)

    def load(self, name: str) -> LoadSection | None:
        """The load of that name, or None."""
        return next((load for load in self.power.loads if load.name == name), None)


def parse_room(text: str, source: str, json_document: bool) -> RoomConfig:
    """Read a room config.

    Args:
        text: The document.
        source: What people call it (a file name), for the error.
        json_document: JSON, else TOML.

    Raises:
        ConfigError: With every problem of the document at once.
    """
    data = decode(text, source, json_document)
    problems = problems_of(RoomConfig, data) + tuple(whole_problems(data))
    if problems:
        raise ConfigError(source, problems)
    return build(RoomConfig, data)


def parse_kept(text: str, source: str) -> tuple[RoomConfig, tuple[Problem, ...]]:
    """Read a config that was found good before, and has run.

    Returns:
        The config, and what a rule that came with a later version has against it. That is told; it is no reason to
        leave the room without the config that it had.

    Raises:
        ConfigError: It is no room config at all.
    """
    data = decode(text, source, json_document=True)
    if problems := problems_of(RoomConfig, data):
        raise ConfigError(source, problems)
    return build(RoomConfig, data), tuple(whole_problems(data))


def wired_pins(text: str, json_document: bool) -> frozenset[int]:
    """The pins on which a document that cannot be used may have loads; all of them where it cannot even be read.

    Whoever runs something else in its place must not touch these: a lamp that blinks on a relay's pin is a relay that
    chatters.
    """
    try:
        data = decode(text, "", json_document)
    except ConfigError:
        return frozenset(range(HIGHEST_PIN + 1))
    pins = [load.get("pin") for load in _tables(_table(data, "power"), "loads")]
    return frozenset(pin for pin in pins if isinstance(pin, int))


def parse_zones(text: str, source: str) -> Zones:
    """Read a zones file (TOML with ``include`` and ``exclude``). Raises ConfigError with every problem."""
    data = decode(text, source, json_document=False)
    problems = problems_of(Zones, data) + tuple(_polygon_problems(data, ""))
    if problems:
        raise ConfigError(source, problems)
    return build(Zones, data)


def whole_problems(data: dict[str, Any]) -> list[Problem]:
    """What is wrong between the parts of a document. Reads raw data, so it finds these beside any other mistakes."""
    checks = _tables(data, "checks")
    loads = _tables(_table(data, "power"), "loads")
    return [
        *_twice([(f"power.loads[{i}].name", load.get("name")) for i, load in enumerate(loads)], "load"),
        *_twice([(f"checks[{i}].name", check.get("name")) for i, check in enumerate(checks)], "check"),
        *_twice(_pins(_table(data, "power"), loads), "pin"),
        *_proof_problems(loads, checks),
        *_check_problems(checks),
        *_same_device(checks),
        *_camera_problems(_table(data, "camera"), checks),
        *_polygon_problems(_table(data, "headcount"), "headcount."),
    ]


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _tables(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key)
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _pins(power: dict[str, Any], loads: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    button, led = _table(power, "button"), _table(power, "led")
    return [
        ("power.button.pin", button.get("pin", ButtonSection().pin)),
        ("power.led.pin", led.get("pin", LedSection().pin)),
        *((f"power.loads[{i}].pin", load.get("pin")) for i, load in enumerate(loads)),
    ]


def _twice(named: list[tuple[str, Any]], what: str) -> list[Problem]:
    first: dict[object, str] = {}
    problems = []
    for path, value in named:
        if not isinstance(value, int | str):
            continue
        if value in first:
            problems.append(Problem(path, f"{what} {value} is already used at {first[value]}"))
        first.setdefault(value, path)
    return problems


def _proof_problems(loads: list[dict[str, Any]], checks: list[dict[str, Any]]) -> list[Problem]:
    names = [check.get("name") for check in checks]
    return [
        Problem(f"power.loads[{i}].proof", f"there is no check named {load['proof']!r}", _named(names))
        for i, load in enumerate(loads)
        if load.get("proof") and load["proof"] not in names
    ]


def _check_problems(checks: list[dict[str, Any]]) -> list[Problem]:
    problems = []
    for i, check in enumerate(checks):
        kind, address = check.get("kind"), check.get("address", "")
        if kind == "tcp" and not _host_and_port(address):
            problems.append(Problem(f"checks[{i}].address", "should be host:port with a port from 1 to 65535"))
        if kind == "ping" and not _is_host(str(address)):
            problems.append(Problem(f"checks[{i}].address", "should be a host name or an address"))
        if kind in ("usb-camera", "usb-microphone") and not (
            check.get("usb") or check.get("serial") or check.get("port")
        ):
            problems.append(Problem(f"checks[{i}]", "needs usb = “vendor:product”, serial or port, to know the device"))
    return problems


def _same_device(checks: list[dict[str, Any]]) -> list[Problem]:
    """Two checks that mean the same device: with one of two pulled both would still be ok."""
    named = [
        (i, tuple(str(check.get(key, "")).lower() for key in ("kind", "usb", "serial", "port")))
        for i, check in enumerate(checks)
    ]
    first: dict[tuple[str, ...], int] = {}
    problems = []
    for i, device in named:
        if not device[0].startswith("usb-") or not any(device[1:]):
            continue
        if device in first:
            problems.append(
                Problem(f"checks[{i}]", f"is the same device as checks[{first[device]}]", "tell them apart by port")
            )
        first.setdefault(device, i)
    return problems


def _is_host(address: str) -> bool:
    return bool(address) and not address.startswith("-") and not any(map(str.isspace, address))


def _host_and_port(address: object) -> bool:
    host, _, port = str(address).rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536


def _camera_problems(camera: dict[str, Any], checks: list[dict[str, Any]]) -> list[Problem]:
    cameras = [check.get("name") for check in checks if check.get("kind") == "usb-camera"]
    problems = [
        Problem(f"camera.{key}", f"there is no usb-camera check named {camera[key]!r}", _named(cameras))
        for key in ("check", "fallback")
        if camera.get(key) and camera[key] not in cameras
    ]
    if camera.get("check") and camera.get("fallback") == camera["check"]:
        hint = "name another usb-camera check, or leave it out"
        problems.append(Problem("camera.fallback", "is the camera of camera.check", hint))
    return problems


def _named(names: list[Any]) -> str | None:
    known = ", ".join(name for name in names if isinstance(name, str))
    return f"there are: {known}" if known else None


def _polygon_problems(data: dict[str, Any], prefix: str) -> list[Problem]:
    problems = []
    for key in ("include", "exclude"):
        polygons = data.get(key)
        for i, polygon in enumerate(polygons if isinstance(polygons, list) else []):
            if isinstance(polygon, list) and not _is_polygon(polygon):
                message = "should be three points or more, each [x, y] in 0..1 of the frame"
                problems.append(Problem(f"{prefix}{key}[{i}]", message))
    return problems


def _is_polygon(polygon: list[Any]) -> bool:
    points = [point for point in polygon if isinstance(point, list) and len(point) == 2]
    numbers = [value for point in points for value in point if isinstance(value, int | float)]
    return len(polygon) >= 3 and len(numbers) == 2 * len(polygon) and all(0 <= value <= 1 for value in numbers)
