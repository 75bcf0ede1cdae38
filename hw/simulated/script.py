"""The script of a simulated room: who sits where and when, and what happens to the button, the camera and the bus.

Everything follows from the seed and the script's own clock, so the agent, the eye's process and a test agree on the
truth without talking to each other.

::

    seed = 7
    seats = 30
    [[cues]]
    at_s = 2
    do = "press"                 # the button
    [[cues]]
    at_s = 5
    do = "arrive"                # 25 people, one after the other over a minute
    people = 25
    over_s = 60
    [[cues]]
    at_s = 120
    do = "unplug"                # the camera, by the name of its check
    device = "camera-main"
"""

import hashlib
import math
import random
import time
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from agent.core.errors import ConfigError, Problem
from agent.core.parse import Section, build, decode, problems_of
from hw.simulated.audience import Look, Person

GLANCE_S = 6.0  # how long somebody looks down or leans, in seconds of the script

Deed = Literal[
    "press", "hold", "arrive", "leave", "plug", "unplug", "mute", "unmute", "busy", "free", "dark", "light", "freeze",
    "thaw", "stall", "go",
]  # fmt: skip
OF_DEVICES: tuple[Deed, ...] = ("plug", "unplug", "mute", "unmute", "busy", "free")


Mishap = Literal["crash", "hang", "refuse"]


class Cue(Section):
    """One thing that happens. ``people`` and ``over_s`` belong to arrive and leave, ``device`` to plug and unplug, mute
    and unmute, busy and free: the name of a check.

    mute and unmute: the switch of a microphone. busy and free: another program takes the camera, and lets go of it.
    dark and light: the lamps of the hall. freeze and thaw: the camera gives the same picture again and again. stall
    and go: reading the camera blocks for ever, as a broken driver does.
    """

    at_s: float = Field(ge=0)
    do: Deed
    people: int = Field(default=1, ge=0, le=80)
    over_s: float = Field(default=0, ge=0)
    device: str = "camera-main"


class Script(Section):
    """A simulated room. ``look_down_share`` is the mean share of people who look down, ``look_down_most`` its bound.

    ``on_apply`` is what goes wrong when this run of the agent is given another config for the first time: it crashes,
    its loop hangs, or a part cannot be had. What it starts with is never met by it. ``begins_s`` is second 0 on the
    monotonic clock, for rooms that share a conference; without it, that is when the agent starts.
    """

    seed: int = 1
    seats: int = Field(default=24, ge=1, le=80)
    width: int = Field(default=960, ge=320, le=3840)
    height: int = Field(default=540, ge=240, le=2160)
    look_down_share: float = Field(default=0.02, ge=0, le=1)
    look_down_most: float = Field(default=0.05, ge=0, le=1)
    lean_share: float = Field(default=0.05, ge=0, le=1)
    on_apply: Mishap | None = None
    begins_s: float | None = None
    cues: tuple[Cue, ...] = (Cue(at_s=2, do="press"), Cue(at_s=5, do="arrive", people=18, over_s=30))

    @property
    def devices(self) -> set[str]:
        """The devices that something happens to."""
        return {cue.device for cue in self.cues if cue.do in OF_DEVICES}


class Film(Section):
    """A script that runs: ``started_s`` on the monotonic clock that all processes of a machine share.

    ``boxes_only``: nothing is drawn and no network is asked; the faces come from the script.
    """

    script: Script
    started_s: float
    speed: float = Field(default=1, gt=0, le=1000)
    boxes_only: bool = False

    def at(self, mono_s: float | None = None) -> float:
        """Seconds of the script at a moment of the monotonic clock; default: now."""
        began_s = self.started_s if self.script.begins_s is None else self.script.begins_s
        return ((time.monotonic() if mono_s is None else mono_s) - began_s) * self.speed


def parse_script(text: str, source: str, json_document: bool) -> Script:
    """Read a script. Raises ConfigError with every problem at once."""
    data = decode(text, source, json_document)
    problems = problems_of(Script, data)
    if problems:
        raise ConfigError(source, problems)
    script = build(Script, data)
    most = Attendance(script).peak
    if most > script.seats:
        problem = Problem("cues", f"{most} people are in the room at once, but it has {script.seats} seats")
        raise ConfigError(source, (problem,))
    return script


@dataclass(frozen=True, slots=True)
class Stay:
    """One person's time on one seat, in seconds of the script."""

    person: int
    seat: int
    from_s: float
    to_s: float


class Attendance:
    """Who is in the room when: the truth."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._stays, self.peak = _stays(script)

    def present(self, at_s: float) -> list[Stay]:
        """The stays that include ``at_s``, by seat."""
        return [stay for stay in self._stays if stay.from_s <= at_s < stay.to_s]

    def people(self, at_s: float) -> int:
        """How many people are in the room."""
        return len(self.present(at_s))

    def pose(self, at_s: float) -> list[Person]:
        """The people in the room, each with what they look at just then."""
        present = self.present(at_s)
        glance = int(at_s // GLANCE_S)
        down = self._looking_down(present, glance)
        return [Person(stay.seat, stay.person, self._look(stay, glance, down)) for stay in present]

    def _looking_down(self, present: list[Stay], glance: int) -> set[int]:
        chances = sorted((self._chance("down", stay.person, glance), stay.person) for stay in present)
        # Rounded down, so that the bound is one.
        most = math.floor(self._script.look_down_most * len(present) + 1e-9)
        return {person for chance, person in chances[:most] if chance < self._script.look_down_share}

    def _look(self, stay: Stay, glance: int, down: set[int]) -> Look:
        if stay.person in down:
            return "down"
        return "lean" if self._chance("lean", stay.person, glance) < self._script.lean_share else "up"

    def _chance(self, *what: object) -> float:
        digest = hashlib.blake2b(repr((self._script.seed, *what)).encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def is_on(script: Script, on: Deed, off: Deed, at_s: float, device: str | None = None, first: bool = True) -> bool:
    """Whether the last of two opposite cues was ``on``, at ``at_s``; ``first`` before there was any."""
    state = first
    for cue in sorted(script.cues, key=lambda cue: cue.at_s):
        if cue.at_s <= at_s and cue.do in (on, off) and device in (None, cue.device):
            state = cue.do == on
    return state


def _stays(script: Script) -> tuple[list[Stay], int]:
    """Play all arrivals and leavings; people leave in an order that the seed chooses."""
    chance = random.Random(script.seed)  # noqa: S311 # a script, no secret
    free = list(range(script.seats))
    chance.shuffle(free)
    there: dict[int, tuple[int, float]] = {}
    stays: list[Stay] = []
    peak = 0
    for number, (at_s, deed) in enumerate(_moves(script)):
        if deed == "arrive":
            # Without a seat one stands outside; parse_script refuses such a script.
            there[number] = (free.pop() if free else -1, at_s)
            peak = max(peak, len(there))
        elif there:
            person = chance.choice(sorted(there))
            seat, from_s = there.pop(person)
            stays.append(Stay(person, seat, from_s, at_s))
            free.insert(0, seat)
    stays += [Stay(person, seat, from_s, math.inf) for person, (seat, from_s) in there.items()]
    return [stay for stay in stays if stay.seat >= 0], peak


def _moves(script: Script) -> list[tuple[float, Deed]]:
    moves: list[tuple[float, Deed]] = [
        (cue.at_s + cue.over_s * i / max(1, cue.people), cue.do)
        for cue in script.cues
        if cue.do in ("arrive", "leave")
        for i in range(cue.people)
    ]
    return sorted(moves)
