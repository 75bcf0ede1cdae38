"""Acknowledged incidents, in the centre's database; every board reads them again and again."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from agent.console.board.board_tables import ACKNOWLEDGEMENT, insert_into
from agent.console.board.users import Clock

READ_EVERY_S = 2.0
KEPT_S = 90 * 86_400.0
NOT_KNOWN = -1.0  # since when; a key of a table is never empty

log = logging.getLogger("diemcau.board")


@dataclass(frozen=True, slots=True)
class Ack:
    """Who looks after an issue of a site that began at ``since_s`` (None: not known when). Seconds since 1970."""

    by: str
    at_s: float
    since_s: float | None


Acks = Mapping[tuple[str, str], Ack]  # by site and issue's key


class AckLog:
    """Thread: any. Every method raises sqlalchemy.exc.SQLAlchemyError where the database is away."""

    def __init__(self, engine: Engine, now: Clock = time.time) -> None:
        self._engine, self._now = engine, now

    def keep(self, site: str, issue: str, since_s: float | None, by: str) -> None:
        """Somebody looks after it; who did so first stays."""
        key = {"site": site, "issue": issue, "since_s": NOT_KNOWN if since_s is None else since_s}
        first = insert_into(self._engine, ACKNOWLEDGEMENT).on_conflict_do_nothing()
        with self._engine.begin() as db:
            old = ACKNOWLEDGEMENT.c.at_s < self._now() - KEPT_S
            db.execute(ACKNOWLEDGEMENT.delete().where(old))
            db.execute(first, {**key, "by": by, "at_s": self._now()})

    def all(self) -> Acks:
        """The newest of each issue."""
        columns = ACKNOWLEDGEMENT.c
        with self._engine.connect() as db:
            found = db.execute(select(ACKNOWLEDGEMENT).order_by(columns.at_s)).all()
        return {
            (row.site, row.issue): Ack(row.by, row.at_s, None if row.since_s == NOT_KNOWN else row.since_s)
            for row in found
        }


class AckReader:
    """Reads them every two seconds on its own thread and hands on what has changed.

    Args:
        acks: The table.
        on_change: Told on that thread, or by ``read`` on its caller's.
    """

    def __init__(self, acks: AckLog, on_change: Callable[[Acks], None], every_s: float = READ_EVERY_S) -> None:
        self._acks, self._on_change, self._every_s = acks, on_change, every_s
        self._known: Acks = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="acks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(3)

    def read(self) -> None:
        """Read them now. Raises sqlalchemy.exc.SQLAlchemyError."""
        found = self._acks.all()
        if found != self._known:
            self._on_change(found)
            self._known = found

    def _run(self) -> None:
        is_away = False
        while not self._stop.is_set():
            try:
                self.read()
                is_away = False
            except SQLAlchemyError as error:
                if not is_away:
                    log.warning("board: the acknowledgements cannot be read: %s", type(error).__name__)
                is_away = True
            self._stop.wait(self._every_s)
