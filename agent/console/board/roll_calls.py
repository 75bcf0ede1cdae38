"""Who was there at each roll-call, by the rows that the sites sent: the same rule as the report's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from agent.console.recorder_tables import ROW
from agent.console.report.attendance import GRACE_S, at
from agent.console.report.pieces import LONGEST_S, Window, pieces

SHOWN_MAX = 12
AT_ONCE = 500  # sites in one question
# A row is on its way for a window's time and a little more; after that nobody waits for it.
COMES_WITHIN_S = GRACE_S + 60.0


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
    def rate(self) -> float | None:
        """Present of summoned, over the sites that are known; None: nobody knows."""
        return self.total / self.summoned_known if self.summoned_known else None


def roll_calls(
    engine: Engine, moments_s: Iterable[float], summoned: Mapping[str, int | None], now_s: float
) -> list[RollCall]:
    """Those that have been, the newest first, so many as a page has room for. Raises sqlalchemy.exc.SQLAlchemyError."""
    been = sorted((each for each in moments_s if each <= now_s), reverse=True)
    sites = sorted(summoned)
    return [
        RollCall(each, _present(engine, sites, each), summoned, now_s < each + COMES_WITHIN_S)
        for each in been[:SHOWN_MAX]
    ]


def _present(engine: Engine, sites: Sequence[str], at_s: float) -> dict[str, int]:
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
    seen = {site: at(pieces(those, at_s, until_s), at_s) for site, those in windows.items()}
    return {site: each.people for site, each in seen.items() if each is not None}
