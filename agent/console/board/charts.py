"""Curves as SVG paths. Pure. What is not known is a gap, never a line across it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SPARK_HEIGHT = 16


def steps(values: Sequence[int | None], top: float, height: int = SPARK_HEIGHT) -> str:
    """A curve of steps, one unit of width a value: ``M0 9H4V7H6M8 3H9``. Short, because people sit for a while.

    Args:
        top: The value at the upper edge; what is above it is drawn there.
    """
    path, at = "", None
    for x, value in enumerate(values):
        if value is None:
            at = None
            continue
        y = round(height - height * min(value, top) / top) if top > 0 else height
        if at is None:
            path += f"M{x} {y}H{x + 1}"
        elif y == at:
            path = path[: path.rindex("H")] + f"H{x + 1}"
        else:
            path += f"V{y}H{x + 1}"
        at = y
    return path


def spark(values: Sequence[int | None], summoned: int | None) -> str:
    """The curve of a tile, its upper edge the number of those summoned, or the most that were there."""
    return steps(values, max(summoned or 0, *(value or 0 for value in values), 1))


@dataclass(frozen=True, slots=True)
class Span:
    """A window of the history: seconds since 1970, and how many there were; None: not known."""

    from_s: float
    to_s: float
    value: int | None


def curve(spans: Iterable[Span], from_s: float, to_s: float, top: float, width: int, height: int) -> str:
    """The same over true times; windows that touch are one line, all else is a gap."""
    path, end = "", None
    for span in spans:
        left, right = max(span.from_s, from_s), min(span.to_s, to_s)
        if span.value is None or right <= left:
            continue
        x1, x2 = (round((x - from_s) / (to_s - from_s) * width, 1) for x in (left, right))
        y = round(height - height * min(span.value, top) / top, 1)
        path += f"V{y:g}H{x2:g}" if end is not None and left - end < 1 else f"M{x1:g} {y:g}H{x2:g}"
        end = right
    return path
