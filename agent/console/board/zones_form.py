"""Zones as a technician writes and draws them: a line for each, ``x,y x,y x,y`` in 0..1 of the frame. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from agent.console.board.tile import Words
from agent.core import zones as core_zones
from agent.core.aiming import DIGITS
from agent.core.config import Point, Polygon, Zones
from agent.core.contract import Aim, Aside, Place
from agent.core.events import Detection

CORNERS_MAX = 1000  # of all zones together: each two sides of a zone are compared
LETTERS_MAX = 40_000  # of both lists together
ZONES_MAX = 64  # of each list, as the room config has it
# Plain numbers only: what float() takes beside (nan, 1e999, 1_0, digits of other scripts) is no corner.
CORNER = re.compile(r"(-?[0-9]{0,9}(?:\.[0-9]{0,40})?),(-?[0-9]{0,9}(?:\.[0-9]{0,40})?)")

LIST = {"include": ("vùng đếm", "include"), "exclude": ("vùng loại trừ", "exclude")}
TOO_LONG = (
    f"quá nhiều: tối đa {ZONES_MAX} vùng mỗi loại và {CORNERS_MAX} góc",
    f"too much: at most {ZONES_MAX} zones of each kind and {CORNERS_MAX} corners",
)
NO_CORNER = ("mỗi góc phải là x,y, ví dụ 0.25,0.5", "each corner has to be x,y: 0.25,0.5 for one")
TOO_FEW = ("cần ít nhất 3 góc khác nhau", "at least 3 different corners are needed")
CROSSES = ("các cạnh cắt nhau", "its sides cross each other")

Segment = tuple[Point, Point]


class ZonesError(ValueError):
    """What was written cannot be used. ``problems``: a sentence for each line that is wrong, in both languages."""

    def __init__(self, problems: tuple[Words, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(english for _, english in problems))


@dataclass(frozen=True, slots=True)
class Effect:
    """What zones would do to what the camera sees: the places that would be set aside, and the faces that are set aside
    by the zones of now and would count. Numbers are positions in ``aim.places`` and ``aim.set_aside``.
    """

    aside: frozenset[int]
    back: frozenset[int]


def written(polygons: tuple[Polygon, ...]) -> str:
    """A line for each zone."""
    return "\n".join(" ".join(f"{_number(x)},{_number(y)}" for x, y in polygon) for polygon in polygons)


def read(include: str, exclude: str, runs: Zones = Zones()) -> Zones:  # noqa: B008 (it is frozen)
    """The zones of two lists. Corners outside the frame are moved to its edge; all are rounded.

    Args:
        runs: What runs there: a line that nobody has touched stays the zone that it is, without being rounded.

    Raises:
        ZonesError: With every line that is wrong.
    """
    lists = {"include": include.split("\n"), "exclude": exclude.split("\n")}
    lines = [(kind, number, line) for kind in lists for number, line in enumerate(lists[kind], 1) if line.strip()]
    per_kind = [sum(each[0] == kind for each in lines) for kind in lists]
    corners = sum(len(line.split()) for _, _, line in lines)
    if len(include) + len(exclude) > LETTERS_MAX or max(per_kind) > ZONES_MAX or corners > CORNERS_MAX:
        raise ZonesError((TOO_LONG,))
    known = {written((polygon,)): polygon for polygon in (*runs.include, *runs.exclude)}
    found: dict[str, list[Polygon]] = {kind: [] for kind in lists}
    problems: list[Words] = []
    for kind, number, line in lines:
        try:
            polygon = _polygon(line)
        except ZonesError as error:
            problems += [_at(kind, number, words) for words in error.problems]
        else:
            found[kind].append(known.get(written((polygon,)), polygon))
    if problems:
        raise ZonesError(tuple(problems))
    return Zones(include=tuple(found["include"]), exclude=tuple(found["exclude"]))


def effect(aim: Aim, zones: Zones) -> Effect:
    """By the rule with which the box counts: the middle of a face."""
    aside = frozenset(i for i, place in enumerate(aim.places) if not _counts(place, zones))
    excluded = [(i, face) for i, face in enumerate(aim.set_aside) if face.reason == "excluded"]
    return Effect(aside, frozenset(i for i, face in excluded if _counts(face, zones)))


def _counts(face: Place | Aside, zones: Zones) -> bool:
    counted, _ = core_zones.split((Detection(face.x, face.y, face.w, face.h, 1.0),), 1, 1, zones)
    return bool(counted)


def _at(kind: str, number: int, words: Words) -> Words:
    vietnamese, english = LIST[kind]
    return f"{vietnamese}, dòng {number}: {words[0]}", f"{english}, line {number}: {words[1]}"


def _number(value: float) -> str:
    return f"{value:.{DIGITS}f}".rstrip("0").rstrip(".") or "0"


def _polygon(line: str) -> Polygon:
    corners = [_corner(each) for each in line.split()]
    # A corner twice in a row, or the first once more at the end, is a slip of the hand.
    polygon = tuple(each for i, each in enumerate(corners, 1) if each != corners[i % len(corners)])
    if len(set(polygon)) < 3:
        raise ZonesError((TOO_FEW,))
    if _crosses(polygon):
        raise ZonesError((CROSSES,))
    return polygon


def _corner(text: str) -> Point:
    match = CORNER.fullmatch(text)
    if match is None or not all(any(letter.isdigit() for letter in part) for part in match.groups()):
        raise ZonesError((NO_CORNER,))
    x, y = (round(min(1.0, max(0.0, float(part))), DIGITS) for part in match.groups())
    return x + 0.0, y + 0.0  # no -0.0


def _crosses(polygon: Polygon) -> bool:
    """Whether two sides touch where they should not; also a side that goes back over the one before it."""
    sides = list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
    if any(_turns_back(one, other) for one, other in _neighbours(sides)):
        return True
    last = len(sides) - 1
    apart = ((i, j) for i, j in combinations(range(len(sides)), 2) if j - i > 1 and (i, j) != (0, last))
    return any(_meet(sides[i], sides[j]) for i, j in apart)


def _neighbours(sides: list[Segment]) -> Iterator[tuple[Segment, Segment]]:
    return zip(sides, sides[1:] + sides[:1], strict=True)


def _turns_back(one: Segment, other: Segment) -> bool:
    (a, b), (_, c) = one, other
    along = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return _side(a, b, c) == 0 and along < 0


def _meet(one: Segment, other: Segment) -> bool:
    (a, b), (c, d) = one, other
    if max(a[0], b[0]) < min(c[0], d[0]) or max(c[0], d[0]) < min(a[0], b[0]):
        return False
    if max(a[1], b[1]) < min(c[1], d[1]) or max(c[1], d[1]) < min(a[1], b[1]):
        return False
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0


def _side(a: Point, b: Point, c: Point) -> int:
    """On which side of a line through two corners a third one is: -1, 0, 1. In whole units, so that 0 is exact."""
    (ax, ay), (bx, by), (cx, cy) = ([round(value * 10**DIGITS) for value in point] for point in (a, b, c))
    turn = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return 0 if turn == 0 else 1 if turn > 0 else -1
