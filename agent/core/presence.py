"""Which of the places somebody sits at: left for good, two in one place's reach, one who leans between two. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import log

from agent.core.evidence import left_after_s
from agent.core.places import Pair, Place, Places

BESIDE = 2.0  # of a face's width: places nearer than this can have to do with each other
SAME_PERSON = 1.0  # of a face's width: nearer, and never seen together, is one person
LEANING = 1.7  # of a face's width: farther nobody leans
WEAK = 0.15  # below the room's typical score: a chin, an ear, half a face
USUALLY_WEAK = 0.22  # below it on average; half hidden faces are at 0.2
UNCLEAR, MANY = 0.1, 10
SELDOM = 0.1  # of the sightings: a part of a face that is itself hidden is not seen together with it
CLEARLY = 0.1  # by how much its neighbour's score has to be better
FIRST_LOOKS = 3  # nobody can have been seen often yet: who is seen is there

# A person who leans over is seen there when he ceases to be seen here. Two people look up and down as they like: that
# one looks up just when the other looks down happens once in eight times where faces show and hide for 15 s.
HANDED_OVER, NOT_HANDED_OVER = log(8.0), -log(2.0)
LEANS = log(200.0)


def judge(places: Places, window_s: float) -> tuple[frozenset[int], frozenset[int]]:
    """The numbers of the places that are occupied now, and of those whose person has left.

    Args:
        places: After a look.
        window_s: Window of the room config.
    """
    persons = [place for place in places.places if place.is_person]
    if places.looks < FIRST_LOOKS:
        persons = [place for place in places.places if place.is_person or place.look == places.looks]
    left = _left(places, persons, window_s)
    here = [place for place in persons if place.number not in left]
    near = places.near
    typical = places.typical_score
    # Among many clear faces one that is never clear is none: half a face has a neighbour who hides it.
    # At the first looks none can have been clear twice.
    unclear = typical - UNCLEAR if len(here) >= MANY and places.looks >= FIRST_LOOKS else 0.0
    counted = {
        place.number
        for place in here
        if place.number not in near and (place.second >= unclear or not is_weak(place, typical))
    }
    rivals = [place for place in here if place.number in near]
    if rivals:
        # The clearest first: who comes later and is the same person as one of them is not counted again.
        rivals.sort(key=lambda place: (-place.second, place.number))
        by_number = {place.number: place for place in places.places}
        for place in rivals:
            if not _is_somebody_elses(place, places, by_number, counted):
                counted.add(place.number)
    return frozenset(counted), left


def _left(places: Places, persons: Sequence[Place], window_s: float) -> frozenset[int]:
    now_s, before = places.now_s, places.left
    gaps_s = [now_s - place.seen_s for place in persons if place.number in places.counted]
    since_s = now_s - left_after_s(gaps_s, places.gaps_s / places.gaps, places.hidden_share, window_s)
    # Who has left is back with the first sighting, and not because the others are looked at less strictly.
    return frozenset(
        [
            place.number
            for place in persons
            if place.seen_s <= since_s or (place.number in before and place.seen_s < now_s)
        ]
    )


def _is_somebody_elses(place: Place, places: Places, by_number: dict[int, Place], counted: set[int]) -> bool:
    """True for a part of a neighbour's face, and for a person who is counted at a place nearby."""
    weak = is_weak(place, places.typical_score)
    for number in places.near[place.number]:
        other = by_number[number]
        together = places.together.get(_pair(place.number, number), 0)
        if weak and other.second >= place.second + CLEARLY and together <= SELDOM * place.sightings:
            return True
        if number in counted and not together:
            apart = place.distance(other)
            if apart < SAME_PERSON or (apart < LEANING and _leans(place, other, places.looks)):
                return True
    return False


def is_weak(place: Place, typical_score: float) -> bool:
    """True for a face that is hardly ever clear."""
    return place.second < typical_score - WEAK or place.usual < typical_score - USUALLY_WEAK


def _leans(place: Place, other: Place, looks: int) -> bool:
    """True where the one is seen whenever the other ceases to be."""
    here, there = place.bits << (looks - place.look), other.bits << (looks - other.look)
    handed_over = _handed_over(here, there) + _handed_over(there, here)
    ended = ((here >> 1) & ~here).bit_count() + ((there >> 1) & ~there).bit_count()
    return handed_over * HANDED_OVER + (ended - handed_over) * NOT_HANDED_OVER > LEANS


def _handed_over(here: int, there: int) -> int:
    return ((here >> 1) & ~here & ~(there >> 1) & there).bit_count()


def neighbours(
    places: Sequence[Place], near: dict[int, tuple[int, ...]], fresh: Sequence[Place], gone: bool
) -> dict[int, tuple[int, ...]]:
    """Who is near whom, after ``fresh`` came and, if ``gone``, some left.

    Args:
        places: All places, ordered by x.
        near: As it was.
        fresh: Places that are new.
        gone: Some places are no more.
    """
    result = _without_gone(places, near) if gone else dict(near)
    if not fresh:
        return result
    xs = [place.x for place in places]
    reach = BESIDE * max(place.w for place in places)
    found: dict[int, set[int]] = {}
    for place in fresh:
        for index in range(bisect_left(xs, place.x - reach), bisect_right(xs, place.x + reach)):
            other = places[index]
            if other.number != place.number and abs(other.y - place.y) <= reach and place.distance(other) <= BESIDE:
                found.setdefault(place.number, set()).add(other.number)
                found.setdefault(other.number, set()).add(place.number)
    for number, others in found.items():
        before = result.get(number, ())
        result[number] = (*before, *sorted(others.difference(before)))
    return result


def _without_gone(places: Sequence[Place], near: dict[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    there = {place.number for place in places}
    kept = {
        number: tuple(other for other in others if other in there) for number, others in near.items() if number in there
    }
    return {number: others for number, others in kept.items() if others}


def seen_together(
    places: Sequence[Place], near: dict[int, tuple[int, ...]], before: dict[Pair, int], looks: int
) -> dict[Pair, int]:
    """In how many looks near places were both seen, after look number ``looks``."""
    seen = {place.number for place in places if place.look == looks}
    result = dict(before)
    for number in seen:
        for other in near.get(number, ()):
            if number < other and other in seen:
                result[number, other] = result.get((number, other), 0) + 1
    return result


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
