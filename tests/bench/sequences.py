"""Sequences with a known truth, made from a group photo: each face is covered and shown again at random.

The photos are easy, since everyone looks at the camera; a hall is not: half of the heads are down at any moment. So
each face follows a two-state Markov chain (shown, covered), and no single frame shows all the people that are there.

A covered face is a dark oval with a soft edge; a chair whose person left is the same oval in even grey (to paint it
over with its surroundings would make new false faces). Every frame is moved as a whole by part of a pixel, each face by
a pixel or two of its own, and brightness and noise change, as they do in front of a real camera.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]

ENLARGED = 1.8  # the truth is looked for on the enlarged photo
FRAME_JITTER_PX, FACE_JITTER_PX = 0.6, 1.5
BRIGHTNESS, NOISE_LEVELS = 0.04, 5.0
COVER_WIDE, COVER_TALL, COVER_MIDDLE = 1.4, 1.6, 0.42
DARK, CHAIR = (28, 26, 24), (128, 128, 128)


@dataclass(frozen=True)
class Crowd:
    """A photo and where its faces are."""

    photo: Picture
    faces: tuple[Box, ...]

    def smaller(self, scale: float) -> "Crowd":
        """The same people further away."""
        size = (round(self.photo.shape[1] * scale), round(self.photo.shape[0] * scale))
        photo = np.asarray(cv2.resize(self.photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        return Crowd(photo, tuple((x * scale, y * scale, w * scale, h * scale) for x, y, w, h in self.faces))


@dataclass(frozen=True)
class Plan:
    """What happens in a sequence. Frame numbers count from 0; None: never.

    Args:
        frames: How many.
        fps: Frames a second.
        shown_s: How long a face is shown on average.
        hidden_s: How long it is covered.
        leave_at: The frame at which ``share`` of the people leave.
        arrive_at: The frame at which ``share`` of the people, whose chairs were empty, arrive.
        flickers: Spots at which something that looks like a face appears in ``flicker_share`` of the frames.
        nudge_at: The frame at which the camera is nudged by ``nudge_px``, to the right and down.
        portraits: How many of the faces are pictures: always shown, never moving, and nobody.
        dark: First frame in the dark, and the first one after it.
        walker_at: The frame at which somebody begins to walk through, one step of two face widths a frame.
    """

    frames: int = 150
    fps: float = 0.5
    shown_s: float = 15.0
    hidden_s: float = 15.0
    leave_at: int | None = None
    arrive_at: int | None = None
    share: float = 0.3
    flickers: int = 0
    flicker_share: float = 0.1
    nudge_at: int | None = None
    nudge_px: tuple[float, float] = (12.0, 0.0)
    portraits: int = 0
    dark: tuple[int, int] | None = None
    walker_at: int | None = None


@dataclass(frozen=True)
class Frame:
    """One picture at ``t_s`` and the truth: ``people`` present, of whom ``shown`` show their faces."""

    t_s: float
    picture: Picture
    people: int
    shown: int


def find_crowd(path: Path, detector: Any) -> Crowd:
    """A photo and the faces on it, found on the enlarged photo by ``detector`` (``hw.eye.detector``)."""
    photo = np.asarray(cv2.imread(str(path)), np.uint8)
    large = cv2.resize(photo, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    found = detector.detect(np.asarray(large, np.uint8))
    return Crowd(photo, tuple((f.x / ENLARGED, f.y / ENLARGED, f.w / ENLARGED, f.h / ENLARGED) for f in found))


@dataclass
class _Cast:
    """Who is there, who is shown, and what flickers where."""

    plan: Plan
    crowd: Crowd
    random: np.random.Generator
    shown: NDArray[np.bool_] = field(init=False)
    moving: NDArray[np.bool_] = field(init=False)
    painted: NDArray[np.bool_] = field(init=False)
    spots: list[tuple[int, int, int]] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.crowd.faces)
        plan = self.plan
        self.shown = self.random.random(count) < plan.shown_s / (plan.shown_s + plan.hidden_s)
        self.moving = np.zeros(count, np.bool_)
        self.moving[self.random.permutation(count)[: round(count * plan.share)]] = True
        self.painted = np.zeros(count, np.bool_)
        self.painted[self.random.permutation(count)[: plan.portraits]] = True
        self.shown |= self.painted
        self.spots = _free_spots(self.crowd, plan.flickers, self.random)

    def step(self) -> None:
        """Let each face turn up or down as the chain has it."""
        plan = self.plan
        leave = 1 / (plan.shown_s * plan.fps), 1 / (plan.hidden_s * plan.fps)
        turned = self.random.random(len(self.shown)) < np.where(self.shown, *leave)
        self.shown = (self.shown ^ turned) | self.painted

    def present(self, number: int) -> NDArray[np.bool_]:
        """Who is there in frame ``number``."""
        plan = self.plan
        if plan.leave_at is not None and number >= plan.leave_at:
            return ~self.moving
        if plan.arrive_at is not None and number < plan.arrive_at:
            return ~self.moving
        return np.ones(len(self.moving), np.bool_)


def film(crowd: Crowd, plan: Plan, seed: int) -> Iterator[Frame]:
    """The frames of a sequence; the same for the same seed."""
    cast = _Cast(plan, crowd, np.random.default_rng(seed))
    for number in range(plan.frames):
        if number:
            cast.step()
        present = cast.present(number)
        picture = _drawn(cast, present, number)
        nudged = plan.nudge_at is not None and number >= plan.nudge_at
        picture = _shaken(picture, cast.random, plan.nudge_px if nudged else (0.0, 0.0))
        if plan.dark is not None and plan.dark[0] <= number < plan.dark[1]:
            picture = np.asarray(picture // 40, np.uint8)
        here = present & ~cast.painted
        yield Frame(number / plan.fps, picture, int(here.sum()), int((here & cast.shown).sum()))


def _drawn(cast: _Cast, present: NDArray[np.bool_], frame: int) -> Picture:
    picture = cast.crowd.photo.copy()
    for number, face in enumerate(cast.crowd.faces):
        if present[number] and cast.shown[number] and not cast.painted[number]:
            _move(picture, cast.crowd.photo, face, cast.random)
    for x, y, number in cast.spots:
        if cast.random.random() < cast.plan.flicker_share:
            _paste(picture, cast.crowd.photo, cast.crowd.faces[number], (x, y))
    for number, face in enumerate(cast.crowd.faces):
        if not present[number]:
            _cover(picture, face, CHAIR)
        elif not cast.shown[number]:
            _cover(picture, face, DARK)
    if cast.plan.walker_at is not None and frame >= cast.plan.walker_at:
        _, _, w, h = cast.crowd.faces[0]
        _paste(picture, cast.crowd.photo, cast.crowd.faces[0], (int((frame - cast.plan.walker_at + 1) * 2 * w), int(h)))
    return picture


def _cover(picture: Picture, face: Box, colour: tuple[int, int, int]) -> None:
    x, y, w, h = face
    middle = (x + w / 2, y + COVER_MIDDLE * h)
    _blend(picture, np.full(3, colour), middle, COVER_WIDE * w / 2, COVER_TALL * h / 2)


def _move(picture: Picture, photo: Picture, face: Box, random: np.random.Generator) -> None:
    x, y, w, h = face
    dx, dy = random.uniform(-FACE_JITTER_PX, FACE_JITTER_PX, 2)
    patch = _shifted(photo, dx, dy, (x - w, y - h, 3 * w, 3 * h))
    _blend(picture, patch, (x + w / 2 + dx, y + h / 2 + dy), 0.75 * w, 0.8 * h)


def _paste(picture: Picture, photo: Picture, face: Box, at: tuple[int, int]) -> None:
    x, y, w, h = face
    dx, dy = at[0] - (x + w / 2), at[1] - (y + h / 2)
    patch = _shifted(photo, dx, dy, (at[0] - 1.5 * w, at[1] - 1.5 * h, 3 * w, 3 * h))
    _blend(picture, patch, at, 0.7 * w, 0.75 * h)


def _shifted(photo: Picture, dx: float, dy: float, area: Box) -> Picture:
    """The photo moved by ``dx``, ``dy``; only ``area`` of it is computed, the rest is the photo as it is."""
    x1, y1 = max(0, int(area[0])), max(0, int(area[1]))
    x2, y2 = min(photo.shape[1], int(area[0] + area[2]) + 1), min(photo.shape[0], int(area[1] + area[3]) + 1)
    result = photo.copy()
    if x2 > x1 and y2 > y1:
        matrix = np.array([[1, 0, x1 - dx], [0, 1, y1 - dy]], np.float64)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(photo, matrix, (x2 - x1, y2 - y1), flags=how, borderMode=cv2.BORDER_REPLICATE)
        result[y1:y2, x1:x2] = moved
    return result


def _blend(picture: Picture, paint: NDArray[Any], middle: tuple[float, float], rx: float, ry: float) -> None:
    """Paint an oval with a soft edge, in place. ``paint``: a colour, or a picture of the same size."""
    height, width = picture.shape[:2]
    x1, x2 = max(0, int(middle[0] - 1.3 * rx)), min(width, int(middle[0] + 1.3 * rx) + 2)
    y1, y2 = max(0, int(middle[1] - 1.3 * ry)), min(height, int(middle[1] + 1.3 * ry) + 2)
    if x2 <= x1 or y2 <= y1:
        return
    ys, xs = np.mgrid[y1:y2, x1:x2]
    distance = np.hypot((xs - middle[0]) / rx, (ys - middle[1]) / ry)
    weight = np.clip((1.1 - distance) / 0.2, 0, 1)[..., None]
    under = picture[y1:y2, x1:x2]
    over = paint if paint.ndim == 1 else paint[y1:y2, x1:x2]
    picture[y1:y2, x1:x2] = np.round(under * (1 - weight) + over * weight)


def _shaken(picture: Picture, random: np.random.Generator, nudge: tuple[float, float]) -> Picture:
    dx, dy = random.normal(0, FRAME_JITTER_PX, 2)
    matrix = np.array([[1, 0, dx + nudge[0]], [0, 1, dy + nudge[1]]], np.float64)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    bright = moved * (1 + random.normal(0, BRIGHTNESS)) + random.normal(0, NOISE_LEVELS, moved.shape)
    return np.asarray(np.clip(np.round(bright), 0, 255), np.uint8)


def _free_spots(crowd: Crowd, count: int, random: np.random.Generator) -> list[tuple[int, int, int]]:
    """Spots for ``count`` false faces, away from the true ones and each other: x, y, and whose face it looks like."""
    height, width = crowd.photo.shape[:2]
    spots: list[tuple[int, int, int]] = []
    for _ in range(20000):
        if len(spots) == count:
            break
        number = int(random.integers(len(crowd.faces)))
        _, _, w, h = crowd.faces[number]
        if width <= 2 * w or height <= 2 * h:
            continue
        x, y = int(random.uniform(w, width - w)), int(random.uniform(h, height - h))
        taken = [(fx + fw / 2, fy + fh / 2, fw) for fx, fy, fw, fh in crowd.faces] + [(a, b, w) for a, b, _ in spots]
        if all(np.hypot(x - a, y - b) > 1.6 * max(c, w) for a, b, c in taken):
            spots.append((x, y, number))
    return spots
