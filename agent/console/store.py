"""The centre's database: rows of the history, as they came. SQLite, or PostgreSQL by its URL.

A row's key is the site's ``(epoch, seq)``: what comes twice, or by way of two recorders, is there once. ``at_s`` is the
best time that is known: a row from before the site's clock was set is dated anew as soon as another row of the same
boot tells when that was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from agent.console.progress import Here
from agent.core.contract import HistoryEvent, HistoryHeadcount, HistoryRow

META = MetaData()
SITE, EPOCH = String(63), String(36)
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite's INTEGER has 64 bits

ROW = Table(
    "history_row",
    META,
    Column("site", SITE, primary_key=True),
    Column("epoch", EPOCH, primary_key=True),
    Column("seq", NUMBER, primary_key=True),
    Column("topic", String(20), nullable=False),
    Column("at_s", Float, nullable=False),  # seconds since 1970, corrected
    Column("said_at_s", Float, nullable=False),  # as the site said
    Column("clock", String(8), nullable=False),
    Column("boot_id", String(36), nullable=False),
    Column("uptime_s", Float, nullable=False),
    Column("received_s", Float, nullable=False),
    Column("prev", NUMBER, nullable=False),  # the row before it that the site still has
    # A headcount's
    Column("from_s", Float),
    Column("to_s", Float),
    Column("value", Integer),
    Column("people_minutes", Float),
    Column("unknown_s", Float),
    Column("conference", String(64)),
    # An event's
    Column("kind", String(40)),
    Column("severity", String(8)),
    # All of it, as JSON
    Column("payload", Text, nullable=False),
    Index("history_row_time", "site", "at_s"),
    Index("history_row_boot", "site", "boot_id", "clock"),
)
PROGRESS = Table(
    "progress",
    META,
    Column("site", SITE, primary_key=True),
    Column("epoch", EPOCH, primary_key=True),
    Column("upto", NUMBER, nullable=False),
)
BOOT = Table(
    "boot",
    META,
    Column("site", SITE, primary_key=True),
    Column("boot_id", String(36), primary_key=True),
    Column("began_s", Float, nullable=False),  # seconds since 1970 at the machine's start
)
# How many numbers are looked at for one acknowledgement: a site sends a hundred at once, and one has a second's worth.
LOOK_AT = 20_000
BUSY_S = 10.0

Key = tuple[str, str]  # site and epoch


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
        """Make the tables that are not there. Raises sqlalchemy.exc.SQLAlchemyError."""
        META.create_all(self._engine)

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
            self._insert(db, ROW, [_values(row, boots) for row in rows])
        return {(row.site, row.payload.epoch) for row in rows}

    def look(self, key: Key) -> tuple[int, list[Here]]:
        """From where, and which rows above that are here: the arguments of ``progress``."""
        site, epoch = key
        with self._engine.connect() as db:
            known = select(PROGRESS.c.upto).where(PROGRESS.c.site == site, PROGRESS.c.epoch == epoch)
            upto = db.execute(known).scalar() or 0
            mine = (ROW.c.site == site, ROW.c.epoch == epoch, ROW.c.seq > upto)
            found = db.execute(select(ROW.c.seq, ROW.c.prev).where(*mine).order_by(ROW.c.seq).limit(LOOK_AT))
            return upto, [(seq, prev) for seq, prev in found]

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
        """Every site and epoch that was ever acknowledged."""
        with self._engine.connect() as db:
            return [(site, epoch) for site, epoch in db.execute(select(PROGRESS.c.site, PROGRESS.c.epoch))]

    @property
    def _dialect(self) -> Any:
        return postgresql if self._engine.dialect.name == "postgresql" else sqlite

    def _insert(self, db: Connection, table: Table, values: list[dict[str, Any]]) -> None:
        """Rows that are there already are passed over; but what is before them may have gone meanwhile."""
        if not values:
            return
        insert = self._dialect.insert(table)
        if table is not ROW:
            db.execute(insert.on_conflict_do_nothing(), values)
            return
        less = insert.excluded.prev < ROW.c.prev
        key = ["site", "epoch", "seq"]
        db.execute(
            insert.on_conflict_do_update(index_elements=key, set_={"prev": insert.excluded.prev}, where=less), values
        )

    def _boots(self, db: Connection, rows: Sequence[Row]) -> dict[tuple[str, str], float]:
        """When each boot of the rows began, where that is known; what was written of it before is dated anew."""
        wanted = {(row.site, row.payload.boot_id) for row in rows}
        told = {
            (row.site, row.payload.boot_id): _seconds(row.payload.at) - row.payload.uptime_s
            for row in rows
            if row.payload.clock == "synced"
        }
        known: dict[tuple[str, str], float] = {}
        for site, boot_id in wanted:
            found = db.execute(select(BOOT.c.began_s).where(BOOT.c.site == site, BOOT.c.boot_id == boot_id)).scalar()
            if found is not None:
                known[(site, boot_id)] = found
        new = {key: began_s for key, began_s in told.items() if key not in known}
        self._insert(db, BOOT, [{"site": site, "boot_id": boot, "began_s": at} for (site, boot), at in new.items()])
        for (site, boot_id), began_s in new.items():
            _date_anew(db, site, boot_id, began_s)
        return known | new


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")  # an acknowledgement says that it is on the disk
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")

    return engine


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
