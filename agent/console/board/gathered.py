"""A conference as a page shows it: as the sites hold it now, else as the database remembers it; and who leads. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from agent.console.board.tile import Tile
from agent.console.conference_plan import Phase
from agent.console.recorder_conferences import Held, Summons
from agent.console.report.attendance import ends_s
from agent.core.contract import Conference

State = Phase | Literal["off"]
ORDER: tuple[State, ...] = ("live", "next", "over", "off")


@dataclass(frozen=True, slots=True)
class Gathered:
    """One conference.

    Args:
        held: What sites hold of it now: whom its changes are told.
        lacking: What sites should hold by the database, which hold nothing: the broker may have lost what it had.
        ends: When it is over for each site, seconds since 1970.
    """

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    summoned: Mapping[str, int | None]
    roll_calls: tuple[datetime, ...] = ()
    held: Mapping[str, Conference] = field(default_factory=dict)
    is_off: bool = False
    lacking: Mapping[str, Conference] = field(default_factory=dict)
    ends: Mapping[str, float] = field(default_factory=dict)

    def state(self, now: datetime) -> State:
        """Whether it is to come, goes on, is over, or was called off."""
        if self.is_off:
            return "off"
        if now < self.starts_at:
            return "next"
        return "live" if now < self.ends_at else "over"

    @property
    def people(self) -> int:
        """How many are summoned in all."""
        return sum(each or 0 for each in self.summoned.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list of conferences."""

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    sites: int
    state: State


def of_id(
    held: Mapping[str, Conference], id_: str, known: Sequence[Summons], is_cleared: bool = False
) -> Gathered | None:
    """One conference; None: nobody has heard of it. Where the sites hold it, they are right. ``is_cleared``: it was
    taken back just now, which the database need not know yet.
    """
    holding = {site: told for site, told in held.items() if told.id == id_}
    there = [each for each in known if each.cleared_s is None and each.site not in held and not is_cleared]
    lacking = {each.site: _told(each, next(iter(holding.values()), None)) for each in there}
    ends = {each.site: ends_s(each) for each in known}
    before = {each.site: each.summoned for each in known if not each.is_off and each.site not in holding}
    if holding:
        first = next(iter(holding.values()))
        calls = {moment for told in holding.values() for moment in told.roll_calls}
        summoned = {site: told.summoned for site, told in holding.items()}
        # Of one that has begun, sites that hold another one by now were summoned all the same.
        summoned = {**before, **summoned}
        ends |= {site: told.ends_at.timestamp() for site, told in holding.items()}
        return Gathered(
            id_, first.title, first.starts_at, first.ends_at, summoned, tuple(sorted(calls)), holding,
            lacking=lacking, ends=ends,
        )  # fmt: skip
    if not known:
        return None
    those = [each for each in known if not each.is_off] or known
    newest = max(those, key=lambda each: each.received_s)
    over_s = max(ends_s(each) for each in those)
    moments = {call for each in those for call in each.roll_calls}
    return Gathered(
        id_,
        newest.title,
        _moment(newest.starts_at_s),
        _moment(over_s if before else newest.ends_at_s),
        before,
        tuple(_moment(call) for call in sorted(moments)),
        is_off=not before,
        lacking=lacking,
        ends=ends,
    )


def entries(held: Mapping[str, Conference], known: Sequence[Held], now: datetime) -> list[Entry]:
    """All conferences: those that are live, those to come, the others, the newest first."""
    made = {
        each.id: Gathered(each.id, each.title, _moment(each.starts_at_s), _moment(each.ends_at_s), {}) for each in known
    }
    sites = {each.id: each.sites for each in known}
    for id_ in {told.id for told in held.values()}:
        if (one := of_id(held, id_, ())) is not None:
            made[id_], sites[id_] = one, max(sites.get(id_, 0), len(one.held))
    found = [
        Entry(each.id, each.title, each.starts_at, each.ends_at, sites[each.id], each.state(now))
        for each in made.values()
    ]
    return sorted(found, key=lambda each: (ORDER.index(each.state), -each.starts_at.timestamp(), each.id))


def ranking(summoned: Mapping[str, int | None], tiles: Mapping[str, Tile]) -> list[Tile]:
    """The sites that were summoned: by their rate, then those without one, those whose number is not known at last."""
    there = [tiles[site] for site in summoned if site in tiles]
    return sorted(there, key=lambda each: (each.present is None, each.rate is None, -(each.rate or 0.0), each.name))


def _told(summons: Summons, others: Conference | None) -> Conference:
    """The message again: as others hold it, else as the database remembers it."""
    if others is not None:
        return others.model_copy(update={"summoned": summons.summoned})
    calls = tuple(_moment(call) for call in summons.roll_calls)
    return Conference(
        id=summons.conference, title=summons.title, summoned=summons.summoned, roll_calls=calls, lock=summons.lock,
        starts_at=_moment(summons.starts_at_s), ends_at=_moment(summons.ends_at_s),
        power_on_minutes=summons.power_on_minutes,
    )  # fmt: skip


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
