"""What a push would do at each site, before anything is published. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.console.config_push import Outcome, Push
from agent.console.config_sites import SiteConfig
from agent.core.config import RoomConfig
from agent.core.config_diff import Change, changes
from agent.core.config_document import Document, digest, merged, parse_document
from agent.core.config_messages import ConfigDesired
from agent.core.errors import ConfigError, Problem
from agent.core.wire import MAX_PAYLOAD_BYTES, encode

UNDER_WAY = "under_way"
NO_LOADS = Problem(
    "power.loads",
    "this takes away every load of the room",
    "say --merge, or write loads = [] under [power] to mean it",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of every site: the whole config, or with ``is_patch`` what is laid over each site's own."""

    document: Document
    is_patch: bool
    source: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How it is pushed. ``unattended``: nobody confirms, so a site that is away or in use can take it later."""

    by: str
    at: datetime
    confirm_within_s: float
    asks: bool = False
    unattended: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One site's part.

    ``changes`` None: what runs there is not known, so nobody can say. ``problems``: the config would be refused.
    ``outcome``: it is not pushed to, and why; None: it is. ``is_away``: it is left there for it, and not waited for.
    ``overtakes``: the state of another update that is under way there.
    """

    known: SiteConfig
    document: Document
    changes: tuple[Change, ...] | None
    problems: tuple[Problem, ...] = ()
    outcome: Outcome | None = None
    reason: str | None = None
    is_away: bool = False
    overtakes: str | None = None


def plans(sites: Iterable[SiteConfig], order: Order, unattended: bool) -> tuple[Plan, ...]:
    """For each site, in their order."""
    return tuple(plan(each, order, unattended) for each in sites)


def plan(known: SiteConfig, order: Order, unattended: bool = False) -> Plan:
    """For one site."""
    is_away = known.presence != "running"
    if known.running is None and (order.is_patch or not is_away):
        # There is nothing to lay it over, or to say it is based on: somebody else's change would be lost unseen.
        outcome: Outcome = "offline" if is_away else "no_answer"
        return Plan(known, {}, None, outcome=outcome, reason=_absence(known) if is_away else "tells_no_config")
    document = merged(known.running.config, order.document) if known.running and order.is_patch else order.document
    forgotten = _forgotten(known, document)
    try:
        after = parse_document(document, order.source)
    except ConfigError as error:
        return Plan(known, document, None, (*error.problems, *forgotten))
    if forgotten:
        return Plan(known, document, None, forgotten)
    found = _changes(known, after)
    if found == () and known.under_way is None:
        return Plan(known, document, found, outcome="unchanged")
    if is_away and not unattended:
        return Plan(known, document, found, outcome="offline", reason=_absence(known))
    if _has_to_wait(known, document, order.is_patch, found):
        return Plan(known, document, found, outcome="not_started", reason=UNDER_WAY)
    overtakes = None if known.under_way is None else known.under_way.state
    return Plan(known, document, found, is_away=is_away, overtakes=overtakes)


def push_of(plan: Plan, terms: Terms, id_: str) -> Push:
    """The push that the plan is about. With nobody there to confirm, a site's own proof has to be enough."""
    known = plan.known
    message = ConfigDesired(
        id=id_,
        revision=known.next_revision,
        base_revision=None if known.running is None else known.running.revision or 0,
        issued_by=terms.by,
        issued_at=terms.at,
        confirm_within_s=0.0 if terms.unattended else terms.confirm_within_s,
        config=plan.document,
    )
    return Push(known.site, message, known.stored, known.is_for_good, terms.asks)


def too_large(push: Push) -> Problem | None:
    """A config that no message can hold."""
    size = len(encode(push.message))
    if size <= MAX_PAYLOAD_BYTES:
        return None
    return Problem("", f"this makes a message of {size} bytes, and {MAX_PAYLOAD_BYTES} can be sent")


def _absence(known: SiteConfig) -> str:
    return "no_such_site" if known.is_unheard_of else known.presence


def _forgotten(known: SiteConfig, document: Document) -> tuple[Problem, ...]:
    """A whole config that does not speak of loads, for a room that has some, is almost surely meant to be merged."""
    running = {} if known.running is None else known.running.config
    return (NO_LOADS,) if _loads(running) and _loads(document) is None else ()


def _loads(document: Document) -> Any:
    power = document.get("power")
    return power.get("loads") if isinstance(power, dict) else None


def _has_to_wait(known: SiteConfig, document: Document, is_patch: bool, found: tuple[Change, ...] | None) -> bool:
    """Whether nothing can be said before an update there has come to its end: it is this very config, or what this is
    laid over may go back. One that only waits may be overtaken, also by what runs there now.
    """
    said = known.under_way
    if said is None:
        return False
    return said.digest == digest(document) or (known.is_on_trial and (is_patch or found == ()))


def _changes(known: SiteConfig, after: RoomConfig) -> tuple[Change, ...] | None:
    before = known.runs
    return None if before is None else changes(before, after)
