"""What the centre knows of each site: a fold of the messages that came. Pure; read by the live table and the demo."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from agent.core.contract import (
    MODELS,
    About,
    Headcount,
    Health,
    HistoryEvent,
    Payload,
    Power,
    Readiness,
    Status,
    Truth,
    decode,
    split_topic,
)

Presence = Literal["running", "stopped", "lost", "unknown"]
LONGEST_TEXT = 60

# Topic → field of SiteView. In this order they are subscribed to, and what is stored comes: the headcount, of which
# programs read a line, when the rest is known.
FIELDS = {
    "status": "status",
    "about": "about",
    "power": "power",
    "readiness": "readiness",
    "health": "health",
    "history/event": "event",
    "simulated/truth": "truth",
    "headcount": "headcount",
}


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site: the newest of each topic, and how many of its messages could not be read.

    ``event`` is the newest that is more than information.
    """

    site: str
    status: Status | None = None
    about: About | None = None
    power: Power | None = None
    headcount: Headcount | None = None
    readiness: Readiness | None = None
    health: Health | None = None
    event: HistoryEvent | None = None
    truth: Truth | None = None
    refused: int = 0

    @property
    def presence(self) -> Presence:
        """Whether the site is there."""
        return self.status.state if self.status else "unknown"

    @property
    def has_gone(self) -> bool:
        """It says that it is not there, or the broker says so for it; one that has said nothing may be."""
        return self.presence in ("lost", "stopped")

    @property
    def name(self) -> str:
        """What people call it; the id where it has not said."""
        return plain(self.about.name) if self.about and self.about.name else self.site


@dataclass(frozen=True, slots=True)
class Sites:
    """All sites by id."""

    by_id: dict[str, SiteView] = field(default_factory=dict)

    def ordered(self) -> list[SiteView]:
        """By id, so that a row keeps its place."""
        return [self.by_id[site] for site in sorted(self.by_id)]


def take(sites: Sites, topic: str, raw: bytes) -> tuple[Sites, tuple[str, Payload] | None]:
    """Fold one message in.

    Returns:
        The sites after it, and ``(site, payload)`` where it was one of the live topics and could be read. What cannot
        be read is counted at its site and changes nothing else.
    """
    parts = split_topic(topic)
    if parts is None or parts[1] not in FIELDS:
        return sites, None
    site, name = parts
    view = sites.by_id.get(site, SiteView(site))
    if not raw:
        return _with(sites, _set(view, name, None)), None
    try:
        payload = decode(MODELS[name], raw)
    except ValueError:
        return _with(sites, replace(view, refused=view.refused + 1)), None
    if isinstance(payload, Status) and _is_old_will(payload, view.status):
        return sites, None
    if isinstance(payload, HistoryEvent) and not _is_worse_news(payload, view.event):
        return sites, None
    return _with(sites, _set(view, name, payload)), (site, payload)


def _set(view: SiteView, name: str, payload: Payload | None) -> SiteView:
    changes: dict[str, Any] = {FIELDS[name]: payload}
    return replace(view, **changes)


def _is_old_will(new: Status, known: Status | None) -> bool:
    """A ``lost`` of an earlier connection, published after the site was back already: a slow time-out at the broker."""
    return new.state == "lost" and known is not None and new.connection < known.connection


def _is_worse_news(new: HistoryEvent, known: HistoryEvent | None) -> bool:
    """A warning or a fault that is not older than the one we know: what waited at the site comes late."""
    return new.severity != "info" and (known is None or new.at >= known.at)


def _with(sites: Sites, view: SiteView) -> Sites:
    return Sites({**sites.by_id, view.site: view})


def age_s(view: SiteView, now: datetime) -> float | None:
    """How old the headcount is by the site's own clock; None where there is none. Never negative."""
    return None if view.headcount is None else max(0.0, (now - view.headcount.at).total_seconds())


def plain(text: str) -> str:
    """Text from outside for a terminal: no control characters, not longer than a row can bear."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"
