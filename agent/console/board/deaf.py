"""What the board says of sites that it could not have heard. Pure.

A site is silent only where somebody listened: a centre that has lost its broker must not have three hundred sites
telephoned, nor one that has just come back and has not been spoken to yet.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.console.trouble import STALE_AFTER_S, Trouble
from agent.console.what_to_do import DEAF, UNHEARD

INSTEAD_OF = ("silent", "stale")


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whether we listen, and since when that is so; None: from the beginning."""

    is_connected: bool
    since: datetime | None = None


def deafness(hearing: Hearing, now: datetime) -> Trouble | None:
    """What is said of a site that is not heard, instead of that it is silent; None: it is silent."""
    if not hearing.is_connected:
        words = ("trung tâm mất kết nối với máy chủ MQTT", "no connection to the broker")
        return Trouble(0, words, "", "deaf", "unknown", advice=DEAF, since=hearing.since)
    if hearing.since is not None and (now - hearing.since).total_seconds() < STALE_AFTER_S:
        words = ("chưa nghe lại từ khi nối được máy chủ MQTT", "not heard yet since the broker was reached")
        return Trouble(0, words, "", "deaf", "unknown", advice=UNHEARD, since=hearing.since)
    return None


def heard(found: Trouble, deaf: Trouble | None) -> Trouble:
    """What was found, or that we could not have heard otherwise."""
    return deaf if deaf is not None and found.key in INSTEAD_OF else found
