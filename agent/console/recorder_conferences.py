"""Who was summoned to what, what the sites are called, and when they were there: what a report needs beside the rows.

Whoever holds a conference only tells the sites (``conference``, retained); it is written down here as the sites were
told it, so that there is one truth. All of it may come twice, with each connection and by way of each recorder.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from agent.console.recorder_tables import PRESENCE, SITE_NAME, SUMMONS
from agent.core.contract import SEQ_MAX, About, Conference, Status, decode

TIMEZONE_MAX = 64
LOOK_FOR = 500  # sites in one question
# What a site holds takes the place of another one that is not over: called off, or from now on without this site.
DISPLACED = (
    SUMMONS.update()
    .where(SUMMONS.c.site == bindparam("of"), SUMMONS.c.conference != bindparam("now"))
    .where(SUMMONS.c.ends_at_s > bindparam("now_s"), SUMMONS.c.cleared_s.is_(None))
    .values(cleared_s=bindparam("now_s"))
)
TAKEN_BACK = (
    SUMMONS.update()
    .where(SUMMONS.c.site == bindparam("of"), SUMMONS.c.cleared_s.is_(None))
    .where(SUMMONS.c.ends_at_s > bindparam("now_s"))
    .values(cleared_s=bindparam("now_s"))
)


@dataclass(frozen=True, slots=True)
class Summons:
    """What one site was told of one conference, the newest. Times are seconds since 1970.

    ``cleared_s``: when it was taken back; before ``starts_at_s`` it was called off for this site.
    """

    site: str
    conference: str
    title: str
    starts_at_s: float
    ends_at_s: float
    summoned: int | None
    roll_calls: tuple[float, ...]
    received_s: float
    cleared_s: float | None = None
    lock: bool = False
    power_on_minutes: float | None = None

    @property
    def is_off(self) -> bool:
        """Called off for this site."""
        return self.cleared_s is not None and self.cleared_s < self.starts_at_s


@dataclass(frozen=True, slots=True)
class SiteName:
    """What a site last said of itself; ``path`` is its place in the hierarchy, the highest first."""

    site: str
    name: str
    path: tuple[str, ...]
    timezone: str
    said_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Presence:
    """A change of a site's ``status``: ``running``, ``stopped`` or ``lost``, and since when (seconds since 1970).

    ``session`` is one run of the agent; ``connection`` grows within it, and begins at one again on a new disk.
    """

    site: str
    at_s: float
    state: str
    connection: int
    boot_id: str
    session: str


@dataclass(frozen=True, slots=True)
class Held:
    """A conference, and for how many sites it was not called off. Times are seconds since 1970."""

    id: str
    title: str
    starts_at_s: float
    ends_at_s: float
    sites: int


def summons_in(site: str, raw: bytes, now_s: float) -> Summons | None:
    """A message on ``conference``; None: one that the site cannot read either."""
    try:
        told = decode(Conference, raw)
    except ValueError:
        return None
    times = (told.starts_at.timestamp(), told.ends_at.timestamp())
    calls = tuple(sorted({each.timestamp() for each in told.roll_calls}))
    return Summons(
        site, _kept(told.id), _kept(told.title), *times, told.summoned, calls, now_s,
        lock=told.lock, power_on_minutes=told.power_on_minutes,
    )  # fmt: skip


def name_in(site: str, raw: bytes) -> SiteName | None:
    """A message on ``about``; None: it cannot be read."""
    try:
        said = decode(About, raw)
    except ValueError:
        return None
    path = tuple(_kept(each) for each in said.path)
    return SiteName(site, _kept(said.name), path, _kept(said.timezone)[:TIMEZONE_MAX], said.at.timestamp())


def presence_in(site: str, raw: bytes, now_s: float) -> Presence | None:
    """A message on ``status``; None: it cannot be read.

    A will was written when the connection began, so its time is now; so is that of a site whose clock nobody set.
    """
    try:
        said = decode(Status, raw)
    except ValueError:
        return None
    if said.connection > SEQ_MAX:
        return None
    is_dated = said.state != "lost" and said.clock == "synced"
    at_s = min(said.at.timestamp(), now_s) if is_dated else now_s
    return Presence(site, at_s, said.state, said.connection, _kept(said.boot_id), _kept(said.session))


def _kept(text: str) -> str:
    return text.replace("\0", "")  # PostgreSQL takes none


class ConferenceLog:
    """Conferences, names and presence in the centre's database. Thread: one at a time (an engine of its own: any).

    Raises:
        sqlalchemy.exc.SQLAlchemyError: Of every method; nothing is written then.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite

    def keep_summons(self, told: Sequence[Summons]) -> None:
        """Write them in one transaction, in this order. A site has one conference: another one that has not begun is
        called off for it, and one that goes on ends for it.
        """
        if not told:
            return
        values = [asdict(each) | {"roll_calls": json.dumps(each.roll_calls)} for each in told]
        newest = {each.site: each for each in told}.values()
        holds = [{"of": each.site, "now": each.conference, "now_s": each.received_s} for each in newest]
        with self._engine.begin() as db:
            db.execute(self._upsert(SUMMONS, ("site", "conference"), unless_only="received_s"), values)
            db.execute(DISPLACED, holds)

    def cleared(self, site: str, now_s: float) -> None:
        """The site's conference was taken back; of one that is over nothing changes."""
        self.keep_cleared([(site, now_s)])

    def keep_cleared(self, taken_back: Sequence[tuple[str, float]]) -> None:
        """The same of many sites, each with its time, in one transaction."""
        if taken_back:
            with self._engine.begin() as db:
                db.execute(TAKEN_BACK, [{"of": site, "now_s": now_s} for site, now_s in taken_back])

    def keep_names(self, said: Sequence[SiteName]) -> None:
        """Write what sites say of themselves."""
        values = [asdict(each) | {"path": json.dumps(each.path, ensure_ascii=False)} for each in said]
        if values:
            with self._engine.begin() as db:
                db.execute(self._upsert(SITE_NAME, ("site",), unless_only="said_at_s"), values)

    def keep_presence(self, heard: Sequence[Presence]) -> None:
        """Write changes, in the order in which they were heard; what is there stays as it was heard first."""
        if not heard:
            return
        new = self._dialect.insert(PRESENCE).on_conflict_do_nothing()
        with self._engine.begin() as db:
            for is_lost, group in groupby(heard, lambda each: each.state == "lost"):
                values = [asdict(each) for each in group if not (is_lost and _is_old_will(db, each))]
                if values:
                    db.execute(new, values)

    def conferences(self) -> list[Held]:
        """All that were not called off for every site, the newest first. Where sites were told different times: the
        earliest and the latest.
        """
        c = SUMMONS.c
        columns = (c.conference, func.max(c.title), func.min(c.starts_at_s), func.max(c.ends_at_s), func.count())
        is_on = or_(c.cleared_s.is_(None), c.cleared_s >= c.starts_at_s)
        asked = select(*columns).where(is_on).group_by(c.conference)
        with self._engine.connect() as db:
            found = [Held(*each) for each in db.execute(asked)]
        return sorted(found, key=lambda each: (-each.starts_at_s, each.id))

    def summons(self, conference: str) -> list[Summons]:
        """What each site was told of one conference, by site; those that it was called off for are there too."""
        return self._summons(SUMMONS.c.conference == conference)

    def not_cleared(self) -> list[Summons]:
        """Every summons that was not taken back, also of what is over."""
        return self._summons(SUMMONS.c.cleared_s.is_(None))

    def _summons(self, which: ColumnElement[bool]) -> list[Summons]:
        asked = select(SUMMONS).where(which).order_by(SUMMONS.c.site)
        with self._engine.connect() as db:
            return [
                Summons(**{**each, "roll_calls": tuple(json.loads(each["roll_calls"]))})
                for each in db.execute(asked).mappings()
            ]

    def names(self) -> dict[str, SiteName]:
        """Every site that has ever said what it is called."""
        with self._engine.connect() as db:
            found = db.execute(select(SITE_NAME)).mappings().all()
        return {each["site"]: SiteName(**{**each, "path": tuple(json.loads(each["path"]))}) for each in found}

    def presence(self, sites: Iterable[str], from_s: float, to_s: float) -> list[Presence]:
        """The changes within [from_s, to_s), by site and time, and before them the last one of each site until then."""
        wanted = sorted(set(sites))
        with self._engine.connect() as db:
            return [
                Presence(**each)
                for first in range(0, len(wanted), LOOK_FOR)
                for each in db.execute(_presence(wanted[first : first + LOOK_FOR], from_s, to_s)).mappings()
            ]

    def _upsert(self, table: Table, key: tuple[str, ...], unless_only: str) -> Any:
        """What is written last wins; a row of which only this column would be another one is left as it is."""
        insert = self._dialect.insert(table)
        changing = [each.name for each in table.columns if each.name not in key]
        differs = [table.c[name].is_distinct_from(insert.excluded[name]) for name in changing if name != unless_only]
        new = {name: insert.excluded[name] for name in changing}
        return insert.on_conflict_do_update(index_elements=list(key), set_=new, where=or_(*differs))


def _is_old_will(db: Connection, heard: Presence) -> bool:
    """Whether a ``lost`` was published after the site was back already: on a later connection of that session, or in
    another session, as after a restart or with another box.
    """
    c, mine = PRESENCE.c, (PRESENCE.c.site == heard.site, PRESENCE.c.session == heard.session)
    connection, last_s = db.execute(select(func.max(c.connection), func.max(c.at_s)).where(*mine)).one()
    if connection is None:
        return False
    later = (c.site == heard.site, c.at_s > last_s, c.session != heard.session, c.state == "running")
    return heard.connection < connection or db.execute(select(c.at_s).where(*later).limit(1)).first() is not None


def _presence(sites: Sequence[str], from_s: float, to_s: float) -> Select[Any]:
    c = PRESENCE.c
    mine = c.site.in_(sites)
    before = (
        select(c.site, func.max(c.at_s).label("last_s")).where(mine, c.at_s < from_s).group_by(c.site).subquery()
    )  # fmt: skip
    is_within = and_(c.at_s >= from_s, c.at_s < to_s)
    return (
        select(PRESENCE)
        .outerjoin(before, before.c.site == c.site)
        .where(mine, or_(is_within, c.at_s == before.c.last_s))
        .order_by(c.site, c.at_s, c.connection)
    )
