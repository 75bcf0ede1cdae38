"""The centre's database: rows of the history, as they came. SQLite, or PostgreSQL by its URL.

A row's key is the site's ``(epoch, seq)``: what comes twice, or by way of two recorders, is there once. ``at_s`` is the
best time that is known: a row from before the site's clock was set is dated anew as soon as another row of the same
boot tells when that was.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from agent.console.progress import Here
from agent.console.recorder_conferences import ConferenceLog
from agent.console.recorder_configs import ConfigLog
from agent.console.recorder_tables import BOOT, META, PROGRESS, ROW
from agent.core.contract import HistoryEvent, HistoryHeadcount, HistoryRow

# How many numbers are looked at for one acknowledgement: a site sends a hundred at once, and one has a second's worth.
LOOK_AT = 20_000
LOOK_FOR = 500  # sites in one question; SQLite takes 32,766 parameters
EPOCHS_MAX = 8  # a site has one, and a new one when its disk was lost
BOOTS_MAX = 50_000
BUSY_S = 10.0
TABLES_TRIES, TABLES_WAIT_S = 5, 0.2
WAL_WAIT_S = 0.05

ABOVE = (
    select(ROW.c.seq, ROW.c.prev)
    .where(ROW.c.site == bindparam("of_site"), ROW.c.epoch == bindparam("of_epoch"), ROW.c.seq > bindparam("above"))
    .order_by(ROW.c.seq)
    .limit(LOOK_AT)
)

Key = tuple[str, str]  # site and epoch
Boot = tuple[str, str]  # site and boot id


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it came from a site."""

    site: str
    topic: str
    payload: HistoryRow
    raw: str
    received_s: float


def unreadable(site: str, raw: str, epoch: str, seq: int, prev: int | None, received_s: float) -> Row:
    """A row that is none for this version: kept as it came, so that the site need not send it for ever."""
    moment = datetime.fromtimestamp(received_s, UTC)
    payload = HistoryRow(
        at=moment, session="", clock="unsynced", epoch=epoch, seq=seq, boot_id="", uptime_s=0.0, prev=prev
    )
    return Row(site, "history/unreadable", payload, raw, received_s)


class Store:
    """The database. Thread: one at a time.

    Args:
        url: SQLAlchemy's, such as ``sqlite:////var/lib/diemcau/centre.db`` or ``postgresql+psycopg://user@host/name``.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._upsert = self._upsert_of_rows()
        self.configs = ConfigLog(self._engine)
        self.conferences = ConferenceLog(self._engine)
        self._began: dict[Boot, float] = {}  # what does not change any more, so it need not be asked for again

    @property
    def engine(self) -> Engine:
        """For the board and the report."""
        return self._engine

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def file(self) -> str | None:
        """SQLite's file; None: it is no file."""
        is_file = self._engine.dialect.name == "sqlite" and self._engine.url.database not in (None, "", ":memory:")
        return self._engine.url.database if is_file else None

    def start(self) -> None:
        """Make the tables that are not there, and SQLite's file for this user alone: it says who was where, and holds
        the board's users. Raises sqlalchemy.exc.SQLAlchemyError.
        """
        if self.file is not None and not self.file.startswith("file:"):
            with suppress(OSError):  # it is there, and as its owner wants it; or SQLite says what is wrong
                os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        for _ in range(TABLES_TRIES):
            try:
                return META.create_all(self._engine)
            except SQLAlchemyError as error:
                if not _was_made_meanwhile(error):
                    raise
                time.sleep(TABLES_WAIT_S)  # a centre's first start: recorder and board make them at the same moment
        return META.create_all(self._engine)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def write(self, rows: Sequence[Row]) -> set[Key]:
        """Write rows in one transaction; those that are there already are passed over.

        Returns:
            Sites and epochs that the rows are of.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: None of them is written.
        """
        if not rows:
            return set()
        with self._engine.begin() as db:
            boots = self._boots(db, rows)
            # Not Core's executemany: it looks at each value of each row, and takes as long for that as SQLite for all.
            db.exec_driver_sql(self._upsert, [_values(row, boots) for row in rows])
        return {(row.site, row.payload.epoch) for row in rows}

    def look(self, keys: Iterable[Key]) -> Iterator[tuple[Key, int, list[Here]]]:
        """For each: from where, and which rows above that are here (the arguments of ``progress``).

        Raises:
            sqlalchemy.exc.SQLAlchemyError: While it is gone through.
        """
        wanted = list(keys)
        for at in range(0, len(wanted), LOOK_FOR):
            with self._engine.connect() as db:
                known = self._upto(db, wanted[at : at + LOOK_FOR])
                for site, epoch in wanted[at : at + LOOK_FOR]:
                    upto = known.get((site, epoch), 0)
                    found = db.execute(ABOVE, {"of_site": site, "of_epoch": epoch, "above": upto})
                    yield (site, epoch), upto, [(seq, prev) for seq, prev in found]

    def _upto(self, db: Connection, keys: Sequence[Key]) -> dict[Key, int]:
        asked = select(PROGRESS).where(tuple_(PROGRESS.c.site, PROGRESS.c.epoch).in_(keys))
        return {(site, epoch): upto for site, epoch, upto in db.execute(asked)}

    def remember(self, reached: Iterable[tuple[Key, int]]) -> None:
        """Write down how far it is, so that it need not be looked at again."""
        values = [{"site": site, "epoch": epoch, "upto": upto} for (site, epoch), upto in reached]
        if values:
            with self._engine.begin() as db:
                insert = self._dialect.insert(PROGRESS)
                newer = insert.on_conflict_do_update(
                    index_elements=["site", "epoch"],
                    set_={"upto": insert.excluded.upto},
                    where=PROGRESS.c.upto < insert.excluded.upto,
                )
                db.execute(newer, values)

    def keys(self) -> list[Key]:
        """Every site and epoch that was ever acknowledged; but not of a site that has made up more epochs than disks
        can be lost: it hears when it sends.
        """
        honest = select(PROGRESS.c.site).group_by(PROGRESS.c.site).having(func.count() <= EPOCHS_MAX)
        asked = select(PROGRESS.c.site, PROGRESS.c.epoch).where(PROGRESS.c.site.in_(honest))
        with self._engine.connect() as db:
            return [(site, epoch) for site, epoch in db.execute(asked)]

    @property
    def _dialect(self) -> Any:
        return postgresql if self._engine.dialect.name == "postgresql" else sqlite

    def _upsert_of_rows(self) -> str:
        """Rows that are there already are passed over; but what is before them may have gone meanwhile."""
        insert = self._dialect.insert(ROW)
        less = insert.excluded.prev < ROW.c.prev
        key = ["site", "epoch", "seq"]
        newer = insert.on_conflict_do_update(index_elements=key, set_={"prev": insert.excluded.prev}, where=less)
        return str(newer.compile(dialect=self._engine.dialect))

    def _boots(self, db: Connection, rows: Sequence[Row]) -> dict[Boot, float]:
        """When each boot of the rows began, where that is known; what was written of it before is dated anew."""
        known: dict[Boot, float] = {}
        told: dict[Boot, float] = {}
        unknown: set[Boot] = set()
        for row in rows:
            key = (row.site, row.payload.boot_id)
            if (began_s := self._began.get(key)) is not None:
                known[key] = began_s
                continue
            unknown.add(key)
            if row.payload.clock == "synced":
                told[key] = row.payload.at.timestamp() - row.payload.uptime_s
        known |= self._asked_boots(db, unknown)
        new = {key: began_s for key, began_s in told.items() if key not in known}
        if new:
            values = [{"site": site, "boot_id": boot_id, "began_s": at_s} for (site, boot_id), at_s in new.items()]
            db.execute(self._dialect.insert(BOOT).on_conflict_do_nothing(), values)
        for (site, boot_id), began_s in new.items():
            _date_anew(db, site, boot_id, began_s)
        return known | new

    def _asked_boots(self, db: Connection, wanted: Iterable[Boot]) -> dict[Boot, float]:
        """Those that the database has; only these are kept in memory, for the first one that was written is right."""
        found: dict[Boot, float] = {}
        for site, boot_id in wanted:
            asked = select(BOOT.c.began_s).where(BOOT.c.site == site, BOOT.c.boot_id == boot_id)
            began_s = db.execute(asked).scalar()
            if began_s is not None:
                found[(site, boot_id)] = began_s
        if len(self._began) > BOOTS_MAX:
            self._began.clear()
        self._began.update(found)
        return found


def _engine(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True)  # an error's text goes to the log
    if engine.dialect.name == "sqlite":
        # Values by name, as PostgreSQL's driver has them.
        engine = create_engine(url, paramstyle="named", hide_parameters=True)

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous=FULL")  # an acknowledgement says that it is on the disk

    return engine


def _write_ahead(connection: Any) -> None:
    """SQLite's write-ahead log. Where two make it at one moment, SQLite refuses one of them without waiting at all."""
    until_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
        time.sleep(WAL_WAIT_S)


def _was_made_meanwhile(error: SQLAlchemyError) -> bool:
    """Somebody else has made the table between our look and our CREATE: PostgreSQL's classes, SQLite's words."""
    return isinstance(error, ProgrammingError | IntegrityError) or "already exists" in str(error)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _values(row: Row, boots: dict[tuple[str, str], float]) -> dict[str, Any]:
    payload = row.payload
    said_s = _seconds(payload.at)
    began_s = boots.get((row.site, payload.boot_id))
    late_s = 0.0 if payload.clock == "synced" or began_s is None else began_s + payload.uptime_s - said_s
    is_count, is_event = isinstance(payload, HistoryHeadcount), isinstance(payload, HistoryEvent)
    return {
        "site": row.site,
        "epoch": payload.epoch,
        "seq": payload.seq,
        "topic": row.topic,
        "at_s": said_s + late_s,
        "said_at_s": said_s,
        "clock": payload.clock,
        "boot_id": payload.boot_id,
        "uptime_s": payload.uptime_s,
        "received_s": row.received_s,
        "prev": payload.seq - 1 if payload.prev is None else min(payload.prev, payload.seq - 1),
        "from_s": _seconds(payload.from_) + late_s if isinstance(payload, HistoryHeadcount) else None,
        "to_s": _seconds(payload.to) + late_s if isinstance(payload, HistoryHeadcount) else None,
        **{name: getattr(payload, name) if is_count else None for name in HEADCOUNT_FIELDS},
        **{name: getattr(payload, name) if is_event else None for name in EVENT_FIELDS},
        "payload": row.raw,
    }


HEADCOUNT_FIELDS = ("value", "people_minutes", "unknown_s", "conference")
EVENT_FIELDS = ("kind", "severity")


def _date_anew(db: Connection, site: str, boot_id: str, began_s: float) -> None:
    """Rows of this boot from before its clock was set: their uptime says when they really were."""
    late_s = began_s + ROW.c.uptime_s - ROW.c.said_at_s
    moved = {"at_s": began_s + ROW.c.uptime_s, "from_s": ROW.c.from_s + late_s, "to_s": ROW.c.to_s + late_s}
    mine = (ROW.c.site == site, ROW.c.boot_id == boot_id, ROW.c.clock == "unsynced")
    db.execute(ROW.update().where(*mine).values(**moved))
