"""What the recorder keeps beside the rows: pushes of a config, conferences, names, who is there.

It is collected here and written once a second. No row waits for it, and nobody is told that it is written: the broker
has most of it stored and gives it again at the next connection.
"""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from agent.console.recorder_conferences import Presence, SiteName, Summons, name_in, presence_in, summons_in
from agent.console.recorder_configs import Pushed, pushed
from agent.console.recorder_missed import Stored
from agent.console.store import Store

log = logging.getLogger("diemcau.recorder")

NAMES = ("config/desired", "conference", "status", "about")
PUSHES_WAIT_MAX = 64 * 1024 * 1024  # letters in all; the sites of a whole country have a tenth of that
WAIT_MAX = 100_000  # of all others, and the sites that are remembered
# All others are the database's: another disk, a table or a right that somebody gives back, and it takes the same row.
ROWS_OWN_FAULT = (DataError, IntegrityError, OverflowError, ValueError)

T = TypeVar("T")


class News:
    """Thread: the caller's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pushes: list[Pushed] = []
        self._pushes_size = 0
        self._stored = Stored()
        self._is_looked_for = True  # whether anything was taken back while nobody listened
        self._conferences: list[Summons | tuple[str, float]] = []  # a summons, or whose was taken back and when
        self._names: list[SiteName] = []
        self._presence: list[Presence] = []
        self._last_push: dict[str, str] = {}
        # A site says both again and again; what it has said is not asked of the database each time.
        self._last_name: dict[str, tuple[object, ...]] = {}
        self._last_presence: dict[str, tuple[str, int, str]] = {}

    def begin(self) -> None:
        """On a new connection, before anything comes."""
        self._stored, self._is_looked_for = Stored(), True

    def take(self, site: str, name: str, raw: bytes, now_s: float, is_stored: bool = False) -> None:
        """One message on a topic of ``NAMES``; what no site could read, or no site could mean, is passed over.

        ``is_stored``: the broker had it before we came.
        """
        if name == "config/desired":
            self._take_push(pushed(site, raw, now_s))
        elif name == "conference":
            told = summons_in(site, raw, now_s) if raw else (site, now_s)
            self._stored.conference(site, told.conference if isinstance(told, Summons) else "")
            if told is not None and len(self._conferences) < WAIT_MAX:
                self._conferences.append(told)
        elif name == "status":
            if is_stored:
                self._stored.status(site)
            self._take_presence(presence_in(site, raw, now_s))
        elif name == "about":
            self._take_name(name_in(site, raw))

    def keep(self) -> None:
        """Once a second: write what waits; where the database takes none, again in a second."""
        log_of = self._store.conferences
        self._write("who changed a config", self._store.configs.keep, self._pushes)
        self._pushes_size = sum(len(each.document) for each in self._pushes)
        self._write("who was summoned", self._keep_conferences, self._conferences)
        self._write("what sites are called", log_of.keep_names, self._names)
        self._write("who is there", log_of.keep_presence, self._presence)
        if self._is_looked_for and self._stored.is_complete() and not self._conferences:
            self._look_for_missed(time.time())

    def _look_for_missed(self, now_s: float) -> None:
        try:
            missed = self._stored.missed(self._store.conferences.not_cleared(), now_s)
            self._store.conferences.keep_cleared([(site, now_s) for site in missed])
        except SQLAlchemyError as error:
            log.error("what was taken back meanwhile cannot be looked for: %s", first_line(error))
            return
        self._is_looked_for = False
        if missed:
            log.warning("%d sites' conference was taken back while nobody listened: %s", len(missed), missed[:20])

    def _take_push(self, push: Pushed | None) -> None:
        if push is not None and self._last_push.get(push.site) != push.id and self._pushes_size < PUSHES_WAIT_MAX:
            self._last_push[push.site] = push.id
            self._pushes.append(push)
            self._pushes_size += len(push.document)

    def _take_presence(self, heard: Presence | None) -> None:
        if heard is None or len(self._presence) >= WAIT_MAX:
            return
        said = (heard.session, heard.connection, heard.state)
        if said != self._last_presence.get(heard.site):
            _remember(self._last_presence, heard.site, said)
            self._presence.append(heard)

    def _take_name(self, said: SiteName | None) -> None:
        if said is None or len(self._names) >= WAIT_MAX:
            return
        name = (said.name, said.path, said.timezone)
        if self._last_name.get(said.site) != name:
            _remember(self._last_name, said.site, name)
            self._names.append(said)

    def _keep_conferences(self, told: Sequence[Summons | tuple[str, float]]) -> None:
        for _, group in groupby(told, type):
            both = list(group)
            self._store.conferences.keep_summons([each for each in both if isinstance(each, Summons)])
            self._store.conferences.keep_cleared([each for each in both if not isinstance(each, Summons)])

    def _write(self, what: str, write: Callable[[Sequence[T]], None], waiting: list[T]) -> None:
        try:
            _written(write, waiting)
        except SQLAlchemyError as error:
            log.error("%s cannot be written: %s", what, first_line(error))
            return
        waiting.clear()


def _written(write: Callable[[Sequence[T]], None], waiting: Sequence[T]) -> None:
    """Raises SQLAlchemyError: the database takes nothing."""
    if not waiting:
        return
    try:
        write(waiting)
    except ROWS_OWN_FAULT as error:
        if len(waiting) == 1:
            log.error("%s is refused by the database: %s", type(waiting[0]).__name__, first_line(error))
            return
        for each in waiting:  # one of them is no row for a database: the others must not be lost with it
            _written(write, [each])


def _remember(known: dict[str, T], site: str, said: T) -> None:
    if len(known) >= WAIT_MAX:
        known.clear()
    known[site] = said


def first_line(error: Exception) -> str:
    """An error of the database, short enough for the log."""
    return str(error).partition("\n")[0][:200]
