"""What the centre knows of each site: a fold of the messages that came. Pure; read by the live table, the board and
the demo.

Messages may come twice and out of order (FAULTS 21). A site's clock tells which is the newer one of a topic, as long as
both were said by a clock that was set; what is older by more than a message is ever late was said after the clock had
been set back, and is news.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from agent.core.contract import (
    MODELS,
    About,
    Conference,
    ConfigReported,
    FromSite,
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
FORGOTTEN = timedelta(minutes=15)  # a site that sent nonsense so long ago is not spoken of any more
EVENT = "history/event"  # the only one that is never stored
EVENTS_MOST = 8  # kinds of them: a site may make up as many as it likes
LATE_S = 90.0  # three heartbeats: no live message is worth more than that

# Topic → field of SiteView. In this order they are subscribed to, and what is stored comes: the headcount, of which
# programs read a line, when the rest is known.
FIELDS = {
    "status": "status",
    "about": "about",
    "power": "power",
    "readiness": "readiness",
    "health": "health",
    EVENT: "events",
    "simulated/truth": "truth",
    "headcount": "headcount",
}
# What the board hears beside that: which conference a site was sent, and what became of its last config.
MORE_FIELDS = {"conference": "conference", "config/reported": "config"}
FIELD_OF = FIELDS | MORE_FIELDS


@dataclass(frozen=True, slots=True)
class Refusals:
    """Messages that could not be read, no long while between two of them: when the first and the last came, and on
    which topic the last one did.
    """

    since: datetime
    last: datetime
    topic: str


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site: the newest of each topic, and how many of its messages could not be read.

    ``events`` are the newest of each kind that is more than information, the newest last; ``refusals`` tell of
    ``refused`` where times are known, and ``counted_at`` is when the headcount came, by our clock, where the site's own
    was not set. ``status_since`` and ``power_since`` are when we saw these states begin, by our clock, where we did.
    """

    site: str
    status: Status | None = None
    about: About | None = None
    power: Power | None = None
    headcount: Headcount | None = None
    readiness: Readiness | None = None
    health: Health | None = None
    events: tuple[HistoryEvent, ...] = ()
    truth: Truth | None = None
    conference: Conference | None = None
    config: ConfigReported | None = None
    refused: int = 0
    refusals: Refusals | None = None
    counted_at: datetime | None = None
    status_since: datetime | None = None
    power_since: datetime | None = None

    @property
    def event(self) -> HistoryEvent | None:
        """The newest."""
        return self.events[-1] if self.events else None

    @property
    def presence(self) -> Presence:
        """Whether the site is there."""
        return self.status.state if self.status else "unknown"

    @property
    def has_gone(self) -> bool:
        """It says that it is not there, or the broker says so for it; one that has said nothing may be."""
        return self.presence in ("lost", "stopped")

    @property
    def is_blank(self) -> bool:
        """Nothing is known of it (any more) but that it was there."""
        return replace(self, refused=0) == SiteView(self.site)

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
    """Fold one message in; all sites are copied for it.

    Returns:
        The sites after it, and ``(site, payload)`` where it was one of the live topics and could be read. What cannot
        be read is counted at its site and changes nothing else.
    """
    parts = split_topic(topic)
    if parts is None or parts[1] not in FIELD_OF:
        return sites, None
    site, name = parts
    before = sites.by_id.get(site, SiteView(site))
    view, payload = taken(before, name, raw)
    if view is before:
        return sites, None
    return Sites({**sites.by_id, site: view}), None if payload is None else (site, payload)


def taken(view: SiteView, name: str, raw: bytes, now: datetime | None = None) -> tuple[SiteView, Payload | None]:
    """Fold one message of a site in: the view after it, and what it said where that could be read and is news.

    Args:
        view: What was known.
        name: A topic of ``FIELD_OF``.
        raw: The payload; empty: what was stored is taken back. With the last of that the site is a blank again.
        now: When it came: it is then known since when a site has sent what cannot be read, and how old is what it says
            while its own clock is not set.

    Returns:
        ``view`` itself where nothing has changed.
    """
    if not raw:
        return (view, None) if name == EVENT else (_cleared(_set(view, name, None)), None)
    try:
        payload = decode(MODELS[name], raw)
    except ValueError:
        return _refused(view, name, now), None
    if isinstance(payload, HistoryEvent):
        return _happened(view, payload)
    known = getattr(view, FIELD_OF[name])
    if _is_old(payload, known):
        return view, None
    if isinstance(payload, Status | Power) and (known is None or known.state != payload.state):
        changed: dict[str, Any] = {f"{name}_since": None if known is None else now}
        view = replace(view, **changed)
    if isinstance(payload, Headcount) and payload.clock != "synced":
        view = replace(view, counted_at=now)
    return _set(view, name, payload), payload


def _set(view: SiteView, name: str, payload: Payload | None) -> SiteView:
    changes: dict[str, Any] = {FIELD_OF[name]: payload}
    return replace(view, **changes)


def _happened(view: SiteView, new: HistoryEvent) -> tuple[SiteView, Payload | None]:
    """A warning or a fault that is not older than the one of its kind: what waited at the site comes late."""
    if new.severity == "info" or any(each.kind == new.kind and each.at > new.at for each in view.events):
        return view, None
    kept = sorted([*(each for each in view.events if each.kind != new.kind), new], key=lambda each: each.at)
    return replace(view, events=tuple(kept[-EVENTS_MOST:])), new


def _cleared(view: SiteView) -> SiteView:
    stored = (view.status, view.about, view.power, view.readiness, view.health, view.headcount, view.conference,
              view.config)  # fmt: skip
    return view if any(each is not None for each in stored) else SiteView(view.site, refused=view.refused)


def _refused(view: SiteView, name: str, now: datetime | None) -> SiteView:
    before, told = view.refusals, None
    if now is not None:
        since = before.since if before is not None and now - before.last < FORGOTTEN else now
        told = Refusals(since, now, name)
    return replace(view, refused=view.refused + 1, refusals=told)


def _is_old(new: Payload, known: Payload | None) -> bool:
    """Whether something newer was known already."""
    if isinstance(new, Status) and isinstance(known, Status):
        return _is_old_word(new, known)
    return isinstance(new, FromSite) and isinstance(known, FromSite) and _is_late(new, known)


def _is_old_word(new: Status, known: Status) -> bool:
    """A will is written when its connection begins, so its time says nothing: a ``lost`` of an earlier connection came
    after the site was back already, a slow time-out at the broker. Within a run of the agent connections tell the order
    by themselves, and nobody comes back but by a new one.
    """
    is_earlier = new.connection < known.connection
    if new.state == "lost":
        return is_earlier
    if new.session == known.session:
        turn, known_turn = ((each.connection, each.state != "running") for each in (new, known))
        return turn < known_turn or (turn == known_turn and _is_late(new, known))
    return _is_late(new, known) or (is_earlier and _are_synced(new, known) and new.at < known.at)


def _is_late(new: FromSite, known: FromSite) -> bool:
    return _are_synced(new, known) and 0 < (known.at - new.at).total_seconds() <= LATE_S


def _are_synced(*said: FromSite) -> bool:
    return all(each.clock == "synced" for each in said)


def age_s(view: SiteView, now: datetime) -> float | None:
    """How old the headcount is by the site's own clock, or by when it came where that was not set and this is known;
    None where there is none. Never negative.
    """
    count = view.headcount
    if count is None:
        return None
    at = count.at if count.clock == "synced" else view.counted_at or count.at
    return max(0.0, (now - at).total_seconds())


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text from outside for a terminal: no control characters, not longer than a row can bear."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "�" for letter in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"
