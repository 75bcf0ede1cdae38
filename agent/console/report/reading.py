"""The report's questions to the centre's database. Each table is gone through once, by site and time, and one site's
rows are in memory at a time: a conference of the whole country has a million windows.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Select, case, select

from agent.console.recorder_conferences import ConferenceLog, Held, Presence, SiteName, Summons
from agent.console.recorder_tables import ROW
from agent.console.report.attendance import LEAD_S, Facts, ends_s
from agent.console.report.pieces import LONGEST_S, NO_REASONS, Window
from agent.console.report.told import Event
from agent.core.contract import SECONDS_MAX

LOOK_FOR = 500  # sites in one question
AT_ONCE = 20_000  # rows
EVENTS_BEFORE_S = 86_400.0  # what began earlier and never ended is no incident of this conference
POWER_BEFORE_S = 31 * 86_400.0  # a room that was last switched so long ago: nobody knows
REASONS_MAX = 20


@dataclass(frozen=True, slots=True)
class Roll:
    """Who was summoned to a conference, by site, and what the sites are called."""

    summons: tuple[Summons, ...]
    names: dict[str, SiteName]


class Reading:
    """Raises sqlalchemy.exc.SQLAlchemyError, of every method. Thread: any, as the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._log = ConferenceLog(engine)

    def conferences(self) -> list[Held]:
        """All that are known, the newest first."""
        return self._log.conferences()

    def roll(self, conference: str) -> Roll:
        """Who was summoned; nobody where there is no such conference."""
        return Roll(tuple(self._log.summons(conference)), self._log.names())

    def facts(self, summons: Sequence[Summons]) -> Iterator[tuple[Summons, Facts]]:
        """All that is known of each site around its conference; in any order."""
        for at in range(0, len(summons), LOOK_FOR):
            yield from self._some({each.site: each for each in summons[at : at + LOOK_FOR]})

    def _some(self, summons: dict[str, Summons]) -> Iterator[tuple[Summons, Facts]]:
        from_s = min(each.starts_at_s for each in summons.values()) - LEAD_S
        to_s = max(ends_s(each) for each in summons.values())
        asked = (sorted(summons), from_s, to_s)
        events, presence = self._events(*asked), self._presence(*asked)
        silent = set(summons)
        with self._engine.connect() as db:
            for site, rows in groupby(_windows(db, *asked), key=itemgetter(0)):
                silent.discard(site)
                windows = [window for _, window in rows]
                yield summons[site], Facts(windows, events.get(site, ()), presence.get(site, ()))
        for site in sorted(silent):
            yield summons[site], Facts((), events.get(site, ()), presence.get(site, ()))

    def _events(self, sites: Sequence[str], from_s: float, to_s: float) -> dict[str, list[Event]]:
        """By time, from a day before; with the last word on the power before that, where none is from that day."""
        found: dict[str, list[Event]] = {site: [] for site in sites}
        with self._engine.connect() as db:
            for site, *facts in db.execute(_events(sites, from_s, to_s)):
                found[site].append(_event(*facts))
            for site, events in found.items():
                if not any(each.kind == "power.changed" and each.at_s <= from_s for each in events):
                    before = db.execute(_last_power(site, from_s - EVENTS_BEFORE_S)).all()
                    events[:0] = [_event(*facts) for facts in before]
        return found

    def _presence(self, sites: Sequence[str], from_s: float, to_s: float) -> dict[str, list[Presence]]:
        found: dict[str, list[Presence]] = {}
        for each in self._log.presence(sites, from_s, to_s):
            found.setdefault(each.site, []).append(each)
        return found


def _windows(db: Connection, sites: Sequence[str], from_s: float, to_s: float) -> Iterator[tuple[str, Window]]:
    c = ROW.c
    said = case((c.unknown_s > 0, c.payload), else_=None)  # only then there are reasons in it
    near = c.at_s.between(from_s, to_s + LONGEST_S)  # a window is dated when it ends; there is an index
    asked = (
        select(c.site, c.from_s, c.to_s, c.value, c.people_minutes, c.unknown_s, said)
        .where(c.site.in_(sites), near, c.from_s < to_s, c.to_s > from_s)
        .order_by(c.site, c.at_s)
    )
    found = db.execution_options(yield_per=AT_ONCE).execute(asked)
    for site, begins_s, ends_at_s, value, people_minutes, unknown_s, payload in found:
        reasons = NO_REASONS if payload is None else _reasons(payload)
        yield site, Window(begins_s, ends_at_s, value, people_minutes, unknown_s, reasons)


def _events(sites: Sequence[str], from_s: float, to_s: float) -> Select[Any]:
    c = ROW.c
    within = c.at_s.between(from_s - EVENTS_BEFORE_S, to_s)
    asked = select(c.site, c.at_s, c.kind, c.severity, c.payload).where(c.kind.is_not(None), c.site.in_(sites), within)
    return asked.order_by(c.at_s, c.epoch, c.seq)


def _last_power(site: str, before_s: float) -> Select[Any]:
    """Gone through backwards: a room that is off makes no rows, so its last one is near."""
    c = ROW.c
    within = c.at_s.between(before_s - POWER_BEFORE_S, before_s)
    asked = select(c.at_s, c.kind, c.severity, c.payload).where(c.site == site, c.kind == "power.changed", within)
    return asked.order_by(c.at_s.desc()).limit(1)


def _event(at_s: float, kind: str, severity: str, payload: str) -> Event:
    said = _document(payload)
    by, detail = said.get("by"), said.get("detail")
    return Event(at_s, kind, severity, by if isinstance(by, str) else None, detail if isinstance(detail, dict) else {})


def _reasons(payload: str) -> dict[str, float]:
    said = _document(payload).get("unknown_reasons")
    pairs = list(said.items())[:REASONS_MAX] if isinstance(said, dict) else []
    return {reason[:40]: took_s for reason, took_s in pairs if _is_time(took_s)}


def _is_time(took_s: Any) -> bool:
    return isinstance(took_s, int | float) and 0 < took_s <= SECONDS_MAX


def _document(raw: str) -> dict[str, Any]:
    """A row as it came; it was checked before it was written, but perhaps by another version."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
