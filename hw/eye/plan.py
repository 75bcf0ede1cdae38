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
# for 0.42 and 180 MB for 2.1, on top of the process; per pixel a small piece is also 10 to 20 % faster, which pays for
# the overlaps. 640x480 stays in one piece; a quarter less would save 6 MB more and cost it a tenth.
MOST_TILE_PX = 320_000
# Shared by two neighbouring tiles, in pixels of the level: a face of up to 64 px at an edge is whole in the tile that
# it belongs to. One of up to 96 px is five sixths whole in both, whose boxes are then seen to be one face. A larger one
# counts where no edge cuts it; where one does, a coarser level has it.
OVERLAP_PX, LARGEST_PX = 64, 96
# From one level to the next coarser one: the smallest face that only the coarser one has still has 24 px there.
COARSER = 4
STRIDE_PX = 32  # both networks work on multiples of it and pad or stretch to them
FAR = 1 << 30

Spans = tuple[tuple[int, int], ...]


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
    """The whole frame at one scale, for faces of ``least_px`` and more, in pixels of the frame; those of more than
    ``most_px`` where no tile cuts them.
    """

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
    across, down = _grid(width, height, scale, most_tile_px)
    return tuple(
        Tile(
            Rect(left, top, right, bottom),
            Rect(own_left, own_top, own_right, own_bottom),
            _scaled(right - left, scale),
            _scaled(bottom - top, scale),
        )
        for (top, bottom), (own_top, own_bottom) in zip(down, _owned(down), strict=True)
        for (left, right), (own_left, own_right) in zip(across, _owned(across), strict=True)
    )


def _grid(width: int, height: int, scale: float, most_tile_px: int) -> tuple[Spans, Spans]:
    """Columns and rows with the least work among those whose tiles are small enough."""
    choices = []
    down = [(spans, *_padded(spans, scale)) for spans in _splits(height, scale)]
    for columns in _splits(width, scale):
        total, largest = _padded(columns, scale)
        for rows, rows_total, rows_largest in down:
            fits = largest * rows_largest <= most_tile_px
            work = total * rows_total if fits else largest * rows_largest
            choices.append((not fits, work, len(columns) * len(rows), columns, rows))
    return min(choices, key=lambda choice: choice[:3])[3:]


def _splits(length: int, scale: float) -> list[Spans]:
    """All ways to cut a side, from one part on. A part is at least four overlaps long, or it would be nothing else."""
    overlap = max(1, math.ceil(OVERLAP_PX / scale))
    most = min(64, max(1, length // (4 * overlap)))
    return [_spans(length, parts, overlap, _step(scale)) for parts in range(1, most + 1)]


def _spans(length: int, parts: int, overlap: int, step: int) -> Spans:
    """Start and end of each part. The last one may be shorter."""
    if parts == 1:
        return ((0, length),)
    pitch = _up(math.ceil((length - overlap) / parts), step)
    count = max(1, math.ceil((length - overlap) / pitch))
    return tuple((i * pitch, min(length, (i + 1) * pitch + overlap)) for i in range(count))


def _step(scale: float) -> int:
    """Pixels of the frame that are whole strides: where tiles begin at a multiple of them, the network's grid lies as
    it does over the whole picture, and a doubtful face gets a similar score. 1 where no such number is of use.
    """
    steps = (step for step in range(1, 129) if (step * scale) % STRIDE_PX == 0 and step * scale <= 4 * STRIDE_PX)
    return next(steps, 1)


def _owned(spans: Spans) -> Spans:
    """What each part answers for: up to the middle of an overlap; the outermost also for what is beyond the edge."""
    middles = [(start + end) // 2 for (_, end), (start, _) in pairwise(spans)]
    return tuple(pairwise((-FAR, *middles, FAR)))


def _padded(spans: Spans, scale: float) -> tuple[int, int]:
    """The sum and the largest of what the network makes of the parts."""
    lengths = [_up(_scaled(end - start, scale), STRIDE_PX) for start, end in spans]
    return sum(lengths), max(lengths)


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _up(length: int, step: int) -> int:
    return -(-length // step) * step
