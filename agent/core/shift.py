"""A camera that moves: by how much all places moved together since the last look. Pure arithmetic."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

Spot = tuple[float, float, float]  # middle and width of a face, in pixels

ENOUGH = 4  # who agree; one person who moves is no camera that does
FARTHEST = 0.2  # of the widest distance between spots: what moved farther is another view
BIN = 0.3  # of a face's width
MOST_SPOTS = 60  # compared with each other; more would take long and say the same


def common_shift(before: Sequence[Spot], now: Sequence[Spot], reach_px: float) -> tuple[float, float, int] | None:
    """The movement that takes most spots of ``now`` onto spots of ``before``.

    Args:
        before: Where faces were; all places, also of people who look down now.
        now: Where faces are.
        reach_px: The farthest movement that is looked for.

    Returns:
        Right and down in pixels, and how many spots agree; None if fewer than ``ENOUGH`` do.
    """
    if len(now) < ENOUGH or len(before) < ENOUGH:
        return None
    chosen = _spread(now)
    cell = BIN * median(width for _, _, width in chosen)
    moves = [
        (x - bx, y - by)
        for x, y, _ in chosen
        for bx, by, _ in before
        if abs(x - bx) <= reach_px and abs(y - by) <= reach_px
    ]
    votes: Counter[tuple[int, int]] = Counter()
    for dx, dy in moves:
        votes[round(dx / cell), round(dy / cell)] += 1
    best, best_votes = (0, 0), 0
    for column, row in votes:
        # A true movement lies on a border between cells as often as not: take the neighbours in.
        around = sum(votes.get((column + i, row + j), 0) for i in (-1, 0, 1) for j in (-1, 0, 1))
        if (around, -abs(column) - abs(row), column, row) > (best_votes, -abs(best[0]) - abs(best[1]), *best):
            best, best_votes = (column, row), around
    near = [(dx, dy) for dx, dy in moves if max(abs(dx / cell - best[0]), abs(dy / cell - best[1])) <= 1.5]
    if len(near) < ENOUGH:
        return None
    return median(dx for dx, _ in near), median(dy for _, dy in near), len(near)


def _spread(spots: Sequence[Spot]) -> Sequence[Spot]:
    """At most ``MOST_SPOTS`` of them, from all over the picture."""
    step = -(-len(spots) // MOST_SPOTS)
    return spots[::step]
