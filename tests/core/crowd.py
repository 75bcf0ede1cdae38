"""A crowd without a picture: what a face detector would find in a hall, look by look, and how many are really there.

Everyone shows the face for a while and hides it for a while, at random (a two-state Markov chain), so that no single
look shows them all. The same seed gives the same crowd; each actor has a chance of its own, so that adding one does not
change the others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple, Protocol

from agent.core import headcount
from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen
from agent.core.headcount import Estimate, Estimator
from agent.core.looking import look
from agent.core.places import Places, Spot
from tests.core.rig import BEGIN_S

FACE_PX = 40.0
FRAME_PX = (1920, 1080)
EVERY_S, WINDOW_S = 2.0, 90.0
SHAKE_PX = 0.6  # the whole frame, as every camera on a wall trembles
SCORE, SCORE_VARIES = 0.9, 0.02
BRIGHT, DARK = 90.0, 2.5
ALWAYS = range(1_000_000)


class Seen(NamedTuple):
    """A face in a look: its middle, and its score."""

    x: float
    y: float
    score: float


class Actor(Protocol):
    """Somebody or something that shows faces."""

    @property
    def there(self) -> range:
        """The looks in which a person is there; for what is none: nothing."""

    def act(self, chance: Random, every_s: float) -> Iterator[list[Seen]]:
        """The faces of look 0, 1, 2 …, for ever."""


@dataclass(frozen=True)
class Person:
    """Somebody on a seat. Lengths are pixels.

    Args:
        x: Middle of the face.
        shown_s: How long the face is shown on average, ``hidden_s`` how long it is hidden.
        there: The looks in which the person is there.
        move_px: How much the face moves from look to look.
        leans_px: Half of the time the person leans over, so far to the right.
        ghost_px: While the face is hidden, half of it is found so far to the right.
    """

    x: float
    y: float
    shown_s: float = 15.0
    hidden_s: float = 15.0
    there: range = ALWAYS
    move_px: float = 1.5
    leans_px: float = 0.0
    ghost_px: float = 0.0

    def act(self, chance: Random, every_s: float) -> Iterator[list[Seen]]:
        """See ``Actor``."""
        shown = chance.random() < self.shown_s / (self.shown_s + self.hidden_s)
        leaning = False
        while True:
            x, y = self.x + chance.gauss(0, self.move_px), self.y + chance.gauss(0, self.move_px)
            if shown:
                yield [Seen(x + self.leans_px * leaning, y, _score(chance))]
            elif self.ghost_px and chance.random() < 0.5:
                yield [Seen(x + self.ghost_px, y, chance.uniform(0.6, 0.7))]
            else:
                yield []
            shown ^= chance.random() < every_s / (self.shown_s if shown else self.hidden_s)
            leaning ^= chance.random() < every_s / 15


@dataclass(frozen=True)
class Portrait:
    """A picture on the wall: always there, and only its box trembles, as ``portraits`` tells it was measured."""

    x: float
    y: float
    moves_px: float = 0.0
    moves_at: int = 1_000_000
    there = range(0)

    def act(self, chance: Random, every_s: float) -> Iterator[list[Seen]]:
        """See ``Actor``."""
        tremble_px = (0.1 + 0.012 * FACE_PX) / math.sqrt(2)
        number = 0
        while True:
            moved_px = self.moves_px * (number >= self.moves_at)
            yield [Seen(self.x + moved_px + chance.gauss(0, tremble_px), self.y + chance.gauss(0, tremble_px), 0.9)]
            number += 1


@dataclass(frozen=True)
class Flicker:
    """A spot where a face is found that is none, in a tenth of the looks."""

    x: float
    y: float
    share: float = 0.1
    there = range(0)

    def act(self, chance: Random, every_s: float) -> Iterator[list[Seen]]:
        """See ``Actor``."""
        while True:
            found = Seen(self.x + chance.gauss(0, 1.5), self.y + chance.gauss(0, 1.5), chance.uniform(0.6, 0.9))
            yield [found] * (chance.random() < self.share)


@dataclass(frozen=True)
class Walker:
    """Somebody who walks through the hall from left to right, two face widths a look: seen, and not to be counted."""

    y: float
    at: int
    there = range(0)

    def act(self, chance: Random, every_s: float) -> Iterator[list[Seen]]:
        """See ``Actor``."""
        number = 0
        while True:
            x = (number - self.at) * 2 * FACE_PX
            yield [Seen(x, self.y + chance.gauss(0, 3), _score(chance))] * (0 <= x < FRAME_PX[0])
            number += 1


class Look(NamedTuple):
    """What the eye reports, and the truth: how many people are there."""

    frame: FrameSeen
    people: int


class Told(NamedTuple):
    """What is said after a look, and the truth."""

    estimate: Estimate
    people: int
    estimator: Estimator

    @property
    def wrong(self) -> int:
        """By how many people the value is wrong."""
        assert self.estimate.value is not None
        return abs(self.estimate.value - self.people)


def seats(people: int, seed: int = 0, spacing: float = 1.8, columns: int = 12) -> list[tuple[float, float]]:
    """Middles of so many faces in rows, so many face widths apart, nobody exactly in line."""
    chance, step = Random(f"seats {seed}"), spacing * FACE_PX
    return [
        (
            100 + step * (i % columns) + chance.uniform(-0.05, 0.05) * FACE_PX,
            100 + step * (i // columns) + chance.uniform(-0.05, 0.05) * FACE_PX,
        )
        for i in range(people)
    ]


def audience(people: int, seed: int = 0, shown_s: float = 15.0, hidden_s: float = 15.0) -> list[Actor]:
    """So many people in rows."""
    return [Person(x, y, shown_s, hidden_s) for x, y in seats(people, seed)]


def film(
    cast: Sequence[Actor],
    looks: int,
    seed: int,
    every_s: float = EVERY_S,
    nudge_at: int = 1_000_000,
    nudge_px: tuple[float, float] = (12.0, 0.0),
    dark: range = range(0),
    shake_px: float = SHAKE_PX,
) -> Iterator[Look]:
    """So many looks at a cast. From look ``nudge_at`` on the camera looks elsewhere by ``nudge_px``."""
    shake = Random(f"shake {seed}")
    acts = [actor.act(Random(f"{seed} {number}"), every_s) for number, actor in enumerate(cast)]
    for number in range(looks):
        dx, dy = shake.gauss(0, shake_px), shake.gauss(0, shake_px)
        if number >= nudge_at:
            dx, dy = dx + nudge_px[0], dy + nudge_px[1]
        faces = []
        for actor, act in zip(cast, acts, strict=True):
            seen = next(act)
            if number in actor.there or not actor.there:
                faces += [_detection(face, dx, dy) for face in seen]
        luma = DARK if number in dark else BRIGHT
        frame = FrameSeen(1, BEGIN_S + number * every_s, *FRAME_PX, tuple(faces), 20.0, luma, 0.0)
        if number in dark:
            frame = replace(frame, detections=())
        yield Look(frame, sum(number in actor.there for actor in cast))


def watch(looks: Iterator[Look], config: HeadcountSection, stale_after_s: float = 30.0) -> list[Told]:
    """What is said of a film, look by look."""
    estimator = Estimator()
    told = []
    for frame, people in looks:
        estimator = headcount.add_frame(estimator, frame, config)
        found = headcount.estimate(estimator, frame.captured_s, config, stale_after_s)
        told.append(Told(found, people, estimator))
    return told


def spot(x: float, y: float = 300.0, score: float = SCORE, width: float = FACE_PX) -> Spot:
    """A face in one look, by its middle."""
    return Spot(x, y, width, width, score)


def row(people: int, dx: float = 0.0, dy: float = 0.0) -> list[Spot]:
    """So many faces side by side, each a bit further from the next: no movement takes the row onto itself."""
    return [spot(100 + 90 * i + 4 * i * i + dx, 300 + 7 * (i % 3) + dy) for i in range(people)]


def taken_in(*looks: Sequence[Spot], before: Places | None = None) -> Places:
    """What is known after these looks."""
    places = before or Places()
    for faces in looks:
        places = look(places, faces, EVERY_S, WINDOW_S)
    return places


def _score(chance: Random) -> float:
    return min(0.99, chance.gauss(SCORE, SCORE_VARIES))


def _detection(face: Seen, dx: float, dy: float) -> Detection:
    half = FACE_PX / 2
    return Detection(face.x + dx - half, face.y + dy - half, FACE_PX, FACE_PX, face.score)
