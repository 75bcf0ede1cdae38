"""A room on the table: the whole core with relays that answer at once and a clock that only tests move."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

from agent.core import room as core
from agent.core.commands import Command, Keep, KeepResult, Log, Publish, ReadHealth, ReadRelays, Send, SetRelay
from agent.core.config import RoomConfig
from agent.core.contract import HistoryEvent, HistoryHeadcount, encode
from agent.core.errors import Problem
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Detection,
    Event,
    FrameSeen,
    HealthRead,
    Kept,
    LoadState,
    Memory,
    Now,
    RelayFailed,
    RelaySet,
    RelaysRead,
    ResultKept,
    Started,
    Tick,
    UsbDevice,
)
from agent.core.parse import build
from agent.core.reports import Self
from agent.core.room import Room

# The longest min_off_s of the room below. After a start nothing is switched on before its own has gone by.
LONGEST_OFF_S = 30.0
# Far from 0, where a forgotten "seen at 0.0" would look like "just now".
BEGIN_S = 5000.0
UTC_AT_BEGIN = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
SESSION = "11111111-2222-4333-8444-555555555555"
FIGURES: dict[str, float | int | bool | str | None] = {"cpu_share": 0.25, "temperature_c": None, "uptime_s": 12.5}
CAMERA = UsbDevice("camera", "046d:085e", "A1", "1-1.2", "/dev/video0")

C = TypeVar("C", bound=Command)

ROOM: dict[str, Any] = {
    "power": {
        "loads": [
            {
                "name": "codec",
                "pin": 5,
                "settle_s": 20,
                "proof": "codec-answers",
                "prove_within_s": 90,
                "min_off_s": 10,
            },
            {"name": "display", "pin": 6, "settle_s": 2},
            {"name": "lamp", "pin": 13, "settle_s": 0, "min_off_s": 30},
        ]
    },
    "checks": [
        {"name": "codec-answers", "kind": "tcp", "address": "192.0.2.20:5060"},
        {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e", "group": "display"},
        {"name": "camera-spare", "kind": "usb-camera", "usb": "1d6b:0001", "group": "display"},
    ],
    "camera": {"check": "camera-main", "fallback": "camera-spare"},
    "headcount": {"window_s": 20, "interval_s": 2, "exclude": [[[0.5, 0], [1, 0], [1, 1], [0.5, 1]]]},
}


def examples(number: int) -> settings:
    """How a property is tried. A busy machine is no failure, and nothing is written into the checkout."""
    return settings(max_examples=number, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def room_config(**sections: Any) -> RoomConfig:
    """The room above with some sections replaced."""
    return build(RoomConfig, {**ROOM, **sections})


def self_of(config: RoomConfig, **changes: Any) -> Self:
    """An agent that runs ``config``."""
    facts: dict[str, Any] = {"site": "chi-linh", "session": SESSION, "boot_id": "boot-1", "version": "0.1.0"}
    return Self(**{**facts, "python": "3.11.2", "config": config, **changes})


def now_at(mono_s: float, synced: bool = True) -> Now:
    """The moment ``mono_s``, on both clocks."""
    return Now(mono_s, UTC_AT_BEGIN + timedelta(seconds=mono_s - BEGIN_S), synced)


def face(x: float = 100, y: float = 100, score: float = 0.9, size: float = 40) -> Detection:
    """One face, its left upper corner at x, y."""
    return Detection(x, y, size, size, score)


def frame(captured_s: float, faces: int | tuple[Detection, ...] = 1, watch: int = 1, **changes: Any) -> FrameSeen:
    """A frame with that many faces, all in its left half."""
    found = faces if isinstance(faces, tuple) else tuple(face(10 + 5 * i) for i in range(faces))
    facts: dict[str, Any] = {"width": 1920, "height": 1080, "detect_ms": 20.0, "luma_mean": 90.0, "same_s": 0.0}
    return FrameSeen(**{"watch": watch, "captured_s": captured_s, "detections": found, **facts, **changes})


def only(kind: type[C], commands: Iterable[Command]) -> list[C]:
    """The commands of one kind."""
    return [command for command in commands if isinstance(command, kind)]


class Rig:
    """Handles events as the runtime does: the answers to orders come before anything else."""

    def __init__(self, config: RoomConfig | None = None, **about: Any) -> None:
        self.config = config or room_config()
        self.self_ = self_of(self.config, **about)
        self.room = Room()
        self.now_s = self.zero_s = BEGIN_S
        self.synced = True
        self.stuck: set[str] = set()
        self.has_lines = True  # of those that are stuck
        self.orders: list[tuple[float, str, bool]] = []
        self.said: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []
        self.disk_works = True
        self.kept: list[KeepResult] = []
        self.on_keep: Callable[[], object] = lambda: None
        self.contacts: dict[str, LoadState] = {}
        self.facts: dict[str, str] = {}
        self.history: list[dict[str, Any]] = []
        self.windows: list[dict[str, Any]] = []

    def start(
        self,
        memory: Memory = Memory(),
        problems: tuple[Problem, ...] = (),
        alive_s: float | None = None,
        **loads: LoadState,
    ) -> list[Command]:
        """Begin; loads that are not named read back off. ``alive_s``: an earlier run's last sign of life."""
        self.contacts = {load.name: loads.get(load.name, "off") for load in self.config.power.loads}
        return self.do(Started(dict(self.contacts), problems, memory, alive_s=alive_s))

    def start_long_ago(self, **loads: Any) -> None:
        """Begin, and let every load's least time off go by. Orders are then told from here."""
        self.start(**loads)
        self.wait(LONGEST_OFF_S)
        self.zero_s = self.now_s

    def hold(self) -> list[Command]:
        """Press, hold until it counts, let go."""
        before = self.do(ButtonPressed()) + self.wait(self.config.power.button.hold_s)
        return before + self.do(ButtonHeld()) + self.do(ButtonReleased())

    def tap(self) -> list[Command]:
        """A short press."""
        return self.do(ButtonPressed()) + self.do(ButtonReleased())

    def do(self, event: Event) -> list[Command]:
        """Handle an event and the answers to its commands; returns all commands."""
        waiting, commands = [event], []
        while waiting:
            self.room, new = core.handle(self.room, waiting.pop(0), now_at(self.now_s, self.synced), self.self_)
            commands += new
            waiting += [answer for answer in map(self._answer, new) if answer is not None]
        return commands

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass, with a tick at each deadline on the way."""
        until_s = self.now_s + seconds
        commands: list[Command] = []
        for _ in range(10_000):
            due_s = core.deadline_s(self.room)
            if due_s > until_s:
                self.now_s = until_s
                return commands
            self.now_s = max(self.now_s, due_s)
            commands += self.do(Tick())
        raise AssertionError(f"deadlines that never end: {self.room}")

    def _answer(self, command: Command) -> Event | None:
        if isinstance(command, SetRelay):
            self.orders.append((self.now_s - self.zero_s, command.load, command.on))
            if command.load in self.stuck:
                self.contacts[command.load] = "unknown"
                return RelayFailed(command.load, command.on, "stuck", self.has_lines)
            self.contacts[command.load] = "on" if command.on else "off"
            return RelaySet(command.load, command.on)
        if isinstance(command, ReadRelays):
            return RelaysRead(dict(self.contacts))
        if isinstance(command, Publish):
            self.said[command.topic] = as_json(command)
        if isinstance(command, Send):
            self.sent.append({"topic": command.topic, **as_json(command)})
        if isinstance(command, KeepResult):
            self.kept += [command] if self.disk_works else []
            return ResultKept(command.settled.id, self.disk_works)
        if isinstance(command, Keep):
            self.on_keep()
            self.facts |= command.facts if self.disk_works else {}
            rows = command.rows if self.disk_works else ()
            self.history += [json.loads(encode(row)) for row in rows if isinstance(row, HistoryEvent)]
            self.windows += [json.loads(encode(row)) for row in rows if isinstance(row, HistoryHeadcount)]
            return Kept(self.disk_works)
        return HealthRead(FIGURES) if isinstance(command, ReadHealth) else None


def as_json(publish: Publish | Send) -> dict[str, Any]:
    """What a reader at the centre gets to see."""
    document = json.loads(encode(publish.payload))
    assert isinstance(document, dict)
    return document


def topics(commands: Iterable[Command]) -> list[str]:
    """The topics that were published, in order."""
    return [command.topic for command in only(Publish, commands)]


def logs(commands: Iterable[Command]) -> str:
    """All log lines as one text."""
    return "\n".join(f"{log.level}: {log.message}" for log in only(Log, commands))
