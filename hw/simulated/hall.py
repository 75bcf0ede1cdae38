"""The drawn hall: rows of seated people as a camera above the stage sees them, without any image file.

It is the camera of ``--simulate``, of the demo and of many tests: since we draw the people, we know the truth that the
count is compared with, and the networks that count real halls find these faces too. What one person looks like is in
`person`, the empty room in `furniture`; here they come together.

A frame is made from the back to the front: room with empty chairs and desks (drawn once), then the people row by row
(each sprite drawn once and pasted), then the light, then the sensor's noise. Everything depends on the seed, the
people and the time alone, so a test can ask for the same frame again.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from math import pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.simulated import paint, person
from hw.simulated.audience import Look, Person
from hw.simulated.furniture import Seat, draw_room, place_seats
from hw.simulated.person import Sprite

__all__ = ["DrawnHall", "Look", "Person", "Seat"]

MAX_SEATS = 80
#: Pixels that somebody moves at most; `furniture` keeps rows that far apart.
SWAY_PX = 2
#: Mean and spread of the sheet of noise, in grey levels; even a dark picture is then 2 or 3, not 0.
NOISE_MEAN, NOISE_SPREAD = 1.5, 1.6
#: It is laid twice, each time in one of this many places along each axis: 2**32 frames of a hall where nobody moves.
NOISE_PLACES = 256
NOISE_ROWS = 32
#: Of people who changed their look a moment ago: at 1080p each takes 0.1 to 0.4 MB of the eye's process.
SPARE_SPRITES = 8

Picture = NDArray[np.uint8]


class DrawnHall:
    """A hall with a fixed number of seats; ``draw`` is its camera.

    Attributes:
        seats: The seats, back row first, each row from left to right.

    Thread: any; drawn people are remembered, as many as there are seats and some more.
    """

    def __init__(self, seats: int, width: int, height: int, seed: int) -> None:
        """Furnish a hall.

        Args:
            seats: How many, 1 to 80.
            width: Of the pictures, in pixels.
            height: The same.
            seed: Chooses the colours of the room and the seats' small irregularities.

        Raises:
            ValueError: Not 1 to 80 seats, or a picture too small to hold them with faces of 4 px half-height.
        """
        if not 1 <= seats <= MAX_SEATS:
            raise ValueError(f"a drawn hall has 1 to {MAX_SEATS} seats, not {seats}")
        rng = np.random.default_rng(seed)
        self.seats: tuple[Seat, ...] = place_seats(seats, width, height, rng)
        self._room = draw_room(self.seats, width, height, rng)
        self._noise = noise_sheet(width, height)
        self._sprite = lru_cache(maxsize=seats + SPARE_SPRITES)(person.draw_sprite)

    def draw(self, people: Iterable[Person], at_s: float, light: float = 1.0) -> Picture:
        """Take a picture.

        Args:
            people: Who sits where; at most one person to a seat.
            at_s: Time of the picture in seconds, from any zero; moves the people and the noise.
            light: 1.0 the lights are on, 0.0 the hall is dark (nearly black, a little noise).

        Returns:
            BGR picture, shape (height, width, 3), uint8; the caller may write on it.

        Raises:
            IndexError: A person sits on a seat that the hall does not have.
        """
        frame = self._room.copy()
        for who in sorted(people, key=lambda each: each.seat):  # seats are numbered from the back
            seat = self.seats[who.seat]
            dx, dy = sway(who.identity, at_s)
            sprite = self._sprite(who.identity, who.look, seat.half_height)
            x, y = seat.x + round(paint.LEFT * seat.half_height), seat.y + round(paint.TOP * seat.half_height)
            paste(frame, sprite, x + dx, y + dy)
        if light < 1.0:
            frame = np.asarray(cv2.convertScaleAbs(frame, alpha=max(0.0, light)), np.uint8)
        return self._with_noise(frame, at_s)

    def face_boxes(self, people: Iterable[Person]) -> list[tuple[float, float, float, float]]:
        """Tell where the faces are that show.

        Args:
            people: As for `draw`.

        Returns:
            For each person who looks up or leans, in the given order: left, top, width, height of the face in
            pixels, hair line to chin, without the 1 to 2 px of sway.
        """
        boxes = []
        for who in people:
            seat, shift = self.seats[who.seat], 0.0
            if who.look == "down":
                continue
            if who.look == "lean":
                shift = person.LEAN_SHIFT * person.lean_side(who.identity)
            half = seat.half_height
            boxes.append((seat.x + (shift - 0.76) * half, float(seat.y - half), 1.52 * half, 2.0 * half))
        return boxes

    def _with_noise(self, frame: Picture, at_s: float) -> Picture:
        """Add the sensor's noise: a sheet at two places drawn from the time. Fresh noise would cost 20 times more."""
        height, width = frame.shape[:2]
        rng = np.random.default_rng(int.from_bytes(struct.pack("<d", at_s), "little"))
        for _ in range(2):
            x, y = (int(place) for place in rng.integers(0, NOISE_PLACES, 2))
            cv2.add(frame, self._noise[y : y + height, x : x + width], dst=frame)
        return frame


@lru_cache(maxsize=4)
def noise_sheet(width: int, height: int) -> Picture:
    """Return a sheet of noise, larger than a picture by `NOISE_PLACES`; halls of one size share it."""
    rng = np.random.default_rng(width * 100_003 + height)
    sheet = np.empty((height + NOISE_PLACES, width + NOISE_PLACES, 3), np.uint8)
    # A few rows at a time: the same numbers as all at once, without 140 MB of them in between.
    for top in range(0, sheet.shape[0], NOISE_ROWS):
        rows = sheet[top : top + NOISE_ROWS]
        rows[:] = np.clip(rng.normal(NOISE_MEAN, NOISE_SPREAD, rows.shape), 0, 8)
    return sheet


def sway(identity: int, at_s: float) -> tuple[int, int]:
    """Return how far somebody has moved, in pixels to the right and down: nobody sits as still as a photograph."""
    phase, period_s = identity * 2.399963, 3.0 + identity % 7  # the golden angle keeps neighbours out of step
    reach = 1 + identity % SWAY_PX
    return round(reach * sin(2 * pi * at_s / period_s + phase)), round(sin(2 * pi * at_s / (period_s + 1.7) - phase))


def paste(frame: Picture, sprite: Sprite, x: int, y: int) -> None:
    """Lay a sprite on the frame with its top left corner at (x, y); what reaches over the edge is cut off."""
    height, width = frame.shape[:2]
    x0, y0 = max(0, x), max(0, y)
    x1 = min(width, x + sprite.see_through.shape[1])
    y1 = min(height, y + sprite.see_through.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    target = frame[y0:y1, x0:x1]
    cv2.multiply(target, cv2.merge([sprite.see_through[part]] * 3), dst=target, scale=1 / 255)
    cv2.add(target, sprite.premultiplied[part], dst=target)
