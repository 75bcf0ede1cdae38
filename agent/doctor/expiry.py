"""How near a certificate's end is: thirty days, seven, one (FAULTS 35). Pure.

One that ends within a day has failed: this examination may be the last that anybody looks at before a conference. The
reason is a word with the days that are left behind it, ``expires_within_week: 6``, for the sentence on what to do.
"""

from datetime import datetime, timedelta

from agent.core.diagnosis import Judged, Verdict, certificate

WITHIN_DAY = "expires_within_day"
GRADES: tuple[tuple[timedelta, Verdict, str], ...] = (
    (timedelta(days=1), "failed", WITHIN_DAY),
    (timedelta(days=7), "warning", "expires_within_week"),
)


def graded(not_before: datetime, not_after: datetime, now: datetime) -> Judged:
    """A certificate's time; one that ends soon the worse the sooner."""
    state, reason = certificate(not_before, not_after, now)
    if reason != "expires_soon":
        return state, reason
    left = not_after - now
    found = ((state, word) for within, state, word in GRADES if left <= within)
    state, word = next(found, (state, reason))
    return state, f"{word}: {left // timedelta(days=1)}"


def is_over(judged: Judged) -> bool:
    """Whether the broker would refuse it already, or not take it yet: nothing else about it matters before that."""
    return judged[1] in ("expired", "not_yet_valid")
