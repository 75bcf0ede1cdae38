"""The outbox's rows in SQLite: numbers, acknowledgements, and what goes when there is no room. Functions on a database
whose transaction the caller has opened.

Rows have numbers of their own instead of SQLite's AUTOINCREMENT, whose table is one more page written with every row.
Facts beside them: ``epoch`` (the present one; the first is made with the file), ``row.newest`` (written where the
newest row itself goes), and ``row.thinned`` (how far the present round of thinning has come). ``ack`` has one line for
each hour in which the centre acknowledged something: what is older than ``keep_days`` there may go; one more is for
what it acknowledged while nobody knew the time. ``epoch`` has one line for each later epoch: the rows above ``after``
are of it.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.core.contract import MAX_PAYLOAD_BYTES, HistoryEvent, HistoryHeadcount, HistoryRow, encode

TABLES = (
    "CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, at_s REAL NOT NULL, "
    "payload TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS ack (hour INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS epoch (after INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
)
AT_S = "coalesce(CAST(at_s AS REAL), 0)"
# Of the kinds that they are, also where a page is damaged: one row that nobody can read must not keep back the others.
COLUMNS = f"seq, coalesce(CAST(topic AS TEXT), ''), {AT_S}, coalesce(CAST(payload AS TEXT), '')"
SELECT = (
    f"SELECT {COLUMNS}, after, name FROM row "  # noqa: S608 # the columns above
    "LEFT JOIN epoch ON after = (SELECT max(after) FROM epoch WHERE after < seq)"
)
INSERT = "INSERT INTO row (seq, topic, at_s, payload) VALUES (?, ?, ?, ?)"
HEADCOUNT, EVENT = "history/headcount", "history/event"
TOPICS: dict[type[HistoryRow], str] = {HistoryHeadcount: HEADCOUNT, HistoryEvent: EVENT}
# How many rows one pass looks at: some 200 kB, which fit in the reserve; a tenth of a second of a slow card, in which
# nothing else is written.
THIN_AT_ONCE, DROP_AT_ONCE, RELEASE_AT_ONCE = 500, 500, 500
HOUR_S = 3600
UNDATED = 1 << 40  # no hour is as late: nothing goes by it
# What sending adds to a payload, at most: "prev" with the longest number that SQLite has.
PREV_BYTES = len('"prev":,') + 19
# Written by us, as the model writes it, and by nobody else.
HISTORICAL = '"historical":false'
ITS_EPOCH = re.compile(r'"epoch":"[^"]*"')  # the first one in a payload: what may hold any text comes after it
ITS_PLACE = re.compile(r'"epoch":"[^"]*","seq":\d+')


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row as it is on disk. ``at_s`` are the seconds since 1970 that its ``at`` says; ``prev`` is the number of the
    row before it, 0 where its epoch has none any more.
    """

    seq: int
    topic: str
    at_s: float
    payload: str
    prev: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that went before the centre had them: ``count`` of the numbers ``first`` to ``last``, and why."""

    first: int
    last: int
    count: int
    why: str


GapEvent = Callable[[Gap], HistoryEvent]


def epoch(db: Any) -> str:
    """The present epoch; made where there is none yet."""
    db.execute("INSERT OR IGNORE INTO fact (name, value) VALUES ('epoch', ?)", (str(uuid.uuid4()),))
    return _epoch(db)


def _epoch(db: Any) -> str:
    row = db.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
    return "" if row is None else str(row[0])


def standing(db: Any) -> tuple[str, int, int]:
    """Epoch, newest number, and up to where the centre has acknowledged; only read, which a file that somebody else
    holds allows. The epoch is empty where there was no row yet.
    """
    return _epoch(db), newest(db), acknowledged(db)


def new_epoch(db: Any, upto: int) -> str:
    """Begin a new epoch, which the rows above ``upto`` are of from now on, under the numbers that they have.

    No row is written anew, so that a backlog of months takes no longer than none. The rows up to ``upto`` keep the
    epoch by which the centre knows them, and their days.
    """
    name = str(uuid.uuid4())
    db.execute("INSERT OR REPLACE INTO fact (name, value) VALUES ('epoch', ?)", (name,))
    db.execute("INSERT OR REPLACE INTO epoch (after, name) VALUES (?, ?)", (upto, name))
    return name


def newest(db: Any) -> int:
    """The highest number that was ever given in this epoch."""
    (row,) = db.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM row), 0), "
        "coalesce((SELECT value FROM fact WHERE name = 'row.newest'), 0))"
    ).fetchone()
    return int(row)


def acknowledged(db: Any) -> int:
    """Up to where the centre has acknowledged, as far as that was written down."""
    return int(db.execute("SELECT coalesce(max(upto), 0) FROM ack").fetchone()[0])


def append(db: Any, rows: Iterable[HistoryRow]) -> int:
    """Number the rows and write them. Returns the newest number."""
    its_epoch, before = epoch(db), newest(db)
    numbered = [row.model_copy(update={"epoch": its_epoch, "seq": seq}) for seq, row in enumerate(rows, before + 1)]
    db.executemany(INSERT, [(row.seq, TOPICS[type(row)], row.at.timestamp(), _text(row)) for row in numbered])
    return before + len(numbered)


def go_on(source: Any, target: Any) -> None:
    """The rows of another database that the centre has not, as the newest ones of this one. Their text is not read: of
    months without a disk there may be thousands, while a press waits.
    """
    its_epoch, before = epoch(target), newest(target)
    # A commit that failed may be on the disk all the same, and be tried again.
    mark = f"row.came.{epoch(source)}"
    came = target.execute("SELECT coalesce(max(value), 0) FROM fact WHERE name = ?", (mark,)).fetchone()[0]
    after = max(acknowledged(source), came)
    found = source.execute(f"SELECT {COLUMNS} FROM row WHERE seq > ? ORDER BY seq", (after,))  # noqa: S608
    rows = [
        (seq, topic, at_s, ITS_PLACE.sub(f'"epoch":"{its_epoch}","seq":{seq}', payload, count=1))
        for seq, (_, topic, at_s, payload) in enumerate(found, before + 1)
    ]
    target.executemany(INSERT, rows)
    target.execute("DELETE FROM fact WHERE name LIKE 'row.came.%'")
    target.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (mark, newest(source)))


def _text(row: HistoryRow) -> str:
    """A row that no broker would take is kept without what makes it so large: it would end every connection."""
    raw = encode(row)
    if len(raw) > MAX_PAYLOAD_BYTES - PREV_BYTES and isinstance(row, HistoryEvent):
        raw = encode(row.model_copy(update={"detail": {"too_large_bytes": len(raw)}}))
    return raw.decode()


def some(db: Any, seqs: Sequence[int]) -> list[StoredRow]:
    """The rows of these numbers; in the place of one that is gone the next one that is there, which says so."""
    first = 1 + db.execute("SELECT coalesce(max(after), 0) FROM epoch").fetchone()[0]
    found: dict[int, StoredRow] = {}
    for seq in seqs:
        row = db.execute(f"{SELECT} WHERE seq >= ? ORDER BY seq LIMIT 1", (max(seq, first),)).fetchone()
        if row is not None and row[0] not in found:
            found[row[0]] = _stored(row, _before(db, row[0]))
    return list(found.values())


def following(db: Any, after: int, count: int) -> list[StoredRow]:
    """The next ``count`` rows with a number above ``after``."""
    found = db.execute(f"{SELECT} WHERE seq > ? ORDER BY seq LIMIT ?", (after, count)).fetchall()
    before = [_before(db, found[0][0]), *(row[0] for row in found)] if found else []
    return [_stored(row, prev) for row, prev in zip(found, before, strict=False)]


def is_whole(row: StoredRow) -> bool:
    """Whether it can be read as what it was written as: SQLite has no sums over its pages, a damaged one may open."""
    try:
        document = json.loads(row.payload)
    except (ValueError, RecursionError):
        return False
    is_ours = isinstance(document, dict) and document.get("seq") == row.seq
    return is_ours and HISTORICAL in row.payload and row.topic in (HEADCOUNT, EVENT)


def instead(row: StoredRow, its_epoch: str, note: HistoryEvent) -> StoredRow:
    """What is sent in the place of one that is not: the centre waits for its number."""
    return replace(row, topic=EVENT, payload=_text(note.model_copy(update={"epoch": its_epoch, "seq": row.seq})))


def _stored(row: tuple[int, str, float, str, int | None, str | None], prev: int) -> StoredRow:
    seq, topic, at_s, payload, after, its_epoch = row
    if after is None:
        return StoredRow(seq, topic, at_s, payload, prev)
    payload = ITS_EPOCH.sub(f'"epoch":"{its_epoch}"', payload, count=1)
    return StoredRow(seq, topic, at_s, payload, prev if prev > after else 0)


def _before(db: Any, seq: int) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM row WHERE seq < ?", (seq,)).fetchone()[0])


def oldest_s(db: Any, upto: int) -> float | None:
    """When the oldest row that the centre has not was made (seconds since 1970); None: it has all."""
    row = db.execute(f"SELECT {AT_S} FROM row WHERE seq > ? ORDER BY seq LIMIT 1", (upto,)).fetchone()  # noqa: S608
    return None if row is None else float(row[0])


def acknowledge(db: Any, upto: int, now_s: float | None) -> None:
    """Write down what the centre has. ``now_s``: seconds since 1970; None: nobody knows (see ``date``)."""
    db.execute(
        "INSERT INTO ack (hour, upto) VALUES (?, ?) ON CONFLICT (hour) DO UPDATE SET upto = max(upto, excluded.upto)",
        (UNDATED if now_s is None else int(now_s // HOUR_S), upto),
    )


def date(db: Any, now_s: float) -> None:
    """Now that the time is known: what was acknowledged before counts its days from here."""
    (upto,) = db.execute("SELECT max(upto) FROM ack WHERE hour = ?", (UNDATED,)).fetchone()
    if upto is not None:
        acknowledge(db, upto, now_s)
        db.execute("DELETE FROM ack WHERE hour = ?", (UNDATED,))


def forget(db: Any, before_s: float, upto: int, missing: Sequence[int] = ()) -> int:
    """Let go of a piece of the rows that the centre has acknowledged before that time.

    Args:
        before_s: Seconds since 1970.
        upto: All up to it is at the centre now, which may have been put back to a backup meanwhile,
        missing: but for these.

    Returns:
        How many went; 0: there are no more.
    """
    hour = int(before_s // HOUR_S)
    (known,) = db.execute("SELECT max(upto) FROM ack WHERE hour < ?", (hour,)).fetchone()
    if known is None:
        return 0
    if not (gone := _release(db, min(known, upto), missing)):
        db.execute("DELETE FROM ack WHERE hour < ? AND upto < (SELECT max(upto) FROM ack)", (hour,))
    return gone


def used_bytes(db: Any) -> int:
    """How much of the file is in use."""
    pages = db.execute("PRAGMA page_count").fetchone()[0] - db.execute("PRAGMA freelist_count").fetchone()[0]
    return int(pages * db.execute("PRAGMA page_size").fetchone()[0])


def make_room(db: Any, upto: int, gap_event: GapEvent, missing: Sequence[int] = ()) -> bool:
    """One pass: what the centre has goes first, then every other headcount row, then the oldest rows.

    Args:
        upto: All up to it is at the centre,
        missing: but for these, which stay.
        gap_event: Makes the row that says what is missing from now on.

    Returns:
        Whether anything went.
    """
    if _release(db, upto, missing):
        return True
    gap = _thinned(db, upto) or _dropped(db, upto)
    if gap is None:
        return False
    append(db, [gap_event(gap)])
    return True


def _release(db: Any, upto: int, missing: Sequence[int]) -> int:
    """Delete the oldest rows that the centre has; returns how many."""
    return _delete(
        db,
        "seq IN (SELECT seq FROM row WHERE seq <= ? AND seq NOT IN (SELECT value FROM json_each(?)) "
        "ORDER BY seq LIMIT ?)",
        (upto, json.dumps(list(missing)), RELEASE_AT_ONCE),
    )


def _thinned(db: Any, upto: int) -> Gap | None:
    """Every other headcount row of the next piece. When that would be a short one, of the newest rows, the next round
    begins.
    """
    for after, least in ((_thinned_to(db), THIN_AT_ONCE), (upto, 0)):
        piece = db.execute(
            f"SELECT {COLUMNS} FROM row WHERE seq >= "  # noqa: S608
            "(SELECT seq FROM row WHERE seq > ? AND topic = ? ORDER BY seq LIMIT 1) ORDER BY seq LIMIT ?",
            (max(after, upto), HEADCOUNT, THIN_AT_ONCE),
        ).fetchall()
        found = [seq for seq, topic, *_ in piece if topic == HEADCOUNT]
        if len(found) > 1 and len(piece) >= least:
            gone, stay = found[::2], set(found[1::2])
            left = [row for row in piece if row[0] in stay or row[1] != HEADCOUNT]
            # All out, and what stays in again: a page that is half empty is as long as a full one, and no later row
            # would come into it.
            _delete(db, "seq >= ? AND seq <= ?", (piece[0][0], piece[-1][0]))
            db.executemany(INSERT, left)
            db.execute("INSERT OR REPLACE INTO fact (name, value) VALUES ('row.thinned', ?)", (found[-1],))
            return Gap(gone[0], gone[-1], len(gone), "outbox_full")
    return None


def _thinned_to(db: Any) -> int:
    row = db.execute("SELECT value FROM fact WHERE name = 'row.thinned'").fetchone()
    return 0 if row is None else int(row[0])


def _dropped(db: Any, upto: int) -> Gap | None:
    found = db.execute("SELECT seq FROM row WHERE seq > ? ORDER BY seq LIMIT ?", (upto, DROP_AT_ONCE)).fetchall()
    if len(found) < DROP_AT_ONCE:
        return None  # what is left is worth more than the room that it takes
    _delete(db, "seq >= ? AND seq <= ?", (found[0][0], found[-1][0]))
    return Gap(found[0][0], found[-1][0], len(found), "outbox_full")


def _delete(db: Any, where: str, arguments: tuple[int | str, ...]) -> int:
    """Delete rows; where the newest number may go with them it is written down, so that it is never given again."""
    before = newest(db)
    db.execute(f"DELETE FROM row WHERE {where}", arguments)  # noqa: S608 # the conditions stand in this file
    gone = int(db.execute("SELECT changes()").fetchone()[0])
    if gone:
        db.execute("INSERT OR REPLACE INTO fact (name, value) VALUES ('row.newest', ?)", (before,))
    return gone
