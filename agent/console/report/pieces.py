"""What was counted in a stretch of time, cut so that no second counts twice. Pure.

Windows of the history may come twice, out of order, from two disks of one site (``epoch``), and overlap. They are gone
through in the order of their beginning, and each keeps what none before it has covered; of two that begin together the
shorter is first, then one that knows a number. What lies outside is cut off, and a window's figures with it in
proportion: where within it a value stood is not known.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

LONGEST_S = 2 * 3600.0  # a site makes rows of an hour at most: a longer one was made up
NO_REASONS: Mapping[str, float] = {}

Span = tuple[float, float]


class Window(NamedTuple):
    """A row of ``history/headcount``; times are seconds since 1970. ``reasons`` are the seconds of ``unknown_s``."""

    from_s: float
    to_s: float
    value: int | None
    people_minutes: float = 0.0
    unknown_s: float = 0.0
    reasons: Mapping[str, float] = NO_REASONS


class Piece(NamedTuple):
    """The part of a window that counts. ``known_s`` and the seconds in ``unknown`` are all of it."""

    from_s: float
    to_s: float
    value: int | None
    known_s: float
    people_minutes: float
    unknown: Mapping[str, float]


def pieces(windows: Iterable[Window], from_s: float, to_s: float) -> list[Piece]:
    """The parts of the windows within [from_s, to_s), by time; none overlaps another."""
    found, covered_s = [], from_s
    for window in sorted(windows, key=_order):
        begins_s, ends_s = max(window.from_s, covered_s), min(window.to_s, to_s)
        if begins_s < ends_s and window.to_s - window.from_s <= LONGEST_S:
            found.append(_cut(window, begins_s, ends_s))
            covered_s = ends_s
    return found


def gaps(counted: Sequence[Piece], from_s: float, to_s: float) -> list[Span]:
    """The time within [from_s, to_s) that no piece covers. The pieces lie within it, by time."""
    found, covered_s = [], from_s
    for piece in counted:
        if piece.from_s > covered_s:
            found.append((covered_s, piece.from_s))
        covered_s = piece.to_s
    if covered_s < to_s:
        found.append((covered_s, to_s))
    return found


def _order(window: Window) -> tuple[float, float, bool, int]:
    return window.from_s, window.to_s, window.value is None, window.value or 0


def _cut(window: Window, begins_s: float, ends_s: float) -> Piece:
    length_s = window.to_s - window.from_s
    share = (ends_s - begins_s) / length_s
    unknown_s = length_s if window.value is None else min(max(window.unknown_s, 0.0), length_s)
    if unknown_s == 0:
        return Piece(begins_s, ends_s, window.value, ends_s - begins_s, window.people_minutes * share, NO_REASONS)
    said_s = sum(window.reasons.values())
    reasons = window.reasons if said_s > 0 else {"unknown": (said_s := unknown_s)}
    unknown = {reason: took_s * unknown_s / said_s * share for reason, took_s in reasons.items()}
    value = window.value if unknown_s < length_s else None
    return Piece(begins_s, ends_s, value, (length_s - unknown_s) * share, window.people_minutes * share, unknown)
