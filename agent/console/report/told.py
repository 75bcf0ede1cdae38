"""What a site and the broker told beside the counts: events and presence, and what they say of a time. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from agent.console.recorder_conferences import Presence
from agent.console.report.pieces import Span

ABSENT = {"lost": "site_lost", "stopped": "site_stopped"}
WITHOUT_ROWS = {"off": "room_off", "starting": "room_off", "stopping": "room_off", "fault": "power_fault"}


class Event(NamedTuple):
    """A row of ``history/event``; ``at_s`` is seconds since 1970."""

    at_s: float
    kind: str
    severity: str
    by: str | None
    detail: dict[str, Any]


class Stretch(NamedTuple):
    """A time of which the count is not known, and the word why; seconds since 1970."""

    from_s: float
    to_s: float
    reason: str


class Blind(NamedTuple):
    """Within which time, of windows, the picture showed nothing, why, and for how long of it."""

    from_s: float
    to_s: float
    reason: str
    took_s: float


def absences(presence: Iterable[Presence], to_s: float) -> list[Stretch]:
    """When the site was not connected, until ``to_s`` at most. ``presence`` is of one site, by time."""
    return _states(((each.at_s, ABSENT.get(each.state)) for each in presence), to_s)


def without_power(events: Iterable[Event], to_s: float) -> list[Stretch]:
    """When the room was not on, so that it made no rows. ``events`` are of one site, by time."""
    said = [(each.at_s, str(each.detail.get("state"))) for each in events if each.kind == "power.changed"]
    if said and said[0][1] == "starting":  # what comes up was off
        said.insert(0, (0.0, "off"))
    return _states(((at_s, WITHOUT_ROWS.get(state)) for at_s, state in said), to_s)


def explained(spans: Iterable[Span], absent: Sequence[Stretch], unpowered: Sequence[Stretch]) -> list[Stretch]:
    """Times without a row, cut by what explains them: that the site was away comes before that its room was off."""
    found = []
    for from_s, to_s in spans:
        inner = {edge for each in (*absent, *unpowered) for edge in each[:2] if from_s < edge < to_s}
        edges = sorted({from_s, to_s, *inner})
        for begins_s, ends_s in pairwise(edges):
            why = _reason(absent, begins_s) or _reason(unpowered, begins_s) or "no_rows"
            found.append(Stretch(begins_s, ends_s, why))
    return found


def joined(stretches: Iterable[Stretch], within_s: float) -> list[Stretch]:
    """By time, and those of one reason that come within ``within_s`` of each other as one."""
    found: list[Stretch] = []
    for each in sorted(stretches):
        last = found[-1] if found else None
        if last is not None and last.reason == each.reason and each.from_s - last.to_s <= within_s:
            found[-1] = last._replace(to_s=max(last.to_s, each.to_s))
        else:
            found.append(each)
    return found


def _states(changes: Iterable[tuple[float, str | None]], to_s: float) -> list[Stretch]:
    """The times of a state that has a reason."""
    found: list[Stretch] = []
    since_s, reason = 0.0, None
    for at_s, new in changes:
        if new == reason:
            continue
        if reason is not None and at_s > since_s:
            found.append(Stretch(since_s, min(at_s, to_s), reason))
        since_s, reason = at_s, new
    if reason is not None and since_s < to_s:
        found.append(Stretch(since_s, to_s, reason))
    return found


def _reason(stretches: Sequence[Stretch], at_s: float) -> str | None:
    return next((each.reason for each in stretches if each.from_s <= at_s < each.to_s), None)
