"""What the board shows of one site. Pure."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.console.board.deaf import heard
from agent.console.board.issues import Acknowledged as Acknowledged
from agent.console.board.issues import Acks, is_live
from agent.console.board.issues import Issue as Issue
from agent.console.board.issues import issues as all_issues
from agent.console.sites import SiteView, age_s, plain
from agent.console.trouble import STALE_AFTER_S, Trouble, believed, gone, last_heard, likely, pair
from agent.console.trouble import WORST_FIRST as WORST_FIRST
from agent.console.trouble import State as State
from agent.console.trouble import Words as Words
from agent.console.words import REASON
from agent.core.contract import Conference

LONGEST_NAME = 200  # the contract's
DEEPEST = 8  # levels of the hierarchy
NO_RATE = 9.0  # sorts behind all rates
UNSEEN = -1.0
GATHER = timedelta(hours=1)  # people come before a conference begins


@dataclass(frozen=True, slots=True)
class Tile:
    """One site.

    Args:
        present: None: not known, and ``why_unknown`` says why; never a number that is old.
        is_rough: The number may be off (still settling, say), and ``rough`` says why.
        counted_at: When the newest number was counted, which may be too old to be shown as ``present``.
        last_heard: When the site last said something. A tile is not another one for these two alone: else every tile
            would be, with every message.
        trend: The last hour, a value a minute, the oldest first; None: not known then.
        issues: The worst first.
        summoned: Of the conference that is on or begins within the hour; ``rate`` and ``conference`` too.
        order: Sorts the tiles, the worst first.
    """

    site: str
    name: str
    path: tuple[str, ...]
    state: State
    present: int | None
    why_unknown: Words | None
    summoned: int | None
    rate: float | None
    power: str | None
    issues: tuple[Issue, ...]
    trend: tuple[int | None, ...]
    order: tuple[int, float, str]
    is_rough: bool = False
    rough: Words | None = None
    counted_at: datetime | None = field(default=None, compare=False)
    last_heard: datetime | None = field(default=None, compare=False)
    conference: str | None = None
    truth: int | None = None

    @property
    def above(self) -> tuple[str, ...]:
        """The path without the site itself, where its name says that: *Xã Tân Hòa* is in *Hải Dương*."""
        name = f" {sortable(self.name)}"
        return self.path[:-1] if self.path and name.endswith(f" {sortable(self.path[-1])}") else self.path


Trend = tuple[int | None, ...]


def tile(
    view: SiteView, now: datetime, trend: Trend = (), acks: Acks | None = None, deaf: Trouble | None = None
) -> Tile:
    """The tile of a site.

    Args:
        view: What is known of it.
        now: UTC.
        trend: See ``Tile``.
        acks: Acknowledgements of its issues, by key.
        deaf: Why we may not have heard it, see ``deafness``.
    """
    found = all_issues(view, now, acks, deaf)
    count = believed(view, now)
    present = None if count is None else count.value
    summoned = _summoned(view, now)
    rate = present / summoned if present is not None and summoned else None
    state = found[0].state if found and not found[0].is_minor else "ready"
    rough = None if count is None or count.state == "ok" else pair(REASON, plain(count.reason or "degraded"))
    name = plain(view.about.name, LONGEST_NAME) if view.about and view.about.name.strip() else view.site
    return Tile(
        site=view.site,
        name=name,
        path=path_of(view),
        state=state,
        present=present,
        why_unknown=None if count is not None else why_unknown(view, now, deaf),
        summoned=summoned,
        rate=rate,
        power=None if view.power is None or view.presence != "running" else view.power.state,
        issues=found,
        trend=trend,
        order=(_rank(state, found), _by_rate(rate, is_live(view, now)), f"{sortable(name)} {view.site}"),
        is_rough=rough is not None,
        rough=rough,
        counted_at=None if view.headcount is None or view.headcount.value is None else likely(view.headcount.at, now),
        last_heard=likely(last_heard(view), now),
        conference=_conference(view, now),
        truth=None if view.truth is None else view.truth.people,
    )


def why_unknown(view: SiteView, now: datetime, deaf: Trouble | None = None) -> Words:
    """Why there is no number that can be believed."""
    if (away := gone(view, now)) is not None:
        return heard(away, deaf).sentences
    count, age = view.headcount, age_s(view, now)
    if count is None or age is None:
        return ("chưa báo số người", "no number told yet")
    if age > STALE_AFTER_S:
        if deaf is not None:
            return deaf.sentences
        minutes = int(age // 60)
        return (f"số liệu cũ, {minutes} phút trước", f"stale, {minutes} min old")
    return pair(REASON, plain(count.reason or "unknown"))


def path_of(view: SiteView) -> tuple[str, ...]:
    """Where it belongs in the hierarchy, as it says."""
    said = () if view.about is None else view.about.path[:DEEPEST]
    return tuple(plain(each, LONGEST_NAME) for each in said if each.strip())


def sortable(name: str) -> str:
    """A name for sorting: without accents and case, so that Đ stands by D and Ứ by U."""
    apart = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _summoned(view: SiteView, now: datetime) -> int | None:
    """As the centre has told the site; as the site says where that is not known here."""
    if view.conference is not None:
        return view.conference.summoned if _is_on(view.conference, now) else None
    return None if view.headcount is None else view.headcount.summoned


def _is_on(told: Conference, now: datetime) -> bool:
    """Nobody has to clear it: what is over stays stored, and tomorrow's is none of today's numbers."""
    return told.starts_at - now <= GATHER and now < told.ends_at


def _conference(view: SiteView, now: datetime) -> str | None:
    if view.conference is not None:
        return view.conference.id if _is_on(view.conference, now) else None
    return None if view.headcount is None else view.headcount.conference


def _by_rate(rate: float | None, is_needed: bool) -> float:
    """The lowest rate first; before that the sites of which nobody knows how many are at the conference."""
    if rate is None:
        return UNSEEN if is_needed else NO_RATE
    return rate


def _rank(state: State, found: tuple[Issue, ...]) -> int:
    """The worst state first; within it behind the others where somebody looks after all of that."""
    is_seen = bool(found) and all(each.acknowledged is not None for each in found if each.state == state)
    return 2 * WORST_FIRST.index(state) + int(is_seen)
