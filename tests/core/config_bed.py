"""A room whose config is changed: the whole core, with parts, disk and broker that answer at once, and power cuts."""

import copy
import json
from typing import Any, Literal

from agent.core.commands import (
    ApplyConfig,
    Command,
    DiscardCandidate,
    PromoteCandidate,
    Publish,
    Send,
    SetRelay,
    StageCandidate,
)
from agent.core.config import RoomConfig
from agent.core.config_document import digest, effective_digest, parse_document
from agent.core.contract import encode, topic
from agent.core.events import (
    CandidateDiscarded,
    CandidatePromoted,
    CandidateStaged,
    ConfigApplied,
    Event,
    FoundConfig,
    LinkDown,
    LinkUp,
    LoadState,
    Memory,
    MessageReceived,
    Probed,
    ReportTaken,
    Started,
    UsbChanged,
    UsbDevice,
    level,
)
from agent.core.room import Room
from tests.core.rig import CAMERA, ROOM, Rig, self_of

SPARE = UsbDevice("camera", "1d6b:0001", "B2", "1-1.3", "/dev/video2")
SITE = "chi-linh"


def document(**sections: Any) -> dict[str, Any]:
    """The room's document with some sections laid over."""
    return {**copy.deepcopy(ROOM), **sections}


def with_window(window_s: float) -> dict[str, Any]:
    """Another valid config, which touches nothing but how people are counted."""
    return document(headcount={**ROOM["headcount"], "window_s": window_s})


def with_pin(pin: int) -> dict[str, Any]:
    """Another valid config, with another wiring."""
    changed = document()
    changed["power"]["loads"][1]["pin"] = pin
    return changed


def desired(config: Any, revision: int = 1, **fields: Any) -> dict[str, Any]:
    """A pushed message as plain data."""
    message = {"id": f"push-{revision}", "revision": revision, "issued_by": "nam", "config": config}
    return {**message, "issued_at": "2012-11-20T07:30:00.000Z", **fields}


class PowerCut(Exception):  # noqa: N818 # no error
    """The plug was pulled."""


class ConfigRig(Rig):
    """``disk`` is the state folder; ``parts`` what the parts run with; ``refused`` are parts that are not to be had.

    ``levels`` are the lines by pin, high or not; what has not been driven is low.
    ``cut_at`` pulls the plug before the order of that number (1 is the first) is carried out, among those that write or
    act; ``wrote`` counts them. ``acks``: the broker acknowledges what is published.
    """

    def __init__(self, config: RoomConfig | None = None) -> None:
        super().__init__(config)
        self.disk: dict[str, Any] = {"room.json": document()}
        self.parts = self.config
        self.source: Literal["kept", "built_in"] = "kept"
        self.refused: tuple[str, ...] = ()
        self.levels: dict[int, bool] = {}
        self.driven_on: set[int] = set()
        self.folder_works = self.acks = True
        self.is_up = False
        self.cut_at = 0
        self.wrote = 0
        self.connection = 0
        self.applied: list[str] = []

    def begin(self, **loads: Any) -> list[Command]:
        """Start the agent on what the disk has, as a boot would, and connect."""
        trouble: Literal["crash_loop"] | None = "crash_loop" if self.source == "built_in" else None
        candidate, highest = self.disk.get("candidate"), self.disk.get("highest", 0)
        found = FoundConfig(self.disk["room.json"], self.source, candidate, highest, trouble)
        self.config = parse_document(found.document, "room.json")
        self.self_, self.room, self.parts = self_of(self.config), Room(), self.config
        self.said, self.is_up = {}, False
        self.levels |= {
            load.pin: (loads[load.name] == "on") == load.active_high
            for load in self.config.power.loads
            if load.name in loads
        }
        self.contacts = self._read(self.config)
        commands = self.do(Started(dict(self.contacts), memory=Memory(facts=dict(self.facts)), found=found))
        self.do(UsbChanged((CAMERA, SPARE)))
        self.answers()
        return commands + self.up()

    def answers(self, check: str = "codec-answers", ok: bool = True) -> list[Command]:
        """The codec answers, or does not."""
        return self.do(Probed(check, ok, None if ok else "timeout"))

    def up(self) -> list[Command]:
        """The broker is there."""
        self.is_up, self.connection = True, self.connection + 1
        return self.do(LinkUp(self.connection))

    def down(self) -> list[Command]:
        """The broker is away."""
        self.is_up = False
        return self.do(LinkDown("the line is down"))

    def push(self, config: Any, revision: int = 1, **fields: Any) -> list[Command]:
        """A technician pushes."""
        return self.raw(json.dumps(desired(config, revision, **fields)).encode())

    def raw(self, raw: bytes, name: str = "config/desired") -> list[Command]:
        """A message as it came."""
        return self.do(MessageReceived(topic(SITE, name), raw, retain=name == "config/desired"))

    def confirm(self, id_: str = "push-1") -> list[Command]:
        """A technician confirms."""
        return self.raw(json.dumps({"id": id_}).encode(), "config/confirm")

    @property
    def report(self) -> tuple[str, str | None]:
        """State and reason of what is stored on ``config/reported``."""
        said = self.said["config/reported"]
        return said["state"], said.get("reason")

    def told(self, id_: str) -> list[tuple[str, str | None]]:
        """What was said once, of one update."""
        return [(each["state"], each.get("reason")) for each in self.sent if each.get("id") == id_]

    def is_consistent(self) -> None:
        """What is said to run is what the parts run with."""
        assert self.said["config/reported"]["effective_digest"] == effective_digest(self.parts)
        assert self.said["config/running"]["effective_digest"] == effective_digest(self.parts)

    def _answer(self, command: Command) -> Event | None:
        if isinstance(command, StageCandidate | ApplyConfig | PromoteCandidate | DiscardCandidate | SetRelay):
            self.wrote += 1
            if self.wrote == self.cut_at:
                raise PowerCut
        match command:
            case StageCandidate(text=text):
                self.disk |= {"candidate": text} if self.folder_works else {}
                return CandidateStaged(self.folder_works)
            case ApplyConfig(config=config):
                return self._apply(config)
            case PromoteCandidate(document=good):
                self._promote(good)
                return CandidatePromoted(self.folder_works)
            case DiscardCandidate():
                if self.folder_works and (gone := self.disk.pop("candidate", None)) is not None:
                    self.disk["rejected"] = gone
                return CandidateDiscarded(self.folder_works)
        if isinstance(command, SetRelay):
            self._drive(command)
        answer = super()._answer(command)
        is_report = isinstance(command, Publish | Send) and command.topic == "config/reported"
        if is_report and self.is_up and self.acks:
            return ReportTaken(encode(command.payload))  # type: ignore[union-attr]
        return answer

    def _promote(self, good: dict[str, Any]) -> None:
        if not self.folder_works:
            return
        if digest(self.disk["room.json"]) == digest(good):
            self.disk.pop("candidate", None)
            return
        self.disk["before"] = [self.disk["room.json"], *self.disk.get("before", [])][:10]
        self.disk["room.json"] = good

    def _apply(self, config: RoomConfig) -> ConfigApplied:
        before, self.parts = self.parts, config
        self.applied.append(effective_digest(config))
        wires = [[(load.name, load.pin, load.active_high) for load in each.power.loads] for each in (before, config)]
        if wires[0] == wires[1]:
            return ConfigApplied(self.refused)
        gone = {load.pin for load in before.power.loads} - {load.pin for load in config.power.loads}
        assert not gone & self.driven_on, "a line that somebody has switched on was let go of"
        self.contacts = self._read(config)
        return ConfigApplied(self.refused, dict(self.contacts))

    def _read(self, config: RoomConfig) -> dict[str, LoadState]:
        return {load.name: level(self.levels.get(load.pin, False) == load.active_high) for load in config.power.loads}

    def _drive(self, order: SetRelay) -> None:
        load = self.parts.load(order.load)
        assert load is not None
        self.levels[load.pin] = order.on == load.active_high
        self.driven_on = self.driven_on | {load.pin} if order.on else self.driven_on - {load.pin}


def on(rig: ConfigRig) -> None:
    """Switch the room on, as its staff does."""
    rig.wait(60)
    rig.tap()
    rig.wait(20)
    rig.answers()
    rig.wait(30)
    assert rig.room.power.state == "on"
