"""What is the matter with a site: for the last column of the live table and its order, and for the board. Pure.

The table has room for two lines of a site and puts things together; the board shows each by itself, with what to do.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from agent.console.sites import SiteView, age_s, plain
from agent.console.what_to_do import FAULT, IN_BOTH, RELAY, ROWS_LOST, ROWS_WAIT, STALE, THERE, event_advice
from agent.console.words import COMMAND_REASON, EVENT, PRESENCE, REASON
from agent.core.contract import Check, FromSite, Headcount, HistoryEvent

STALE_AFTER_S = 90.0
WAITS_LONG_S = 600.0  # a minute's rows wait that long only where the line or the centre is away
EVENT_SHOWN = timedelta(minutes=15)
AT_LEAST = datetime(2012, 1, 1, tzinfo=UTC)  # a clock that was never set says 1970
FINE = 9
ROOM = "room.power"  # the check that tells of the room's power
MANY = 10**9  # more digits than that are nothing to read

State = Literal["offline", "fault", "warning", "unknown", "ready"]
WORST_FIRST: tuple[State, ...] = ("offline", "fault", "warning", "unknown", "ready")
Words = tuple[str, str]  # Vietnamese and English
NOTHING: Words = ("", "")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One finding.

    Args:
        rank: For the table: 0 is the worst, ``FINE`` none at all.
        words: What is wrong, in both languages.
        style: rich's.
        key: Names it for as long as it lasts.
        state: How bad it is for the site.
        place: What it is about, before the words: a check's name.
        detail: What belongs to the words, the same in both languages.
        note: What only the table adds.
        advice: What to do.
        since: None: not known.
        reason: The contract's word, where it has one.
        is_minor: Nobody has to do anything about it before a conference: a box that is hot, or whose clock nobody set.
    """

    rank: int
    words: Words
    style: str
    key: str = ""
    state: State = "warning"
    place: str = ""
    detail: str = ""
    note: str = ""
    advice: Words = NOTHING
    since: datetime | None = None
    reason: str | None = None
    is_minor: bool = False

    @property
    def text(self) -> str:
        """One line for the table, Vietnamese first."""
        vietnamese, english = self.words
        before = f"{self.place}: " if self.place else ""
        return before + (f"{vietnamese} / {english}" if english else vietnamese) + self.detail + self.note

    @property
    def sentences(self) -> Words:
        """The same for each language by itself, without the note."""
        before = f"{self.place}: " if self.place else ""
        vietnamese, english = (f"{before}{word}{self.detail}" if word else "" for word in self.words)
        return vietnamese, english


def troubles(view: SiteView, now: datetime) -> list[Trouble]:
    """What the table says, the worst first; at least one. Of a site that is away only that: the rest is old."""
    if (away := gone(view, now)) is not None:
        return [away]
    found = [*lasting(view, now), *_missing(view), *_counting(view)]
    return sorted(found, key=lambda each: each.rank) or [Trouble(FINE, ("tốt", "ok"), "green")]


def lasting(view: SiteView, now: datetime) -> list[Trouble]:
    """What is wrong with a site that is there, beside its checks and its count."""
    found = [_fault(view), *_events(view, now), _stale(view, now), _rows(view)]
    return [each for each in found if each is not None]


def gone(view: SiteView, now: datetime) -> Trouble | None:
    """That it is not there, or says nothing; None: it is."""
    return _away(view, now) if view.presence != "running" else _silent(view, now)


def unfit(check: Check) -> Trouble:
    """A check that is not ok. What a box cannot do itself is worse than a device that can be plugged in."""
    reason = plain(check.reason or check.state)
    is_broken = check.state == "failed" and check.name.startswith("box.")
    name = plain(check.name)
    return Trouble(
        rank=3,
        words=pair(REASON, reason),
        style="red",
        key=f"check:{name}:{reason}",
        state="fault" if is_broken else "unknown" if check.state == "unknown" else "warning",
        place=name,
        advice=IN_BOTH.get(check.advice or "", (plain(check.advice or "", 400), "")),
        since=check.since,
        reason=check.reason,
        is_minor=not check.required and check.state != "failed",
    )


def uncounted(count: Headcount) -> Trouble | None:
    """Why the headcount is none, or in doubt; None: it is neither."""
    if count.reason is None:
        return None
    reason = plain(count.reason)
    key, since = f"count:{reason}", None
    rank = 8 if reason == "room_off" else 7
    return Trouble(rank, pair(REASON, reason), "yellow", key, since=since, reason=reason)


def believed(view: SiteView, now: datetime) -> Headcount | None:
    """The headcount that can be shown as a number: of a site that is there, known, and not too old."""
    count, age = view.headcount, age_s(view, now)
    if count is None or count.value is None or view.presence != "running" or age is None or age > STALE_AFTER_S:
        return None
    return count


def likely(at: datetime | None, now: datetime) -> datetime | None:
    """A site's time, where it can be true: from a clock that was set, and not from after tomorrow."""
    return at if at is not None and AT_LEAST <= at <= now + timedelta(days=1) else None


def pair(words: dict[str, Words], word: str) -> Words:
    """A word in both languages; as it came where nobody has translated it."""
    return words.get(word, (word, ""))


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
    try:
        here, today = at.astimezone(), now.astimezone()
    except (OverflowError, ValueError):  # a site may say the last second of the year 9999
        here, today = at, now
    return here.strftime("%H:%M" if here.date() == today.date() else "%d/%m %H:%M")


def duration(seconds: float) -> str:
    """``45 s``, ``12 m``, ``3 h``, ``2 d``: short enough for a column."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _away(view: SiteView, now: datetime) -> Trouble:
    """Since when: a stopped site has said so itself; of a lost one only the last word is known, and it went after."""
    at, presence, note = last_heard(view), view.presence, ""
    if at is not None and presence == "lost":
        note = f", sau / after {short_time(at, now)}"
    elif at is not None and presence == "stopped":
        note = f", {short_time(at, now)}"
    rank = {"lost": 0, "stopped": 3}.get(presence, 4)
    state: State = "unknown" if presence == "unknown" else "offline"
    since = at or view.status_since  # of a clock that nobody set nothing is to be had
    return Trouble(rank, PRESENCE[presence], "red", presence, state, note=note, advice=THERE[presence], since=since)


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
    if view.status is not None and view.status.clock == "synced":  # one that has just come has said nothing else yet
        newest = max(newest or view.status.at, view.status.at)
    if newest is not None and (now - newest).total_seconds() <= STALE_AFTER_S:
        return None
    at = last_heard(view)
    note = "" if at is None else f", sau / after {short_time(at, now)}"
    return Trouble(0, ("im lặng", "silent"), "red", "silent", "offline", note=note, advice=THERE["silent"], since=at)


def _fault(view: SiteView) -> Trouble | None:
    power = view.power
    if power is None or power.state != "fault":
        return None
    word, _, rest = plain(power.reason or "fault").partition(": ")
    return Trouble(
        1,
        pair(COMMAND_REASON, word),
        "bold red",
        key=f"power:{word}",
        state="fault",
        detail=f" ({rest})" if rest else "",
        advice=RELAY.get(word, FAULT),
        since=_fault_since(view, word),
        reason=word,
    )


def _fault_since(view: SiteView, reason: str) -> datetime | None:
    """As the check of the same says; where there is none, when we saw it begin."""
    checks = () if view.readiness is None else view.readiness.checks
    told = (each.since for each in checks if each.name == ROOM and plain(each.reason or "") == reason)
    return next(told, view.power_since)


def _events(view: SiteView, now: datetime) -> list[Trouble]:
    """What no other topic tells, for a while after it happened; the newest first."""
    newest_first = reversed(view.events)
    return [_event(each, now) for each in newest_first if each.kind in EVENT and abs(now - each.at) <= EVENT_SHOWN]


def _event(event: HistoryEvent, now: datetime) -> Trouble:
    is_fault = event.severity == "fault"
    rank, style = (2, "bold red") if is_fault else (5, "yellow")
    return Trouble(
        rank,
        EVENT[event.kind],
        style,
        key=f"event:{event.kind}",
        state="fault" if is_fault else "warning",
        note=f", {short_time(event.at, now)}",
        advice=event_advice(event.kind),
        since=event.at,
    )


def _missing(view: SiteView) -> list[Trouble]:
    """The first thing that the room needs and has not; that its power is off the table says elsewhere."""
    failed = [each for each in needs(view) if each.state == "failed" and each.group != "power"]
    more = f" (+{len(failed) - 1})" if len(failed) > 1 else ""
    return [replace(unfit(each), note=more) for each in failed[:1]]


def _stale(view: SiteView, now: datetime) -> Trouble | None:
    age, count = age_s(view, now), view.headcount
    if age is None or count is None or age <= STALE_AFTER_S:
        return None
    words, note = ("số liệu cũ", "stale"), f", {age:.0f} s"
    return Trouble(2, words, "yellow", "stale", note=note, advice=STALE, since=count.at)


def _rows(view: SiteView) -> Trouble | None:
    health = view.health
    if health is None:
        return None
    if (lost := min(health.rows_lost or 0, MANY)) > 0:
        words = (f"mất {lost} dòng", f"{lost} rows lost")
        return Trouble(5, words, "red", f"rows_lost:{lost}", advice=ROWS_LOST)
    if (health.outbox_oldest_s or 0) > WAITS_LONG_S:
        return Trouble(6, ("lịch sử chưa tới trung tâm", "rows wait"), "yellow", "rows_wait", advice=ROWS_WAIT)
    return None


def _counting(view: SiteView) -> list[Trouble]:
    found = None if view.headcount is None else uncounted(view.headcount)
    return [] if found is None else [found]
