"""How sure it is: person or flicker, still there or gone for good, somebody or a picture on the wall. Pure arithmetic.

A person's face comes and goes in runs: who is seen now is most likely seen at the next look too. A false face flickers:
whether it is found now says nothing about the next look. So both are told apart by how often a sighting is followed by
one, whatever the share of the looks is in which it is found.
"""

from functools import lru_cache
from math import exp, lgamma

# Beta priors of "a sighting is followed by a sighting at the next look". Measured on group photos whose faces are shown
# and hidden for 10 to 15 s, looked at every 2 s: 0.75 to 0.85 for people, 0.1 for faces that flicker in a tenth of the
# looks. Who looks every 10 s meets a person again less often: a person's follows from the room (``followed_by``).
PERSON_SIGHTINGS = 5.5  # how many sightings the prior weighs
SEEN_BY_NETWORK = 0.83  # of what faces that show would give: heads turn, and the network misses some
LEAST_FOLLOWED, STEP = 0.3, 0.05
WAKES = (1.2, 6.0)  # and of "a look without a sighting is followed by one with": of people anything up to a half
# A flicker is found as often after a sighting as after none, and seldom: what is there at a fifth of the looks and more
# is no flicker, however it comes and goes. That is what tells people where looks are far apart.
FLICKER = (6.0, 54.0)
# Three sightings in a row weigh 3.9, two and an end 0.7.
BECOMES_PERSON, STAYS_PERSON = 0.7, 0.0
FEWEST_SIGHTINGS = 3  # who walks through is seen at one spot once or twice
LEAST_STAY_S = 4.0  # or for a moment, where looks follow each other fast
# In a room without flickers somebody seen twice at one spot, this many looks apart, sits there and looks down a lot.
CLEAN, APART_LOOKS = 1.0, 8
SELDOM_PERSON = -1.0  # six sightings and never two in a row are a flicker in any room


def followed_by(passed_s: float, mean_gap_s: float, hidden_share: float) -> float:
    """How often a person's sighting is followed by one at the next look, in steps of ``STEP``.

    Faces that turn up and down at random forget after ``mean_gap_s * (1 - hidden_share)`` seconds which way they were;
    then what is left is the share of the time that they show.

    Args:
        passed_s: Seconds between two looks.
        mean_gap_s: How long a face that is hidden stays hidden in this room.
        hidden_share: Which part of the people is hidden at a moment.
    """
    shown = 1 - hidden_share
    again = shown + hidden_share * exp(-passed_s / max(0.1, mean_gap_s * shown))
    return max(LEAST_FOLLOWED, round(SEEN_BY_NETWORK * again / STEP) * STEP)


def is_person(bits: int, odds: float, was_person: bool, followed: float = 0.75, passed_s: float = 2.0) -> bool:
    """Whether a history is a person's more likely than a flicker's.

    Args:
        bits: One bit a look, newest lowest; the newest is a sighting.
        odds: Logarithm of the odds that something new in this room is a person.
        was_person: What it was taken for: once a person it takes some evidence to be none.
        followed: See :func:`followed_by`.
        passed_s: Seconds between two looks.
    """
    sightings, again = bits.bit_count(), (bits & (bits >> 1)).bit_count()
    if not was_person and too_early(bits.bit_length(), passed_s):
        return False
    ended = sightings - again - 1
    weight = person_weight(again, ended, ended, bits.bit_length() - 1 - again - 2 * ended, followed) + odds
    if sightings < FEWEST_SIGHTINGS or not again:
        is_seldom_seen = sightings > 1 and odds >= CLEAN and bits.bit_length() > APART_LOOKS
        return is_seldom_seen and weight >= SELDOM_PERSON
    return weight >= (STAYS_PERSON if was_person else BECOMES_PERSON)


def too_early(looks: int, passed_s: float) -> bool:
    """Whether nobody who was first seen ``looks`` looks ago, one each ``passed_s``, can be known for a person yet."""
    return (looks - 1) * passed_s < LEAST_STAY_S


@lru_cache(maxsize=65536)
def person_weight(again: int, ended: int, woken: int, quiet: int, followed: float = 0.75) -> float:
    """Logarithm of the Bayes factor person : flicker.

    Args:
        again: Sightings that were followed by one at the next look; ``ended`` those that were not.
        ended: See ``again``.
        woken: Looks without a sighting that were followed by one with; ``quiet`` those that were not.
        quiet: See ``woken``.
        followed: See :func:`followed_by`.
    """
    person = PERSON_SIGHTINGS * followed, PERSON_SIGHTINGS * (1 - followed)
    as_person = _evidence(again, ended, *person) + _evidence(woken, quiet, *WAKES)
    return as_person - _evidence(again + woken, ended + quiet, *FLICKER)


def _evidence(yes: int, no: int, a: float, b: float) -> float:
    return lgamma(a + yes) + lgamma(b + no) - lgamma(a + b + yes + no) - lgamma(a) - lgamma(b) + lgamma(a + b)


def left_after_s(gaps_s: list[float], mean_gap_s: float, hidden_share: float, window_s: float) -> float:
    """From which gap on people have left for good, in seconds.

    Heads that are down come up again after ``mean_gap_s`` on average, so of all people only few have not been seen for
    several times that long. Where many more have not, they are gone, and are taken off together; a single one may
    still be down and is waited for longer.

    Args:
        gaps_s: For each person, the seconds since the last sighting.
        mean_gap_s: How long a face that is hidden stays hidden in this room.
        hidden_share: Which part of the people is hidden at a moment.
        window_s: The window of the room config. The answer lies between ``SOONEST`` and ``LATEST`` times of it.
    """
    soonest_s, latest_s = SOONEST * window_s, LATEST * window_s
    hidden = max(1.0, len(gaps_s) * hidden_share)
    long_gaps_s = sorted(gap_s for gap_s in gaps_s if gap_s >= soonest_s)
    for rank, gap_s in enumerate(long_gaps_s):
        unseen = len(long_gaps_s) - rank
        if hidden * exp(-gap_s / mean_gap_s) < DOUBT * unseen:
            return min(gap_s, latest_s)
    return latest_s


SOONEST, LATEST = 0.75, 2.0
DOUBT = 0.02  # at most this part of those that are taken off is expected to be there still
