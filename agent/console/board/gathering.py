"""The conference that is on, or the next one, as the sites were told of it. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agent.core.contract import Conference


@dataclass(frozen=True, slots=True)
class Gathering:
    """``sites``: how many were told; ``next_call``: the next moment at which is noted who is there."""

    told: Conference
    sites: int
    is_live: bool
    next_call: datetime | None


def gathering(conferences: Iterable[Conference], now: datetime) -> Gathering | None:
    """The one that is on at the most sites, else the next one; None: there is neither."""
    by_id: dict[str, Conference] = {}
    sites: Counter[str] = Counter()
    for each in conferences:
        if each.ends_at > now:
            by_id[each.id] = each
            sites[each.id] += 1
    if not by_id:
        return None
    told = min(by_id.values(), key=lambda each: (max(each.starts_at, now), -sites[each.id], each.id))
    calls = [moment for moment in told.roll_calls if moment > now]
    return Gathering(told, sites[told.id], told.starts_at <= now, min(calls, default=None))
