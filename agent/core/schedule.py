"""What a conference asks of the room by its times: to come up in good time, to stay up while it is live, and to look
as often as is wanted then.

The schedule only ever brings a room up. Nothing here, and nothing else, takes it down by itself: people may still be in
it. It acts once for each conference (and once more where its beginning is moved), so that whoever switches the room off
afterwards has the last word.
"""

from datetime import datetime, timedelta

from agent.core.config import RoomConfig
from agent.core.contract import Conference
from agent.core.events import Now
from agent.core.power import Wish

DONE_KEPT = 8


def is_live(conference: Conference | None, now: Now) -> bool:
    """Whether the room is locked: switching off takes two holds. A clock that nobody set is no reason to unlock."""
    return conference is not None and conference.lock and is_held(conference, now)


def is_held(conference: Conference | None, now: Now) -> bool:
    """Whether it goes on now, locked or not. With a clock that nobody set only a lock says so."""
    if conference is None:
        return False
    return conference.starts_at <= now.utc < conference.ends_at if now.synced else conference.lock


def looking(config: RoomConfig, conference: Conference | None, now: Now) -> RoomConfig:
    """The config with the interval between two looks that counts now: a conference makes it shorter, never longer, or
    who has set ``interval_s`` alone would be counted for less often just then.
    """
    section = config.headcount
    if section.conference_interval_s >= section.interval_s or not is_held(conference, now):
        return config
    section = section.model_copy(update={"interval_s": section.conference_interval_s})
    return config.model_copy(update={"headcount": section})


def wish(conference: Conference | None, done: tuple[str, ...], now: Now) -> Wish | None:
    """The wish to come up, from ``power_on_minutes`` before the beginning on until the end; None: not (yet, or again).

    Args:
        conference: The current one.
        done: The keys of those that this was done for.
        now: With a clock that nobody set there is no schedule.
    """
    if conference is None or not now.synced or key(conference) in done:
        return None
    switch_on_at = _switch_on_at(conference)
    is_due = switch_on_at is not None and switch_on_at <= now.utc < conference.ends_at
    return Wish(True, "schedule", conference.id) if is_due else None


def with_done(done: tuple[str, ...], conference: Conference) -> tuple[str, ...]:
    """Remember one more; of the older ones a few, since plans are changed to and fro."""
    return (*done, key(conference))[-DONE_KEPT:]


def key(conference: Conference) -> str:
    """What stands for this conference at this time."""
    return f"{conference.id} {conference.starts_at.isoformat()}"


def wake_s(conference: Conference | None, now: Now) -> float | None:
    """The monotonic second of the next moment at which something of this changes, None where none is known."""
    if conference is None or not now.synced:
        return None
    moments = (_switch_on_at(conference), conference.starts_at, conference.ends_at)
    ahead = [(moment - now.utc).total_seconds() for moment in moments if moment is not None and moment > now.utc]
    return now.mono_s + max(0.01, min(ahead)) if ahead else None


def _switch_on_at(conference: Conference) -> datetime | None:
    if conference.power_on_minutes is None:
        return None
    try:
        return conference.starts_at - timedelta(minutes=conference.power_on_minutes)
    except OverflowError:
        return None  # before the year 1: a slip of the keyboard, not a wish
