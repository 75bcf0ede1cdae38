"""Zones become a config push, over the board's one connection: what it would change, and how each push stands.

The machine and its wave are the command line's (``config_push``, ``config_pushing``). A push runs on a thread of its
own until the site has taken it or not. If the board ends meanwhile nobody confirms it, so the site goes back by itself
(``confirm_within_s``); what lay on ``config/desired`` before is then not put back, but what a site has settled it
ignores.
"""

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.console import config_plan
from agent.console.board.config_desk import LEARN_S, Desk
from agent.console.board.live import Live
from agent.console.config_plan import Order, Plan, Terms
from agent.console.config_push import Push
from agent.console.config_pushing import Pushing
from agent.console.config_sites import SiteConfig
from agent.core.config import Zones
from agent.core.config_messages import CONFIRM_WITHIN_S
from agent.core.errors import Problem

WITHIN_S = 300.0
KEPT = 100  # pushes that have ended and can still be looked at


@dataclass(frozen=True, slots=True)
class Offer:
    """What zones would change at a site. ``seen`` names what runs there: who agrees, agrees to a change of that."""

    plan: Plan
    seen: str
    problems: tuple[Problem, ...] = ()

    @property
    def can_be_pushed(self) -> bool:
        """Whether there is something to agree to."""
        return self.plan.outcome is None and not self.problems


def offer(known: SiteConfig, zones: Zones) -> Offer:
    """Lay zones over what runs there. Pure."""
    document = {"headcount": zones.model_dump(mode="json")}
    plan = config_plan.plan(known, Order(document, True, "zones"))
    runs = known.running
    seen = "" if runs is None else f"{runs.revision or 0}.{runs.digest}"
    large = None if plan.outcome or plan.problems else config_plan.too_large(_push(plan, "", ""))
    return Offer(plan, seen, plan.problems if large is None else (large,))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a push stands. ``is_over``: it has come to its end, also where our last words were not answered."""

    push: Push
    by: str
    begun: datetime
    is_over: bool


class Pushes:
    """The pushes of this board, one at a time for each site. Thread: any."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._all: dict[str, _Running] = {}

    def look(self, site: str, within_s: float = LEARN_S) -> SiteConfig:
        """What is known of a site's configs. Takes a moment, and ``within_s`` where it has never said what runs."""
        desk = Desk(self._live, site)
        try:
            return desk.learn(within_s)
        finally:
            desk.close()

    def begin(self, site: str, zones: Zones, seen: str, by: str) -> tuple[str | None, Offer]:
        """Push, if what runs there is still what was seen, and nothing else hinders it.

        Returns:
            The push's id, and what was offered; None for the id: nothing was pushed.
        """
        desk = Desk(self._live, site)
        try:
            found = offer(desk.learn(), zones)
        except BaseException:
            desk.close()
            raise
        id_ = str(uuid.uuid4())
        with self._lock:
            if not found.can_be_pushed or found.seen != seen or self.under_way(site) is not None:
                desk.close()
                return None, found
            self._all[id_] = _Running(desk, _push(found.plan, by, id_), by)
            for old in [key for key, each in self._all.items() if each.is_over][:-KEPT]:
                del self._all[old]
        self._all[id_].start()
        return id_, found

    def under_way(self, site: str) -> str | None:
        """The id of the push to a site that has not come to its end."""
        return next((key for key, each in list(self._all.items()) if each.site == site and not each.is_over), None)

    def standing(self, site: str, id_: str) -> Standing | None:
        """How a push stands; None: this board knows no such one."""
        found = self._all.get(id_)
        return None if found is None or found.site != site else found.standing()


class _Running(threading.Thread):
    """One push."""

    def __init__(self, desk: Desk, push: Push, by: str) -> None:
        super().__init__(name=f"push {push.site}", daemon=True)
        self.site, self.is_over = push.site, False
        self._desk, self._push, self._by, self._begun = desk, push, by, datetime.now(UTC)
        self._pushing = Pushing(desk, WITHIN_S, lambda _: False, lambda _: None, lambda *_: None)

    def standing(self) -> Standing:
        return Standing(self._pushing.of(self.site) or self._push, self._by, self._begun, self.is_over)

    def run(self) -> None:
        try:
            self._pushing.run((self._push,), ())
        finally:
            self.is_over = True
            self._desk.close()


def _push(plan: Plan, by: str, id_: str) -> Push:
    terms = Terms(f"board:{by}"[:200], datetime.now(UTC), CONFIRM_WITHIN_S)
    return config_plan.push_of(plan, terms, id_ or str(uuid.uuid4()))
