"""How sure it is: person or flicker, still there or gone for good, somebody or a picture on the wall. Pure arithmetic.

A person's face comes and goes in runs: who is seen now is most likely seen at the next look too. A false face flickers:
whether it is found now says nothing about the next look. So both are told apart by how often a sighting is followed by
one, whatever the share of the looks is in which it is found.
"""

from functools import lru_cache
from math import exp, lgamma

# Beta priors of "a sighting is followed by a sighting at the next look". Measured on group photos whose faces are shown
# and hidden for 10 to 15 s, looked at every 2 s: 0.75 to 0.85 for people, 0.1 for faces that flicker in a tenth of the
# looks; slow boxes look every 10 s, where a person's is near the share of the time that the face shows.
PERSON = (4.0, 1.5)
FLICKER = (1.0, 7.0)
# Three sightings in a row weigh 3.0, two and an end 0.6.
BECOMES_PERSON, STAYS_PERSON = 0.7, 0.0
FEWEST_SIGHTINGS = 3  # who walks through is seen at one spot once or twice
# In a room without flickers somebody seen twice at one spot, this many looks apart, sits there and looks down a lot.
CLEAN, APART_LOOKS = 1.0, 8
SELDOM_PERSON = -1.0  # six sightings and never two in a row are a flicker in any room


def is_person(bits: int, odds: float, was_person: bool) -> bool:
    """Whether a history is a person's more likely than a flicker's.

    Args:
        bits: One bit a look, newest lowest; the newest is a sighting.
        odds: Logarithm of the odds that something new in this room is a person.
        was_person: What it was taken for: once a person it takes some evidence to be none.
    """
    sightings, followed = bits.bit_count(), (bits & (bits >> 1)).bit_count()
    weight = person_weight(followed, sightings - followed - 1) + odds
    if sightings < FEWEST_SIGHTINGS or not followed:
        is_seldom_seen = sightings > 1 and odds >= CLEAN and bits.bit_length() > APART_LOOKS
        return is_seldom_seen and weight >= SELDOM_PERSON
    return weight >= (STAYS_PERSON if was_person else BECOMES_PERSON)


@lru_cache(maxsize=65536)
def person_weight(followed: int, ended: int) -> float:
    """Logarithm of the Bayes factor person : flicker.

    Args:
        followed: Sightings that were followed by one at the next look.
        ended: Sightings that were not.
    """
    return _evidence(followed, ended, *PERSON) - _evidence(followed, ended, *FLICKER)


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
