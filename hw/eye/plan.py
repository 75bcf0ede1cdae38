"""How to look at a frame: enlarged or reduced by how much, and in which pieces. Pure: numbers in, numbers out.

A network sees faces of some 10 to 300 px, so one frame is looked at on one or more *levels*: the finest at the working
scale for the small faces, and, where that level is cut into tiles, coarser ones for the faces that are too large for a
tile's overlap. Places are in pixels of the frame; ``width_px`` and ``height_px`` of a tile are what the network gets.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

# What one tile may have, in pixels of the network's own grid. Bare YuNet (OpenCV 5) takes 21 MB for 0.25 million, 36 MB
# for 0.42 and 180 MB for 2.1, on top of 85 MB for the process; per pixel a small piece is also 10 to 20 % faster.
MOST_TILE_PX = 360_000
# Shared by two neighbouring tiles, and the largest face that is taken from tiles, in pixels of the level: with a third
# of it to spare a face at an edge is whole, with some of its surroundings, in the tile that it belongs to.
OVERLAP_PX, LARGEST_PX = 64, 48
# From one level to the next coarser one: the smallest face that only the coarser one takes still has 16 px there.
COARSER = 3
STRIDE_PX = 32  # both networks work on multiples of it and pad or stretch to them
FAR = 1 << 30


@dataclass(frozen=True, slots=True)
class Rect:
    """Left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, x: float, y: float, slack: float = 0.0) -> bool:
        """True where the point is inside, or outside by at most ``slack``."""
        inside_x = self.left - slack <= x < self.right + slack
        return inside_x and self.top - slack <= y < self.bottom + slack


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece: what is cut out, whose faces it answers for (by their middle), and the size that the network gets."""

    area: Rect
    own: Rect
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Level:
    """The whole frame at one scale. Its faces have ``least_px`` to ``most_px`` in pixels of the frame."""

    scale: float
    tiles: tuple[Tile, ...]
    least_px: float
    most_px: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How one frame is looked at: levels from the finest to the coarsest, of which the last is always one piece."""

    scale: float
    width_px: int
    height_px: int
    levels: tuple[Level, ...]

    @property
    def pixels(self) -> int:
        """Of the finest level, which is nearly all of the work."""
        return self.width_px * self.height_px


@lru_cache(maxsize=32)
def plan_for(width: int, height: int, scale: float, most_tile_px: int = MOST_TILE_PX) -> Plan:
    """The plan for a frame of that size at a working scale."""
    levels: list[Level] = []
    each, least_px = scale, 0.0
    while True:
        tiles = _tiles(width, height, each, most_tile_px)
        most_px = LARGEST_PX / each if len(tiles) > 1 else math.inf
        levels.append(Level(each, tiles, least_px, most_px))
        if len(tiles) == 1:
            return Plan(scale, _scaled(width, scale), _scaled(height, scale), tuple(levels))
        # The levels' ranges overlap: a face that measures a little less on the coarser one must not fall between them.
        each, least_px = each / COARSER, 0.8 * most_px


def _tiles(width: int, height: int, scale: float, most_tile_px: int) -> tuple[Tile, ...]:
    overlap = max(1, math.ceil(OVERLAP_PX / scale))
    columns, rows = _grid(width, height, scale, overlap, most_tile_px)
    across, down = _cut(width, columns, overlap), _cut(height, rows, overlap)
    return tuple(
        Tile(
            Rect(left, top, right, bottom),
            Rect(own_left, own_top, own_right, own_bottom),
            _scaled(right - left, scale),
            _scaled(bottom - top, scale),
        )
        for top, bottom, own_top, own_bottom in down
        for left, right, own_left, own_right in across
    )


def _grid(width: int, height: int, scale: float, overlap: int, most_tile_px: int) -> tuple[int, int]:
    """Columns and rows with the least work among those whose tiles are small enough."""

    def padded(length: int, parts: int) -> int:
        return _up(_scaled(_part(length, parts, overlap), scale))

    across = {parts: padded(width, parts) for parts in range(1, _most_parts(width, overlap) + 1)}
    down = {parts: padded(height, parts) for parts in range(1, _most_parts(height, overlap) + 1)}
    fitting = [
        (columns * rows * wide * high, columns * rows, columns, rows)
        for columns, wide in across.items()
        for rows, high in down.items()
        if wide * high <= most_tile_px
    ]
    if not fitting:
        return max(across), max(down)
    return min(fitting)[2:]


def _most_parts(length: int, overlap: int) -> int:
    """A tile is at least four overlaps long, or it would be nothing else."""
    return min(64, max(1, length // (4 * overlap)))


def _part(length: int, parts: int, overlap: int) -> int:
    return min(length, math.ceil((length + (parts - 1) * overlap) / parts))


def _cut(length: int, parts: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Start, end, and start and end of what it owns, of each part; the outermost own what is beyond the edge too."""
    part = _part(length, parts, overlap)
    starts = [round(number * (length - part) / max(1, parts - 1)) for number in range(parts)]
    middles = [(after + before + part) // 2 for before, after in pairwise(starts)]
    owned = [-FAR, *middles, FAR]
    return [(start, start + part, owned[i], owned[i + 1]) for i, start in enumerate(starts)]


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _up(length: int) -> int:
    return -(-length // STRIDE_PX) * STRIDE_PX
