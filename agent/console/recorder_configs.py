"""Who changed which room's config: each ``config/desired`` as it was published, and the site's own events about it.

A push is known by its site and id: the broker gives a retained one again at each connection, and the desk publishes it
twice (for good, once it is applied), and it is there once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from agent.console.recorder_tables import PUSH, ROW
from agent.core.config_document import digest, open_envelope

EVENTS = ("config.applied", "config.rejected", "config.rolled_back")


@dataclass(frozen=True, slots=True)
class Pushed:
    """One push. Times are seconds since 1970; ``document`` is the config as JSON."""

    site: str
    id: str
    revision: int
    base: int | None
    issued_by: str
    issued_at_s: float
    digest: str
    document: str
    received_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a site said of a change of its config. ``detail`` as in ``history/event``."""

    site: str
    at_s: float
    kind: str
    by: str | None
    detail: dict[str, Any]


def pushed(site: str, raw: bytes, now_s: float) -> Pushed | None:
    """A message on ``config/desired``; None: an empty one, or one that no site could read either."""
    found = open_envelope(raw).desired if raw else None
    if found is None:
        return None
    document = json.dumps(found.config, ensure_ascii=False)
    issued_at_s = found.issued_at.timestamp()
    about = (site, found.id, found.revision, found.base_revision, found.issued_by, issued_at_s)
    return Pushed(*about, digest(found.config), document, now_s)


class ConfigLog:
    """The pushes in the centre's database. Thread: as the store's.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: Of every method; nothing is written then.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite

    def keep(self, pushes: Sequence[Pushed]) -> None:
        """Write them in one transaction; those that are there already are passed over."""
        values = [{name: getattr(each, name) for name in Pushed.__slots__} for each in pushes]
        if values:
            with self._engine.begin() as db:
                db.execute(self._dialect.insert(PUSH).on_conflict_do_nothing(), values)

    def sites(self) -> list[str]:
        """Sites that were ever pushed to, or have said that their config changed."""
        told = select(ROW.c.site).where(ROW.c.kind.in_(EVENTS))
        with self._engine.connect() as db:
            return sorted({site for (site,) in db.execute(select(PUSH.c.site).union(told))})

    def pushes(self, site: str) -> list[Pushed]:
        """All pushes to a site, the oldest first."""
        asked = select(PUSH).where(PUSH.c.site == site).order_by(PUSH.c.received_s, PUSH.c.revision)
        with self._engine.connect() as db:
            return [Pushed(**each) for each in db.execute(asked).mappings()]

    def told(self, site: str) -> list[Told]:
        """What a site said of changes, the oldest first."""
        columns = (ROW.c.at_s, ROW.c.kind, ROW.c.payload)
        asked = select(*columns).where(ROW.c.site == site, ROW.c.kind.in_(EVENTS)).order_by(ROW.c.at_s, ROW.c.seq)
        with self._engine.connect() as db:
            return [_told(site, *each) for each in db.execute(asked)]

    def document(self, site: str, revision: int) -> dict[str, Any] | None:
        """The config of a revision: where it was pushed more than once, the one that the site applied, else the
        newest; None: there is none."""
        found = [each for each in self.pushes(site) if each.revision == revision]
        if not found:
            return None
        applied = {each.detail.get("id") for each in self.told(site) if each.kind == "config.applied"}
        best = next((each for each in found if each.id in applied), found[-1])
        config: dict[str, Any] = json.loads(best.document)
        return config


def _told(site: str, at_s: float, kind: str, payload: str) -> Told:
    said = json.loads(payload)
    detail = said.get("detail")
    return Told(site, at_s, kind, said.get("by"), detail if isinstance(detail, dict) else {})
