"""Who was there at each roll-call, by the rows that the sites sent: the same rule as the report's."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from agent.console.recorder_tables import ROW
from agent.console.report.attendance import GRACE_S, at
from agent.console.report.pieces import LONGEST_S, Window, pieces

SHOWN_MAX = 12
OPEN_EVERY_S = 2.0  # the database is asked at most so often, however many pages are open
CLOSED_EVERY_S = 300.0  # a site that was away sends its rows hours later
KEPT_MAX = 8 * SHOWN_MAX
AT_ONCE = 500  # sites in one question
# A row is on its way for a window's time and a little more; after that nobody waits for it.
COMES_WITHIN_S = GRACE_S + 60.0

Summoned = Mapping[str, int | None]
Ends = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RollCall:
    """One moment. ``present`` has the sites that are known; ``is_open``: more of them may come yet."""

    at_s: float
    present: Mapping[str, int]
    summoned: Mapping[str, int | None]
    is_open: bool

    @property
    def at(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.at_s, UTC)

    @property
    def total(self) -> int:
        """Present at the sites that are known."""
        return sum(self.present.values())

    @property
    def summoned_known(self) -> int:
        """Summoned to the sites that are known."""
        return sum(self.summoned.get(site) or 0 for site in self.present)

    @property
    def present_summoned(self) -> int:
        """Present at those of the known sites that have a number of summoned people: what the rate is of."""
        return sum(people for site, people in self.present.items() if self.summoned.get(site))

    @property
    def rate(self) -> float | None:
        """Present of summoned, over the sites where both are known; None: nobody knows."""
        return self.present_summoned / self.summoned_known if self.summoned_known else None


class RollCalls:
    """Those of the conferences that somebody looks at, asked again only as often as they may change. Thread: any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asking = threading.Lock()
        self._known: OrderedDict[tuple[str, float], tuple[float, Summoned, Ends, RollCall]] = OrderedDict()

    def of(self, id_: str, moments_s: Iterable[float], summoned: Summoned, ends: Ends, now_s: float) -> list[RollCall]:
        """Those that have been, the newest first, so many as a page has room for.

        Args:
            id_: The conference.
            moments_s: Seconds since 1970, as ``now_s``.
            summoned: How many, by site.
            ends: When the conference is over for each site: what was counted later is not of it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is away.
        """
        been = sorted((each for each in moments_s if each <= now_s), reverse=True)[:SHOWN_MAX]
        with self._asking:
            return [self._one((id_, each), summoned, ends, now_s) for each in been]

    def _one(self, key: tuple[str, float], summoned: Summoned, ends: Ends, now_s: float) -> RollCall:
        known, at_s = self._known.get(key), key[1]
        if known is not None and known[1:3] == (summoned, ends):
            asked_s, call = known[0], known[3]
            if time.monotonic() - asked_s < (OPEN_EVERY_S if call.is_open else CLOSED_EVERY_S):
                return call
        is_open = now_s < at_s + COMES_WITHIN_S
        call = RollCall(at_s, _present(self._engine, summoned, ends, at_s), summoned, is_open)
        self._known[key] = time.monotonic(), summoned, ends, call
        self._known.move_to_end(key)
        while len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
        return call


def _present(engine: Engine, summoned: Summoned, ends: Ends, at_s: float) -> dict[str, int]:
    sites = sorted(site for site in summoned if at_s < ends.get(site, math.inf))
    windows: dict[str, list[Window]] = {}
    c, until_s = ROW.c, at_s + GRACE_S
    near = c.at_s.between(at_s, until_s + LONGEST_S)  # a window is dated when it ends; there is an index
    asked = select(c.site, c.from_s, c.to_s, c.value, c.people_minutes, c.unknown_s)
    asked = asked.where(near, c.from_s < until_s, c.to_s > at_s).order_by(c.site, c.at_s)
    with engine.connect() as db:
        for first in range(0, len(sites), AT_ONCE):
            some = asked.where(c.site.in_(sites[first : first + AT_ONCE]))
            for site, from_s, to_s, value, people_minutes, unknown_s in db.execute(some):
                window = Window(from_s, to_s, value, people_minutes, unknown_s)
                windows.setdefault(site, []).append(window)
    seen = {
        site: at(pieces(those, at_s, min(until_s, ends.get(site, until_s))), at_s) for site, those in windows.items()
    }
    return {site: each.people for site, each in seen.items() if each is not None}
