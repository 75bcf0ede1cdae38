"""What is the matter with a site, the worst first: for the last column of the live table, and for its order. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.console.sites import SiteView, age_s, plain
from agent.console.words import COMMAND_REASON, EVENT, PRESENCE, REASON, both
from agent.core.contract import Check, FromSite

STALE_AFTER_S = 90.0
WAITS_LONG_S = 600.0  # a minute's rows wait that long only where the line or the centre is away
EVENT_SHOWN = timedelta(minutes=15)
FINE = 9


@dataclass(frozen=True, slots=True)
class Trouble:
    """One finding. ``rank`` 0 is the worst, ``FINE`` none at all; ``style`` is rich's."""

    rank: int
    words: str
    style: str


def troubles(view: SiteView, now: datetime) -> list[Trouble]:
    """All findings, the worst first; at least one. Of a site that is away only that: the rest is old."""
    if view.presence != "running":
        return [_away(view, now)]
    if (silent := _silent(view, now)) is not None:
        return [silent]
    found = [_fault(view), _event(view, now), _missing(view), _stale(view, now), _rows(view), _reason(view)]
    there = sorted((each for each in found if each is not None), key=lambda each: each.rank)
    return there or [Trouble(FINE, "tốt / ok", "green")]


def last_heard(view: SiteView) -> datetime | None:
    """The newest time that the site itself gave, with its clock set; of one that is lost the last sign of life."""
    said: tuple[FromSite | None, ...] = (
        view.status, view.about, view.power, view.headcount, view.readiness, view.health, view.event,
    )  # fmt: skip
    return max((each.at for each in said if each is not None and each.clock == "synced"), default=None)


def needs(view: SiteView) -> tuple[Check, ...]:
    """The checks that the room needs and that are not ok, those that failed first."""
    checks = () if view.readiness is None else view.readiness.checks
    wanted = (each for each in checks if each.required and each.state != "ok")
    return tuple(sorted(wanted, key=lambda each: each.state != "failed"))


def short_time(at: datetime, now: datetime) -> str:
    """Hour and minute of this machine's day, with the day where it is another one."""
    here, today = at.astimezone(), now.astimezone()
    return here.strftime("%H:%M" if here.date() == today.date() else "%d/%m %H:%M")


def duration(seconds: float) -> str:
    """``45 s``, ``12 m``, ``3 h``, ``2 d``: short enough for a column."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _away(view: SiteView, now: datetime) -> Trouble:
    """Since when: a stopped site has said so itself; of a lost one only the last word is known, and it went after."""
    at, words = last_heard(view), both(PRESENCE, view.presence)
    rank = {"lost": 0, "stopped": 3}.get(view.presence, 4)
    if at is not None and view.presence == "lost":
        words += f", sau / after {short_time(at, now)}"
    elif at is not None and view.presence == "stopped":
        words += f", {short_time(at, now)}"
    return Trouble(rank, words, "red")


def _silent(view: SiteView, now: datetime) -> Trouble | None:
    """It is running as far as the broker knows, and says nothing. A broker that lost its power together with the site
    has no will to publish, and one that refuses a site published none: what it has stored says *running* for ever.
    """
    live: tuple[FromSite | None, ...] = (view.power, view.headcount, view.readiness, view.health)
    said = [each for each in live if each is not None]
    newest = max((each.at for each in said), default=None)
    # By a clock that was never set nothing is old.
    if newest is not None and any(each.clock != "synced" for each in said):
        return None
    if newest is not None and (now - newest).total_seconds() <= STALE_AFTER_S:
        return None
    after = last_heard(view)
    return Trouble(0, "im lặng / silent" + ("" if after is None else f", sau / after {short_time(after, now)}"), "red")


def _fault(view: SiteView) -> Trouble | None:
    if view.power is None or view.power.state != "fault":
        return None
    word, _, detail = plain(view.power.reason or "fault").partition(": ")
    return Trouble(1, both(COMMAND_REASON, word) + (f" ({detail})" if detail else ""), "bold red")


def _event(view: SiteView, now: datetime) -> Trouble | None:
    """What no other topic tells, for a while after it happened."""
    event = view.event
    if event is None or event.kind not in EVENT or abs(now - event.at) > EVENT_SHOWN:
        return None
    is_fault = event.severity == "fault"
    words = f"{both(EVENT, event.kind)}, {short_time(event.at, now)}"
    return Trouble(2 if is_fault else 5, words, "bold red" if is_fault else "yellow")


def _missing(view: SiteView) -> Trouble | None:
    """The first thing that the room needs and has not; that its power is off the table says elsewhere."""
    failed = [each for each in needs(view) if each.state == "failed" and each.group != "power"]
    if not failed:
        return None
    more = f" (+{len(failed) - 1})" if len(failed) > 1 else ""
    return Trouble(3, f"{plain(failed[0].name)}: {both(REASON, plain(failed[0].reason or 'failed'))}{more}", "red")


def _stale(view: SiteView, now: datetime) -> Trouble | None:
    age = age_s(view, now)
    if age is None or age <= STALE_AFTER_S:
        return None
    return Trouble(2, f"số liệu cũ / stale, {age:.0f} s", "yellow")


def _rows(view: SiteView) -> Trouble | None:
    health = view.health
    if health is None:
        return None
    if health.rows_lost:
        return Trouble(5, f"mất {health.rows_lost} dòng / {health.rows_lost} rows lost", "red")
    if (health.outbox_oldest_s or 0) > WAITS_LONG_S:
        return Trouble(6, "lịch sử chưa tới trung tâm / rows wait", "yellow")
    return None


def _reason(view: SiteView) -> Trouble | None:
    reason = view.headcount.reason if view.headcount else None
    if reason is None:
        return None
    return Trouble(8 if reason == "room_off" else 7, both(REASON, plain(reason)), "yellow")
