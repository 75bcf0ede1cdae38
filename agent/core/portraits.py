"""Pictures on the wall: faces that are always there, and still as no living face is. Pure arithmetic.

Measured on group photos, each face moved by a pixel or two of its own, with noise of 5 grey levels: the box of a face
that does not move trembles by 0.2 pixels where it is 10 wide, 0.4 at 23, 0.5 to 0.7 at 50, and that of a living one by
twice as much and more. In a room people move by centimetres, which is ten times that.
"""

from collections.abc import Iterable
from statistics import median

from agent.core.places import Place

STILL_FOR_S = 600.0
FEWEST_SIGHTINGS = 30
FADE = 1 / 64  # of the mean square of the movement, at each sighting
ALWAYS, ALWAYS_LOOKS = 0.9, 64  # seen in this part of the last looks
QUIETER = 0.6  # than the people around
PEERS = 5
STAYS = 1.35  # once a picture it takes more than a tremble to be none, or one look that moved
ALONE, AMONG_PEERS = 1.2, 1.4  # times the trembling of a picture
MOVED = 6.0  # times the trembling of a picture: it is alive


def tremble_px(width_px: float) -> float:
    """By how much the box of a face that does not move trembles."""
    return 0.1 + 0.012 * width_px


def stirred(place: Place, square: float, now_s: float) -> tuple[float, float]:
    """``stir`` and ``still_s`` of a place whose face moved by the root of ``square`` pixels."""
    moved = MOVED * tremble_px(place.w)
    is_still = square <= moved * moved
    return place.stir + (square - place.stir) * FADE, place.still_s if is_still else now_s


def find(places: Iterable[Place], before: frozenset[int], looks: int, now_s: float) -> frozenset[int]:
    """Those of the counted places that are pictures.

    Args:
        places: The places that are counted.
        before: Those that were pictures at the look before.
        looks: Number of the last look.
        now_s: Seconds of watching.
    """
    counted = list(places)
    # Somebody who stands before a picture hides it: not to be seen makes no person of it.
    candidates = [
        place
        for place in counted
        if now_s - place.still_s >= STILL_FOR_S and (place.number in before or _is_always_there(place, looks))
    ]
    if not candidates:
        return frozenset()
    known = {place.number for place in candidates} & before
    restless = [
        _restlessness(place) for place in counted if place.sightings >= FEWEST_SIGHTINGS and place.number not in known
    ]
    limit = ALONE
    if len(restless) > PEERS:
        limit = min(AMONG_PEERS, QUIETER * median(restless))
    return frozenset(
        place.number
        for place in candidates
        if _restlessness(place) < limit * (STAYS if place.number in before else 1.0)
    )


def _restlessness(place: Place) -> float:
    return float(place.stir**0.5) / tremble_px(place.w)


def _is_always_there(place: Place, looks: int) -> bool:
    since = min(looks - place.born + 1, ALWAYS_LOOKS)
    lately = (place.bits << (looks - place.look)) & ((1 << ALWAYS_LOOKS) - 1)
    return place.sightings >= FEWEST_SIGHTINGS and lately.bit_count() >= ALWAYS * since
