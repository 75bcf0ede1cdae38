"""Which face of a look belongs to which place, and where the camera looks now. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from statistics import median

from agent.core.places import Place, Places, Spot
from agent.core.shift import ENOUGH, common_shift

REACH = 0.6  # of a face's width: a face nearer to a place than this is that place's
MOST_LARGER = 2.0  # a face twice as large is another person's
NUDGED = 0.2  # of a face's width, by all faces together
FOUND_AGAIN = 0.5  # of the people who should show: fewer, and the camera may have been nudged far
AT_HOME = 0.5  # of the faces that show: if more are where somebody sits, the camera stands still
FARTHEST = 8.0  # face widths that a nudge is followed

Offset = tuple[float, float]
Matches = dict[int, int]  # index of a place: index of its spot
_X = attrgetter("x")


def follow(places: Places, spots: Sequence[Spot]) -> tuple[Offset, Matches]:
    """Match the spots of a look with the places, and follow a camera that was nudged.

    Args:
        places: Where people are.
        spots: What this look shows, sorted.
    """
    offset, matches = places.offset, _nearest(places.places, spots, places.offset)
    move = _common_move(places, spots, offset, matches)
    if len(spots) >= ENOUGH and len(places.counted) >= ENOUGH and _may_be_nudged(places, spots, matches, move):
        offset, matches = _nudged(places, spots, matches, move)
        move = _common_move(places, spots, offset, matches)
    if len(matches) >= ENOUGH:
        # The whole frame trembles in every camera that hangs on a wall: taken off, only people's own movement is left.
        offset = (offset[0] + move[0], offset[1] + move[1])
    return offset, matches


def expected(places: Places) -> float:
    """How many people should show their face in a look."""
    return len(places.counted) * (1 - places.hidden_share)


def recognised(places: Places, matches: Matches) -> int:
    """How many of the people who are counted show their face."""
    counted, known = places.counted, places.places
    return sum(known[place].number in counted for place in matches)


def is_elsewhere(places: Places, spots: Sequence[Spot], matches: Matches, share: float) -> bool:
    """True if less than this share of the people who should show do, and faces are where nobody sits.

    Where fewer show than should, but most of these where somebody sits, the camera stands still: people look down
    together, or leave together.
    """
    known = recognised(places, matches)
    return known < share * expected(places) and known < AT_HOME * len(spots)


def _may_be_nudged(places: Places, spots: Sequence[Spot], matches: Matches, move: Offset) -> bool:
    width = median(spot.w for spot in spots)
    moved_px = max(abs(move[0]), abs(move[1]))
    return moved_px > NUDGED * width or is_elsewhere(places, spots, matches, FOUND_AGAIN)


def _nudged(places: Places, spots: Sequence[Spot], matches: Matches, move: Offset) -> tuple[Offset, Matches]:
    """Try the movement that most faces agree on; keep to it where it explains more than standing still."""
    (ox, oy), width = places.offset, median(spot.w for spot in spots)
    before = [(place.x + ox, place.y + oy, place.w) for place in places.places if place.number in places.counted]
    found = common_shift(before, [(spot.x, spot.y, spot.w) for spot in spots], FARTHEST * width)
    if found is None:
        return places.offset, matches
    offset = (ox + found[0], oy + found[1])
    again = _nearest(places.places, spots, offset)
    is_far = max(abs(move[0]), abs(move[1])) > NUDGED * width
    return (offset, again) if len(again) > len(matches) or is_far else (places.offset, matches)


def _common_move(places: Places, spots: Sequence[Spot], offset: Offset, matches: Matches) -> Offset:
    if not matches:
        return 0.0, 0.0
    known = places.places
    return (
        median([spots[spot].x - known[place].x for place, spot in matches.items()]) - offset[0],
        median([spots[spot].y - known[place].y for place, spot in matches.items()]) - offset[1],
    )


def _nearest(places: Sequence[Place], spots: Sequence[Spot], offset: Offset) -> Matches:
    """Each spot to the nearest place within reach; one place a spot, the nearest pairs first."""
    pairs = _within_reach(places, spots, offset)
    pairs.sort()
    matches: Matches = {}
    taken: set[int] = set()
    for _, place, spot in pairs:
        if place not in matches and spot not in taken:
            matches[place] = spot
            taken.add(spot)
    return matches


def _within_reach(places: Sequence[Place], spots: Sequence[Spot], offset: Offset) -> list[tuple[float, int, int]]:
    """Distance (squared, in face widths), place and spot. The innermost loop of all: written for speed."""
    ox, oy = offset
    xs = [place.x for place in places]
    pairs = []
    for number, (x, y, w, _, _) in enumerate(spots):
        x, y, reach = x - ox, y - oy, REACH * w
        for index in range(bisect_left(xs, x - reach), bisect_right(xs, x + reach)):
            place = places[index]
            dx, dy = x - place.x, y - place.y
            if -reach <= dy <= reach:
                distance = (dx * dx + dy * dy) / (w * w)
                if distance <= REACH * REACH and w <= MOST_LARGER * place.w and place.w <= MOST_LARGER * w:
                    pairs.append((distance, index, number))
    return pairs
