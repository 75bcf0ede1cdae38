"""The empty hall: where the seats are, and the picture of wall, desks and chairs that people are pasted on.

Sizes go by the *half face* of a row (see `paint`): the seats of the front rows are larger, and so is all that stands
beside them. No chair is round and nothing lies in pairs, so that no network
can take furniture for a face.

Any thread; nothing here keeps state.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.simulated.paint import BOTTOM, Colour, times

#: Half the height of the largest face, as a share of the picture's height: 45 px of 540. Larger ones look odd.
LARGEST_FACE = 45 / 540
#: Below this the two eyes are one pixel each; faces of 9 px were still found (320x240, 6 seats).
SMALLEST_FACE_PX = 4
#: The back row's faces against the front row's.
BACK_TO_FRONT = 0.62
#: Room for one person, in half faces: centre of the face to the top of the hair, centre to chin, seat to seat.
ABOVE, BELOW, SIDEWAYS = 1.62, 1.08, 3.4
#: Pixels that stay free between two rows whatever their size, so that swaying heads never cover a face.
GAP_PX = 4
#: Share of the picture above the back row's hair (wall), and of its width that seats may take.
WALL, USABLE_WIDTH = 0.1, 0.95

Picture = NDArray[np.uint8]

#: Wall, carpet, desk and chair, in BGR.
PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((196, 208, 214), (92, 88, 98), (92, 128, 168), (110, 76, 58)),
    ((206, 204, 192), (104, 92, 78), (120, 148, 178), (70, 66, 120)),
    ((190, 200, 196), (84, 92, 88), (82, 108, 142), (84, 96, 62)),
    ((208, 212, 220), (110, 104, 104), (150, 170, 190), (86, 80, 76)),
)


@dataclass(frozen=True, slots=True)
class Seat:
    """A place to sit.

    Attributes:
        x: Centre of the face of somebody who sits upright there, in pixels from the left.
        y: The same, in pixels from the top.
        half_height: Half the height of a face there, in pixels; smaller in the back rows.
    """

    x: int
    y: int
    half_height: int


def place_seats(seats: int, width: int, height: int, rng: np.random.Generator) -> tuple[Seat, ...]:
    """Spread the seats over as many rows as let the faces be largest.

    Args:
        seats: How many.
        width: Of the picture, in pixels.
        height: The same.
        rng: Moves each seat a little, since chairs never stand in a perfect line.

    Returns:
        The seats, back row first, each row from left to right.

    Raises:
        ValueError: The picture is too small for so many seats.
    """
    front = max((front_half_face(seats, rows, width, height), -rows) for rows in range(1, seats + 1))
    rows, largest = -front[1], front[0]
    halves = row_halves(rows, largest)
    if halves[0] < SMALLEST_FACE_PX:
        raise ValueError(f"a picture of {width}x{height} pixels is too small for {seats} seats")
    placed = []
    for row, (y, half) in enumerate(zip(row_heights(halves, height), halves, strict=True)):
        in_row = seats // rows + (row < seats % rows)  # the odd ones sit at the back, where a seat takes least room
        for x in columns(in_row, row, half, width):
            jitter = rng.uniform(-0.1, 0.1) * half
            placed.append(Seat(round(x + jitter), y, int(half)))
    return tuple(placed)


def front_half_face(seats: int, rows: int, width: int, height: int) -> float:
    """Return the half height of the front row's faces, in pixels, when the seats stand in so many rows."""
    across = USABLE_WIDTH * width / (SIDEWAYS * (-(-seats // rows) + 0.3))  # 0.3: every second row stands aside
    shares = row_halves(rows, 1.0)
    down = (height * (1 - WALL) - GAP_PX * rows) / (sum(shares) * (ABOVE + BELOW) + BOTTOM - BELOW + 0.3)
    return min(across, down, LARGEST_FACE * min(height, width * 9 / 16))


def row_halves(rows: int, front: float) -> list[float]:
    """Return the half face of each row, back row first, growing evenly to that of the front row."""
    return [float(half) for half in front * np.linspace(BACK_TO_FRONT if rows > 1 else 1.0, 1.0, rows)]


def row_heights(halves: list[float], height: int) -> list[int]:
    """Return the y of each row's faces: no head may cover a face behind it. Spare room goes between the rows."""
    needed = sum(halves) * (ABOVE + BELOW) + (BOTTOM - BELOW + 0.3) * halves[-1] + GAP_PX * len(halves)
    spare = max(0.0, height * (1 - WALL) - needed) / (len(halves) + 1)
    y, heights = height * WALL + spare, []
    for half in halves:
        y += ABOVE * half
        heights.append(round(y))
        y += BELOW * half + GAP_PX + min(spare, half)
    sink = height - heights[-1] - (BOTTOM + 0.3) * halves[-1]
    return [round(each + 0.6 * max(0.0, sink)) for each in heights]  # few rows sit low, as a camera is tilted


def columns(in_row: int, row: int, half: float, width: int) -> list[float]:
    """Return the x of each seat of a row; every second row stands a little aside, to look between the heads."""
    pitch = min(USABLE_WIDTH * width / (in_row + 0.3), 4.6 * half)
    aside = 0.15 * pitch if row % 2 else -0.15 * pitch
    return [width / 2 + aside + pitch * (column - (in_row - 1) / 2) for column in range(in_row)]


def draw_room(seats: tuple[Seat, ...], width: int, height: int, rng: np.random.Generator) -> Picture:
    """Draw the hall with all its chairs empty.

    Returns:
        BGR picture, shape (height, width, 3), uint8.
    """
    wall, carpet, desk, chair = PALETTES[rng.integers(len(PALETTES))]
    room = draw_wall(seats[0], width, height, wall, carpet)
    rows = sorted({seat.y for seat in seats})
    for y in rows:
        in_row = [seat for seat in seats if seat.y == y]
        for seat in in_row:
            draw_chair(room, seat, chair)
        draw_desk(room, in_row, desk)
    return np.asarray(cv2.GaussianBlur(room, (3, 3), 0.7), np.uint8)


def draw_wall(back: Seat, width: int, height: int, wall: Colour, carpet: Colour) -> Picture:
    """Draw panelled wall down to the back row's desks, and carpet below."""
    floor = round(back.y + 1.6 * back.half_height)
    room = np.empty((height, width, 3), np.float32)
    room[:floor] = np.asarray(wall, np.float32) * np.linspace(0.82, 1.04, floor, dtype=np.float32)[:, None, None]
    below = np.linspace(0.75, 1.1, height - floor, dtype=np.float32)[:, None, None]
    room[floor:] = np.asarray(carpet, np.float32) * below
    for x in range(width // 16, width, width // 8):
        room[:floor, x : x + 2] *= 0.9
    room[max(0, floor - 6) : floor] *= 0.7
    falloff = 1 - 0.18 * np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] ** 2
    # In place: at 1080p each copy would be 25 MB of the eye's process.
    room *= falloff
    return np.asarray(np.clip(room, 0, 255, out=room).astype(np.uint8))


def draw_chair(room: Picture, seat: Seat, colour: Colour) -> None:
    """Draw the back of an upholstered chair, a plain block that stays below the face of who sits there."""
    half = seat.half_height
    left, right = seat.x - round(1.15 * half), seat.x + round(1.15 * half)
    top, bottom = seat.y + round(0.55 * half), seat.y + round((BOTTOM + 0.1) * half)
    cv2.rectangle(room, (left, top), (right, bottom), times(colour, 0.6), -1)
    edge = max(1, half // 9)
    cv2.rectangle(room, (left + edge, top + edge), (right - edge, bottom), colour, -1)
    cv2.rectangle(room, (left + edge, top + edge), (right - edge, top + 3 * edge), times(colour, 1.25), -1)


def draw_desk(room: Picture, in_row: list[Seat], colour: Colour) -> None:
    """Draw one long desk before a row: a light top and a panelled front."""
    y, half = in_row[0].y, in_row[0].half_height
    left, right = in_row[0].x - round(1.9 * half), in_row[-1].x + round(1.9 * half)
    top, front = y + round(BOTTOM * half) - 1, y + round((BOTTOM + 0.28) * half)
    cv2.rectangle(room, (left, front), (right, y + round(4.2 * half)), times(colour, 0.72), -1)
    for seat in in_row[1:]:
        middle = seat.x - (in_row[1].x - in_row[0].x) // 2
        cv2.line(room, (middle, front), (middle, y + round(4.2 * half)), times(colour, 0.6), 1)
    cv2.rectangle(room, (left, top), (right, front), times(colour, 1.12), -1)
    cv2.line(room, (left, front), (right, front), times(colour, 0.5), max(1, half // 14))
    for seat in in_row:
        draw_paper(room, seat.x, top, half)


def draw_paper(room: Picture, x: int, y: int, half: int) -> None:
    """Draw a sheet of paper on the desk, seen from the stage."""
    sheet = np.array([(-0.45, 0.22), (-0.35, 0.06), (0.35, 0.06), (0.45, 0.22)]) * half + (x, y)
    cv2.fillPoly(room, [np.rint(sheet).astype(np.int32)], (226, 230, 232))
