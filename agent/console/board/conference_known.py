"""What is known of conferences: what the sites hold now, by the live side, and what the database remembers."""

import math
import time
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from agent.console.board.gathered import Gathered, entries, of_id
from agent.console.board.parts import Parts
from agent.console.recorder_conferences import ConferenceLog, Held, Summons
from agent.core.contract import Conference

REMEMBERED_MAX = 64  # conferences
WRITTEN_WITHIN_S = 15.0  # what was taken back from here is in the database by then


class Known:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._log = parts, ConferenceLog(parts.engine)
        self._cleared_s: dict[str, float] = {}
        self._summons: dict[str, tuple[float, list[Summons]]] = {}

    def now(self) -> datetime:
        """In the centre's time zone."""
        return datetime.fromtimestamp(self._parts.access.now()).astimezone()

    def held(self) -> dict[str, Conference]:
        """What each site holds."""
        live = self._parts.live
        views = ((site, live.view(site)) for site in live.picture.tiles)
        return {site: view.conference for site, view in views if view is not None and view.conference is not None}

    async def all(self) -> list[Held] | None:
        """What the database knows; None: it is away, and what the sites hold is shown all the same."""
        try:
            return await run_in_threadpool(self._log.conferences)
        except SQLAlchemyError:
            return None

    async def summons(self, id_: str) -> list[Summons]:
        """Of one conference; none where the database is away."""
        try:
            return await run_in_threadpool(self._log.summons, id_)
        except SQLAlchemyError:
            return []

    async def of(self, id_: str, age_s: float = 0.0) -> Gathered | None:
        """One conference as the sites hold it now, with what the database said at most ``age_s`` ago; None: nobody has
        heard of it.
        """
        asked_s, known = self._summons.get(id_, (-math.inf, []))
        if time.monotonic() - asked_s >= age_s:
            known = await self.summons(id_)
            if len(self._summons) >= REMEMBERED_MAX:
                self._summons.clear()
            self._summons[id_] = time.monotonic(), known
        cleared_s = self._cleared_s.get(id_)
        if cleared_s is not None and time.monotonic() - cleared_s < WRITTEN_WITHIN_S:
            return of_id(self.held(), id_, known, is_cleared=True)
        return of_id(self.held(), id_, known)

    async def last(self, held: Mapping[str, Conference]) -> Gathered | None:
        """The one that was planned last: its numbers are most likely those of the next."""
        found = entries(held, await self.all() or (), self.now())
        newest = max(found, key=lambda each: each.starts_at, default=None)
        return None if newest is None else of_id(held, newest.id, await self.summons(newest.id))

    def was_cleared(self, id_: str, is_off: bool) -> None:
        """It was taken back from here; or told again."""
        self._cleared_s.pop(id_, None)
        if is_off:
            self._cleared_s[id_] = time.monotonic()
