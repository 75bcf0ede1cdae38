"""Who was summoned to what, what the sites are called, and when they were there: what a report needs beside the rows.

Whoever holds a conference only tells the sites (``conference``, retained); it is written down here as the sites were
told it, so that there is one truth. All of it may come twice, with each connection and by way of each recorder.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from agent.console.recorder_tables import PRESENCE, SITE_NAME, SUMMONS
from agent.core.contract import SEQ_MAX, About, Conference, Status, decode

TIMEZONE_MAX = 64
# What a site holds takes the place of another one that has not begun.
DISPLACED = (
    SUMMONS.update()
    .where(SUMMONS.c.site == bindparam("of"), SUMMONS.c.conference != bindparam("now"))
    .where(SUMMONS.c.starts_at_s > bindparam("now_s"), SUMMONS.c.cleared_s.is_(None))
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
    """A change of a site's ``status``: ``running``, ``stopped`` or ``lost``, and since when (seconds since 1970)."""

    site: str
    at_s: float
    state: str
    connection: int
    boot_id: str


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
    return Summons(site, _kept(told.id), _kept(told.title), *times, told.summoned, calls, now_s)


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
    return Presence(site, at_s, said.state, said.connection, _kept(said.boot_id))


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
        called off for it.
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
        with self._engine.begin() as db:
            mine = (SUMMONS.c.site == site, SUMMONS.c.cleared_s.is_(None), SUMMONS.c.ends_at_s > now_s)
            db.execute(SUMMONS.update().where(*mine).values(cleared_s=now_s))

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
        with self._engine.begin() as db:
            values = [asdict(each) for each in _without_old_wills(heard, self._newest(db, heard))]
            if values:
                db.execute(self._dialect.insert(PRESENCE).on_conflict_do_nothing(), values)

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
        asked = select(SUMMONS).where(SUMMONS.c.conference == conference).order_by(SUMMONS.c.site)
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
        c, wanted = PRESENCE.c, sorted(set(sites))
        before = select(c.site, func.max(c.at_s).label("last_s")).where(c.at_s < from_s).group_by(c.site).subquery()
        is_within = and_(c.at_s >= from_s, c.at_s < to_s)
        asked = (
            select(PRESENCE)
            .outerjoin(before, before.c.site == c.site)
            .where(c.site.in_(wanted), or_(is_within, c.at_s == before.c.last_s))
            .order_by(c.site, c.at_s, c.connection)
        )
        with self._engine.connect() as db:
            return [Presence(**each) for each in db.execute(asked).mappings()]

    def _newest(self, db: Connection, heard: Sequence[Presence]) -> dict[str, int]:
        """The highest connection known of each site that is said to be lost."""
        lost = {each.site for each in heard if each.state == "lost"}
        asked = select(PRESENCE.c.site, func.max(PRESENCE.c.connection).label("newest")).where(
            PRESENCE.c.site.in_(lost)
        )
        return {each.site: each.newest for each in db.execute(asked.group_by(PRESENCE.c.site))} if lost else {}

    def _upsert(self, table: Table, key: tuple[str, ...], unless_only: str) -> Any:
        """The newer one wins; a row of which only this column would be another one is left as it is."""
        insert = self._dialect.insert(table)
        changing = [each.name for each in table.columns if each.name not in key]
        differs = [table.c[name].is_distinct_from(insert.excluded[name]) for name in changing if name != unless_only]
        new = {name: insert.excluded[name] for name in changing}
        return insert.on_conflict_do_update(index_elements=list(key), set_=new, where=or_(*differs))


def _without_old_wills(heard: Sequence[Presence], newest: dict[str, int]) -> list[Presence]:
    """But for a ``lost`` of an earlier connection, published after the site was back already."""
    kept = []
    for each in heard:
        if each.state != "lost" or each.connection >= newest.get(each.site, 0):
            kept.append(each)
            newest[each.site] = max(each.connection, newest.get(each.site, 0))
    return kept
