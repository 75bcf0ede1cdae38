"""One look at the room: its faces are matched with the places, and what they tell is added to their histories. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from operator import attrgetter
from statistics import median

from agent.core import portraits
from agent.core.evidence import FEWEST_SIGHTINGS, followed_by, is_person, person_weight
from agent.core.pairing import NUDGED, Matches, Offset, expected, follow, is_elsewhere, recognised
from agent.core.places import HISTORY, Place, Places, Spot
from agent.core.presence import WEAK, is_weak, judge, neighbours, seen_together
from agent.core.shift import ENOUGH

SETTLE = 1 / 16  # how fast the mount follows the offset
FOLLOW = 0.125  # how fast a place follows its person
SCORES = 0.125  # how fast its usual score follows
UNSURE = 0.2  # below the room's typical score: no sign of life
# How long faces stay hidden, before the room has shown it: a sixth of the window, as if seen ten times.
FIRST_GAPS, FIRST_GAP = 10.0, 1 / 6
PACE = 0.25  # how fast the time between looks follows
FADE = 1 - 1 / 400  # of what was learnt about this room, at each face that comes up again
LEARN = 1 / 32  # the share of hidden faces, at each look
LEAST_HIDDEN, MOST_HIDDEN = 0.05, 0.95
FIRST_SCORE, FIRST_SCORES = 0.9, 3
SETTLE_LOOKS = 4  # between two reckonings of what is typical here
CAUTION, LEAST_ODDS, MOST_ODDS = 1.8, -2.0, 2.5
RECOGNISED = 0.3  # of the people who should show: fewer, and this is another view
STRANGE_LOOKS = 3
NEAR_S, MOST_LEAST_ODDS = 4.0, 1.0
FEWEST_SHOWN = 3.0  # faces a look, on average
DOUBTFUL = 2.5
FLICKER_KEPT = 2.0  # windows
PERSON_KEPT_S = 900.0
MOST_PLACES = 1000
_X = attrgetter("x")


def look(places: Places, faces: Sequence[Spot], passed_s: float, window_s: float) -> Places:
    """Take one look in.

    Args:
        places: What was known.
        faces: The faces of this look, in any order.
        passed_s: Seconds of watching since the look before.
        window_s: Window of the room config.
    """
    spots = sorted(faces)
    if not places.gaps:
        places = replace(places, gaps=FIRST_GAPS, gaps_s=FIRST_GAPS * FIRST_GAP * window_s)
    pace_s = places.passed_s + (passed_s - places.passed_s) * PACE if places.looks > 1 else passed_s
    followed = followed_by(pace_s, places.gaps_s / places.gaps, places.hidden_share)
    places = replace(places, passed_s=pace_s, followed=followed)
    offset, matches = follow(places, spots)
    if not _is_strange(places, spots, matches):
        places = replace(places, strangers=0)
    elif places.strangers + 1 < STRANGE_LOOKS:
        places = replace(places, strangers=places.strangers + 1)
    else:
        anew = Places(restarts=places.restarts + 1, now_s=places.now_s, numbers=places.numbers)
        return look(anew, spots, passed_s, window_s)
    return _judged(_added(places, spots, offset, matches, places.now_s + passed_s, window_s), window_s)


def _is_strange(places: Places, spots: Sequence[Spot], matches: Matches) -> bool:
    """True if faces are there, but hardly one is where somebody sits: the camera looks elsewhere."""
    if len(spots) < ENOUGH or expected(places) < ENOUGH:
        return False
    return is_elsewhere(places, spots, matches, RECOGNISED)


def _added(
    places: Places, spots: Sequence[Spot], offset: Offset, matches: Matches, now_s: float, window_s: float
) -> Places:
    """The places after their histories were continued, new ones begun and old ones forgotten."""
    looks = places.looks + 1
    known = list(places.places)
    gaps, gaps_s = places.gaps, places.gaps_s
    unsure = places.typical_score - UNSURE
    for index, number in matches.items():
        place, spot = known[index], spots[number]
        is_clear = spot.score >= min(unsure, place.second - UNSURE / 2)
        if is_clear and place.is_person and looks - place.look > 1:
            gaps, gaps_s = gaps * FADE + 1, gaps_s * FADE + now_s - place.seen_s
        own = _own_movement(place, spot, offset, places.mount)
        known[index] = _seen_again(place, spot, offset, own, now_s, is_clear, places)
    taken = set(matches.values())
    unknown = [spot for number, spot in enumerate(spots) if number not in taken]
    fresh = [_begun(spot, offset, places.numbers + number, looks, now_s) for number, spot in enumerate(unknown)]
    alive = _remembered(known, now_s, window_s)
    is_gone = len(alive) < len(known)
    alive += fresh
    alive.sort(key=_X)
    alive, is_cut = _bounded(alive)
    near, together = places.near, places.together
    if fresh or is_gone or is_cut:
        still_there = fresh if not is_cut else [place for place in alive if place.born == looks]
        near = neighbours(alive, near, still_there, is_gone or is_cut)
    if is_gone or is_cut:
        together = {pair: count for pair, count in together.items() if pair[0] in near and pair[1] in near[pair[0]]}
    return replace(
        places,
        places=tuple(alive),
        near=near,
        together=seen_together(alive, near, together, looks),
        looks=looks,
        now_s=now_s,
        numbers=places.numbers + len(fresh),
        offset=offset,
        mount=_mount(places.mount, offset, spots),
        gaps=gaps,
        gaps_s=gaps_s,
        hidden_share=_hidden_share(places, matches),
        shown=places.shown + (len(spots) - places.shown) * LEARN * 2,
    )


def _judged(places: Places, window_s: float) -> Places:
    counted, left = judge(places, window_s)
    found = portraits.find(
        (p for p in places.places if p.number in counted), places.portraits, places.looks, places.now_s
    )
    places = replace(places, counted=counted, left=left, portraits=found)
    if places.looks % SETTLE_LOOKS:
        return places
    scores = [place.second for place in places.places if place.is_person]
    typical = median([*scores, *[FIRST_SCORE] * FIRST_SCORES])
    places = replace(places, typical_score=typical, odds=_odds(places))
    return replace(places, places=tuple([_reconsidered(place, places) for place in places.places]))


def _reconsidered(place: Place, places: Places) -> Place:
    """What was taken for a flicker while the room was not known yet may be a person in the light of the others."""
    if place.born == place.look or (place.is_person and place.look != places.looks):
        return place
    is_now = is_person(place.bits, _odds_of(place, places), place.is_person, places.followed, places.passed_s)
    return place if is_now == place.is_person else place._replace(is_person=is_now)


def _own_movement(place: Place, spot: Spot, offset: Offset, mount: Offset) -> float:
    """Square of how far a face is from its place, in pixels: of what the others do as well, or of all of it.

    A camera that trembles moves all faces; in one that does not, a few people who move look like trembling.
    """
    dx, dy = spot.x - place.x, spot.y - place.y
    against_others = (dx - offset[0]) ** 2 + (dy - offset[1]) ** 2
    in_the_frame = (dx - mount[0]) ** 2 + (dy - mount[1]) ** 2
    return min(against_others, in_the_frame)


def _mount(mount: Offset, offset: Offset, spots: Sequence[Spot]) -> Offset:
    dx, dy = offset[0] - mount[0], offset[1] - mount[1]
    if spots and max(abs(dx), abs(dy)) > NUDGED * median([spot.w for spot in spots]):
        return offset
    return mount[0] + dx * SETTLE, mount[1] + dy * SETTLE


def _odds_of(place: Place, places: Places) -> float:
    """A face that is never clear is more likely a false one, and has to come in longer runs."""
    return places.odds - (DOUBTFUL if is_weak(place, places.typical_score) else 0.0)


def _begun(spot: Spot, offset: Offset, number: int, looks: int, now_s: float) -> Place:
    x, y = spot.x - offset[0], spot.y - offset[1]
    return Place(number, x, y, spot.w, spot.h, 1, looks, looks, now_s, spot.score, 0.0, spot.score, False, 0.0, now_s)


def _seen_again(
    place: Place, spot: Spot, offset: Offset, own: float, now_s: float, is_clear: bool, places: Places
) -> Place:
    """The place after another sighting. Once for each face of each look: written for speed."""
    number, x, y, w, h, bits, look, born, seen_s, best, second, usual, was_person, _, _ = place
    looks = places.looks + 1
    spot_x, spot_y, spot_w, spot_h, score = spot
    bits = ((bits << (looks - look)) | 1) & HISTORY
    if score > best:
        best, second = score, best
    elif score > second:
        second = score
    if is_clear:  # half a face is found beside where the whole one is
        x += FOLLOW * (spot_x - offset[0] - x)
        y += FOLLOW * (spot_y - offset[1] - y)
        w += FOLLOW * (spot_w - w)
        h += FOLLOW * (spot_h - h)
        seen_s = now_s
    usual += (score - usual) * SCORES
    # Once taken for a person it is reconsidered from time to time only.
    person = was_person or is_person(bits, _odds_of(place, places), False, places.followed, places.passed_s)
    stir, still_s = portraits.stirred(place, own, now_s)
    return Place(number, x, y, w, h, bits, looks, born, seen_s, best, second, usual, person, stir, still_s)


def _remembered(known: list[Place], now_s: float, window_s: float) -> list[Place]:
    flicker_s, person_s = now_s - FLICKER_KEPT * window_s, now_s - max(PERSON_KEPT_S, FLICKER_KEPT * window_s)
    return [place for place in known if place.seen_s >= (person_s if place.is_person else flicker_s)]


def _bounded(places: list[Place]) -> tuple[list[Place], bool]:
    """At most ``MOST_PLACES``: a screen full of noise must not fill the memory."""
    if len(places) <= MOST_PLACES:
        return places, False
    dearest = sorted(places, key=lambda place: (place.is_person, place.seen_s, place.best, -place.number))
    kept = {place.number for place in dearest[-MOST_PLACES:]}
    return [place for place in places if place.number in kept], True


def _hidden_share(places: Places, matches: Matches) -> float:
    if not places.counted:
        return places.hidden_share
    hidden = 1 - recognised(places, matches) / len(places.counted)
    share = places.hidden_share + (hidden - places.hidden_share) * LEARN
    return min(MOST_HIDDEN, max(LEAST_HIDDEN, share))


def _odds(places: Places) -> float:
    """Odds that what is seen newly is a person: where flickers are many, one asks for more."""
    if places.shown >= FEWEST_SHOWN and places.people < places.shown:
        return MOST_ODDS  # flickers alone do not fill a room: people are being taken for them
    weak = places.typical_score - WEAK
    persons = flickers = 1.0
    for place in places.places:
        if place.born == places.looks or place.best < weak:
            continue
        is_seen = place.look == places.looks
        again = (place.bits & (place.bits >> 1)).bit_count()
        ended = place.sightings - again - is_seen
        woken = place.sightings - again - 1
        quiet = max(0, places.looks - place.born - again - ended - woken)
        # One that was seen once or twice is not taken for what the others are: else a room full of people who walk
        # through would count as clean.
        odds = places.odds if place.sightings >= FEWEST_SIGHTINGS else 0.0
        chance = 1 / (1 + exp(-person_weight(again, ended, woken, quiet, places.followed) - odds))
        persons, flickers = persons + chance, flickers + 1 - chance
    # Where looks are far apart a flicker and a head that is mostly down look alike for long, and heads are many more.
    least = min(MOST_LEAST_ODDS, LEAST_ODDS + max(0.0, places.passed_s - NEAR_S))
    return max(least, min(MOST_ODDS, log(persons / flickers) - CAUTION))
