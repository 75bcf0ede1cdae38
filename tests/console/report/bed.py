"""A conference in a database, written by the recorder's own store."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from agent.console.recorder_conferences import Presence, SiteName, Summons
from agent.console.report.document import Document, report
from agent.console.report.reading import Reading
from agent.console.store import Row, Store
from agent.core.contract import HistoryEvent, HistoryHeadcount, encode

STARTS_S = datetime(2026, 11, 20, 1, 0, tzinfo=UTC).timestamp()  # 8:00 in Hải Dương
MINUTE = 60.0
HOUR = 3600.0
ID = "hn-11"
_number = count(1)


def summons(site: str = "nam-sach", summoned: int | None = 20, lasts_s: float = HOUR, **changes: Any) -> Summons:
    facts: dict[str, Any] = {
        "site": site,
        "conference": ID,
        "title": "Hội nghị tháng 11",
        "starts_at_s": STARTS_S,
        "ends_at_s": STARTS_S + lasts_s,
        "summoned": summoned,
        "roll_calls": (),
        "received_s": STARTS_S - 86_400,
    }
    return Summons(**{**facts, **changes})


def name(site: str, name: str, *path: str) -> SiteName:
    return SiteName(site, name, path or ("Hải Dương", name), "Asia/Ho_Chi_Minh")


def presence(site: str, at_s: float, state: str, connection: int = 1) -> Presence:
    return Presence(site, at_s, state, connection, "b", "s")


def _common(at_s: float, epoch: str, seq: int | None) -> dict[str, Any]:
    at = datetime.fromtimestamp(at_s, UTC)
    seq = next(_number) if seq is None else seq
    facts = {"at": at, "session": "s", "clock": "synced", "epoch": epoch, "seq": seq, "boot_id": "b"}
    return {**facts, "uptime_s": 1e6, "historical": False}


def window(
    site: str,
    from_s: float,
    to_s: float,
    value: int | None,
    unknown: Mapping[str, float] | None = None,
    epoch: str = "e1",
    seq: int | None = None,
    conference: str | None = ID,
) -> Row:
    """A row as a box makes it: ``unknown`` are seconds by reason; where there is no value, all of it is."""
    if unknown is None:
        unknown = {"dark": to_s - from_s} if value is None else {}
    known_s = to_s - from_s - sum(unknown.values())
    payload = HistoryHeadcount(
        **_common(to_s, epoch, seq),
        from_=datetime.fromtimestamp(from_s, UTC),
        to=datetime.fromtimestamp(to_s, UTC),
        value=value,
        min=value,
        max=value,
        people_minutes=(value or 0) * known_s / 60,
        samples=30,
        unknown_s=sum(unknown.values()),
        unknown_reasons=dict(unknown),
        conference=conference,
    )
    return Row(site, "history/headcount", payload, encode(payload).decode(), 0.0)


def minutes(site: str, first: float, last: float, value: int | None, **more: Any) -> list[Row]:
    """A row for each minute from ``first`` to before ``last``, counted from the start."""
    at_s = [STARTS_S + MINUTE * number for number in range(int(first), int(last))]
    return [window(site, each, each + MINUTE, value, **more) for each in at_s]


def event(site: str, minute: float, kind: str, severity: str = "info", by: str | None = None, **detail: Any) -> Row:
    at_s = STARTS_S + MINUTE * minute
    payload = HistoryEvent(**_common(at_s, "e1", None), kind=kind, severity=severity, by=by, detail=detail)  # type: ignore[arg-type]
    return Row(site, "history/event", payload, encode(payload).decode(), 0.0)


def made(store: Store, now_s: float = STARTS_S + 10 * HOUR, conference: str = ID) -> Document:
    """The report at a time."""
    found = report(Reading(store._engine), conference, now_s)
    assert found is not None
    return found


def site_of(document: Document, site: str) -> dict[str, Any]:
    (found,) = (each for each in document["sites"] if each["site"] == site)
    return dict(found)
