"""The last hour of each site, a value a minute. Pure, but for ``recorded``, which reads the database.

Each site's minutes begin at another second: else all tiles of the country would change at once, once a minute.
"""

from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from sqlalchemy import Engine, select

from agent.console.recorder_tables import PROGRESS, ROW

MINUTES, MINUTE_S, HOUR_S = 60, 60.0, 3600.0
AT_ONCE = 5000

Row = tuple[str, int | None, float, float]  # site, value, from and to in seconds since 1970


class Trends:
    """Thread: one."""

    def __init__(self) -> None:
        self._hours: dict[str, _Hour] = {}

    def put(self, site: str, value: int | None, now_s: float) -> None:
        """The number is so now. In one minute what is known stands before what is not, the newest before the others."""
        if value is not None:
            self._hour(site).put(value, now_s)

    def load(self, rows: Iterable[Row], now_s: float) -> None:
        """Take rows of the history where nothing else is known; in any order, in several goes. Times are the sites'
        own: what is not of the last hour is left out.
        """
        for site, value, from_s, to_s in rows:
            if value is not None and now_s - HOUR_S < to_s <= now_s + MINUTE_S and from_s < to_s:
                self._hour(site).fill(value, from_s, min(to_s, now_s))

    def of(self, site: str, now_s: float) -> tuple[int | None, ...]:
        """The hour up to now, the oldest minute first; the last is the one that goes on."""
        hour = self._hours.get(site)
        return NEVER if hour is None else hour.values(now_s)

    def forget(self, site: str) -> None:
        """The site is no more."""
        self._hours.pop(site, None)

    def _hour(self, site: str) -> "_Hour":
        if site not in self._hours:
            self._hours[site] = _Hour(crc32(site.encode()) % int(MINUTE_S))
        return self._hours[site]


NEVER: tuple[int | None, ...] = (None,) * MINUTES


class _Hour:
    """``values`` are an hour's minutes, the last one is ``newest``, counted since 1970."""

    __slots__ = ("_newest", "_offset_s", "_values")

    def __init__(self, offset_s: float) -> None:
        self._offset_s, self._newest = offset_s, 0
        self._values: list[int | None] = [None] * MINUTES

    def put(self, value: int, now_s: float) -> None:
        minute = self._reach(now_s)
        if minute > self._newest - MINUTES:  # else our clock was set back
            self._values[minute - self._newest - 1] = value

    def fill(self, value: int, from_s: float, to_s: float) -> None:
        last = self._reach(to_s - 0.001)
        for minute in range(max(self._minute(from_s), self._newest - MINUTES + 1), last + 1):
            if self._values[minute - self._newest - 1] is None:
                self._values[minute - self._newest - 1] = value

    def values(self, now_s: float) -> tuple[int | None, ...]:
        ahead = min(self._newest - self._reach(now_s), MINUTES)  # our clock was set back
        return (None,) * ahead + tuple(self._values[: MINUTES - ahead])

    def _minute(self, at_s: float) -> int:
        return int((at_s - self._offset_s) // MINUTE_S)

    def _reach(self, at_s: float) -> int:
        minute = self._minute(at_s)
        if (passed := min(minute - self._newest, MINUTES)) > 0:
            self._values = self._values[passed:] + [None] * passed
            self._newest = minute
        return minute


def recorded(engine: Engine, since_s: float) -> Iterator[Sequence[Row]]:
    """The headcounts of all sites since then, some thousands at a time.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: While it is gone through.
    """
    # By site, so that the index of sites and times is used: years of a country are not gone through for an hour.
    sites = select(PROGRESS.c.site).distinct().subquery()
    wanted = (
        select(ROW.c.site, ROW.c.value, ROW.c.from_s, ROW.c.to_s)
        .select_from(sites.join(ROW, (ROW.c.site == sites.c.site) & (ROW.c.at_s > since_s)))
        .where(ROW.c.topic == "history/headcount", ROW.c.value.is_not(None))
    )
    with engine.connect() as db:
        found = db.execution_options(yield_per=AT_ONCE).execute(wanted)
        for some in found.partitions():
            yield [tuple(row) for row in some]
