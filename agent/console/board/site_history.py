"""What the database has of one site: its last events, and how many people there were. Thread: not the event loop's."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from agent.console.board.charts import Span
from agent.console.board.event_words import KIND, described
from agent.console.board.tile import Words
from agent.console.recorder_tables import ROW

NEWEST = 50
WINDOWS_MAX = 5000  # three days of minutes


@dataclass(frozen=True, slots=True)
class Happened:
    """An event. ``detail`` is what the site said beside it, a line for each language; ``severity`` info, warning or
    fault.
    """

    at: datetime
    words: Words
    severity: str
    by: str
    detail: Words


def events(engine: Engine, site: str) -> Sequence[Happened]:
    """The newest first. Raises sqlalchemy.exc.SQLAlchemyError."""
    wanted = (
        select(ROW.c.at_s, ROW.c.kind, ROW.c.severity, ROW.c.payload)
        .where(ROW.c.site == site, ROW.c.topic == "history/event")
        .order_by(ROW.c.at_s.desc())
        .limit(NEWEST)
    )
    with engine.connect() as db:
        return [_happened(row.at_s, row.kind, row.severity, row.payload) for row in db.execute(wanted)]


def _happened(at_s: float, kind: str, severity: str, payload: str) -> Happened:
    said = _document(payload)
    detail = described(kind, _document(said.get("detail")))
    words = KIND.get(kind, (kind, ""))
    return Happened(datetime.fromtimestamp(at_s, UTC), words, severity, _short(said.get("by") or ""), detail)


def _document(said: object) -> dict[str, Any]:
    """A JSON object, as text or as it is; empty for anything else."""
    try:
        found = json.loads(said) if isinstance(said, str) else said
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def spans(engine: Engine, site: str, from_s: float, to_s: float) -> Sequence[Span]:
    """The windows that reach into this time, the oldest first. Raises sqlalchemy.exc.SQLAlchemyError."""
    columns = ROW.c
    wanted = (
        select(columns.from_s, columns.to_s, columns.value)
        .where(columns.site == site, columns.topic == "history/headcount")
        .where(columns.at_s > from_s, columns.from_s < to_s)
        .order_by(columns.at_s.desc())
        .limit(WINDOWS_MAX)
    )
    with engine.connect() as db:
        return [Span(row.from_s, row.to_s, row.value) for row in reversed(db.execute(wanted).all())]
