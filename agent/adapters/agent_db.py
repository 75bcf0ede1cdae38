"""``agent.db``: what must survive a reboot, in SQLite: the connection's number, where the power stood, the conference,
executed commands, human counts, and the rows of the history (``history_rows.py``)."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from agent.adapters import memory_rows
from agent.adapters.agent_file import (
    WAL_MAX_BYTES,
    family,
    is_damage,
    is_for_want_of_room,
    move_aside,
    open_database,
)
from agent.adapters.agent_file import connect as default_connect
from agent.adapters.files import Reserve
from agent.adapters.memory_rows import BUSY_S
from agent.core.commands import Keep, KeepResult
from agent.core.events import Memory

log = logging.getLogger("diemcau.db")

T = TypeVar("T")
Connect = Callable[[Path], Any]

LOOKS_LEFT_MAX = 64  # half an hour
FAILURES_MAX = 3  # in a row; each is half a minute after the one before
ATTEMPTS = 5  # at one transaction: on a full disk there are some things that can be done about it
PAGES_MAX = 1 << 30


class AgentDb:
    """The box's memory. A file that cannot be used is moved aside and a new one begins; with a disk that cannot be
    written the agent goes on from memory, since a room is worth more than a number: rows of the history then go to the
    centre all the same, but survive no restart. Once the disk takes them again they go on there.

    Thread: any; one lock.

    Args:
        path: The file.
        connect: Opens a database; a test gives one whose disk loses its power.
    """

    def __init__(self, path: Path, connect: Connect | None = None) -> None:
        self._path = path
        self._connect = connect or default_connect
        self._lock = threading.Lock()
        self._db: Any = None
        self._is_volatile = False
        self._failures = 0
        self._connection = 0
        self._has_lost = self._is_held = False
        self._is_sound = True  # what was written earlier is on the disk
        self._is_short = False  # the disk was full, and the file may not grow
        self._given_up, self._looks_left = 0, 0  # how often, and how long the disk is left alone for it
        self._trouble = ""  # why it cannot be used again, as it was last told
        self._is_whole = False  # ``_known`` has what the file has
        # Commands and human counts once more, for a new file: a command must not be carried out a second time.
        self._known = open_database(sqlite3.connect(":memory:", check_same_thread=False))
        self.began_anew: str | None = None  # why, in one word; None: the file is the one that it was
        self._reserve = Reserve(path.with_name("agent.reserve"))
        # Set by the outbox: told the newest number when rows were written, told of a new file, and asked for room.
        self.on_rows: Callable[[int], None] = lambda newest: None
        self.on_new_file: Callable[[], None] = lambda: None
        self.when_full: Callable[[Any], bool] = lambda db: False
        self.on_return: Callable[[], None] = lambda: None  # set by the root: the disk is back, and has older facts

    def start(self) -> None:
        """Open the file, or begin a new one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened_somehow(self._opened)
            self._reserve.make()
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be written: %s; going on from memory", self._path, error)
            self._know_unwritable()
            self._go_on_from_memory(is_start=True)

    @property
    def is_volatile(self) -> bool:
        """Nothing survives a restart: there is no disk that can be written."""
        return self._is_volatile

    def write(self, job: Callable[[Any], T]) -> T | None:
        """Run ``job`` on the database in one transaction; what it returns once all of it is on disk.

        None: it could not be written. Thread: any.
        """
        with self._lock:
            return self._write(job)

    def read(self, job: Callable[[Any], T], otherwise: T) -> T:
        """Run ``job``, which only reads; ``otherwise`` where nothing can be read. Thread: any."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    return otherwise if self._db is None else job(self._db)
                except sqlite3.Error as error:
                    log.error("%s cannot be read: %s", self._path, error)
                    if attempt == 2 or not self._can_help(error, iter(())):
                        break
            return otherwise

    def tend(self) -> None:
        """Take the reserve again where there is room, keep the log short, and come back to a disk that had failed. Now
        and then; thread: any.
        """
        if self._is_due():
            self._return()
        with self._lock:
            if self._db is None or self._is_volatile:
                return
            self._shorten_log(WAL_MAX_BYTES)
            if self._reserve.make() and self._is_short:
                self._bound_file(PAGES_MAX)

    def next_connection(self) -> int:
        """One more than the last number, on disk before it is returned. Thread: any."""
        least = self._connection + 1  # a file that began anew must not count from 1
        number = self.write(lambda db: memory_rows.increment(db, least))
        with self._lock:
            self._connection = number or least
            return self._connection

    def memory(self) -> Memory:
        """What earlier runs kept; empty where nothing can be read. Thread: any."""
        with self._lock:
            try:
                if self._db is not None and not self._is_volatile:
                    self._know(self._db)
                    self._is_whole = True
                    return memory_rows.memory(self._db)
                return self._read_only(memory_rows.memory, Memory())
            except (sqlite3.Error, ValueError, TypeError, RecursionError, OSError) as error:
                log.error("%s: executed commands and human counts cannot be read: %s", self._path, error)
                return Memory()

    def keep_result(self, order: KeepResult) -> bool:
        """Write a command's result and what it changed; True when all of it is on disk. Thread: any."""
        with self._lock:
            with suppress(sqlite3.Error, UnicodeError), self._known:
                memory_rows.keep_result(self._known, order)
            done = self._write(lambda db: memory_rows.keep_result(db, order))
        return done is not None and not self._is_volatile

    def keep(self, order: Keep) -> bool:
        """Write facts and rows of the history, in one transaction; True once all of it is written. Thread: any.

        Of rows that can be kept in memory only it says True too: they are on their way.
        """
        newest = self.write(lambda db: memory_rows.keep(db, order))
        if newest is not None and order.rows:
            self.on_rows(newest)
        return newest is not None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
            self._known.close()

    def _write(self, job: Callable[[Any], T]) -> T | None:
        spares = () if self._is_short else (self._shorten_log, self._spent_half)
        makes_room = iter((*spares, self._made_room, self._made_room))
        for attempt in range(1, ATTEMPTS + 1):
            if self._db is None:
                return None
            if not (self._is_sound or self._reopened()):
                break
            try:
                with self._db:
                    done = job(self._db)
                self._failures = 0
                return done
            except UnicodeError as error:  # half a letter, which no file can hold
                log.error("what is to be kept is no text: %s", error)
                return None
            except sqlite3.Error as error:
                log.error("%s cannot be written: %s", self._path, error)
                if attempt == ATTEMPTS or not self._can_help(error, makes_room):
                    break
        self._failures += 1
        if self._failures >= FAILURES_MAX and not self._is_volatile:
            log.error("%s: given up; going on from memory", self._path)
            self._go_on_from_memory()
        return None

    def _can_help(self, error: Exception, makes_room: Iterator[Callable[[], bool]]) -> bool:
        """Make it likelier that the next attempt works."""
        if family(error) == sqlite3.SQLITE_FULL:
            return any(makes() for makes in makes_room)
        if is_damage(error) and not self._is_volatile:
            self._db.close()
            try:
                move_aside(self._path)  # it opens, and what is in it cannot be believed
            except OSError as moving:  # a card that gives back nonsense has often become read-only too
                log.error("%s cannot be moved aside: %s; going on from memory", self._path, moving)
                self._go_on_from_memory()
                return True
            is_there = self._reopened()
            self._begun_anew("disk_damaged", self._db)
            return is_there
        return family(error) == sqlite3.SQLITE_IOERR and self._reopened()

    def _shorten_log(self, most_bytes: int = 0) -> bool:
        """Bring the log into the file. Who reads, and does not end, has it grow: that is said once, and nobody waits.
        Returns whether it is shorter.
        """
        log_file = self._path.with_name(f"{self._path.name}-wal")
        try:
            if log_file.stat().st_size <= most_bytes:
                return False
            self._db.execute("PRAGMA busy_timeout=0")
            try:
                is_held = bool(self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            finally:
                self._db.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be shortened: %s", log_file, error)
            return False
        if is_held and not self._is_held:
            log.warning("%s grows: another program is reading %s and does not end", log_file, self._path)
        self._is_held = is_held
        return not is_held

    def take_loss(self) -> bool:
        """Whether facts that were on disk are there no more, since this was asked last. Thread: any."""
        lost, self._has_lost = self._has_lost, False
        return lost

    def _spent_half(self) -> bool:
        has_room = self._reserve.halve()
        self._shorten_log()  # for which there may not have been enough
        return has_room

    def _made_room(self) -> bool:
        self._reserve.release()
        self._shorten_log()
        try:
            with self._db:
                has_gone = self.when_full(self._db)
        except sqlite3.Error as error:
            log.error("no room can be made in %s: %s", self._path, error)
            return False
        self._shorten_log()
        # What is left of the disk is for the log, and for the reserve: rows have what other rows have left.
        self._bound_file(self._db.execute("PRAGMA page_count").fetchone()[0])
        self._reserve.make()
        return has_gone

    def _bound_file(self, pages: int) -> None:
        self._is_short = pages < PAGES_MAX
        self._db.execute(f"PRAGMA max_page_count={pages}").fetchall()

    def _reopened(self) -> bool:
        """Open the file anew. Returns whether it can be relied on: after a failed fsync the kernel takes what was not
        written for written, so nothing that stands behind it in the log is safe before all of the log is in the file
        and another begins. Source: "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
        """
        self._is_sound = False
        try:
            self._db.close()
            self._db = self._opened()
        except (OSError, sqlite3.Error) as error:
            log.error("%s cannot be opened again: %s", self._path, error)
            self._go_on_from_memory()
            return True
        try:
            self._is_sound = not self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            log.error("what is in the log of %s cannot be brought into it: %s", self._path, error)
        return self._is_sound

    def _is_due(self) -> bool:
        """Whether a disk that was left is looked at now."""
        with self._lock:
            if self._db is None or not self._is_volatile:
                return False
            self._looks_left -= 1
            return self._looks_left < 0

    def _return(self) -> None:
        """Go on in the file, if it can be written. It is opened without the lock: no room waits for a card that hangs.
        What stands in its log is brought into it first: see ``_reopened``.
        """
        db = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = self._opened_somehow(self._opened_plainly)
            if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise sqlite3.OperationalError("another program is reading it")
            with self._lock:
                self._go_on_in(db)
        except (OSError, sqlite3.Error) as error:
            if db is not None:
                db.close()
            self._cannot_return(error)

    def _go_on_in(self, db: Any) -> None:
        if self._db is None:
            raise sqlite3.OperationalError("the agent ends")
        with db:
            newest = max(self._connection, memory_rows.connection(self._db))
            memory_rows.bring_back(self._db, db, newest, self._is_whole)
        log.warning("%s can be written again: going on in it", self._path)
        self._db.close()
        self._db, self._is_volatile, self._is_short, self._trouble = db, False, False, ""
        self.on_new_file()
        self.on_return()

    def _cannot_return(self, error: Exception) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.warning("%s cannot be used yet: %s", self._path, error)
        if is_damage(error):
            with suppress(OSError):  # as a rule because the card is read-only: again at the next look
                move_aside(self._path)
                self.began_anew = "disk_damaged"

    def _opened_somehow(self, opens: Callable[[], Any]) -> Any:
        """Where a disk is full, the reserve has room for what SQLite needs beside the file."""
        for gives_back in (self._reserve.halve, self._reserve.release):
            try:
                return opens()
            except sqlite3.Error as error:
                if not is_for_want_of_room(error, self._path):
                    raise
                with suppress(OSError):
                    gives_back()
        return opens()

    def _know(self, db: Any) -> None:
        with self._known:
            memory_rows.copy(db, self._known)

    def _know_unwritable(self) -> None:
        """As much as can be read of a file that cannot be written."""
        with suppress(sqlite3.Error, OSError, ValueError):
            self._connection = self._read_only(memory_rows.connection, 0)
            self._read_only(self._know, None)
            self._is_whole = self._read_only(memory_rows.connection, -1, has_log=True) >= 0

    def _read_only(self, job: Callable[[Any], T], otherwise: T, has_log: bool = False) -> T:
        return memory_rows.read_only(self._path, job, otherwise, has_log) if self._path.is_file() else otherwise

    def _opened_plainly(self) -> Any:
        return open_database(self._connect(self._path))

    def _opened(self) -> Any:
        try:
            return self._opened_plainly()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise  # locked, read-only, full: the file itself is fine
            log.error("%s is damaged (%s): moved aside, a new one begins", self._path, error)
            move_aside(self._path)
            db = self._opened_plainly()
            self._begun_anew("disk_damaged", db)
            return db

    def _go_on_from_memory(self, is_start: bool = False) -> None:
        if not is_start:
            self._looks_left = min(1 << self._given_up, LOOKS_LEFT_MAX)
            self._given_up += 1
        self._is_volatile, self._is_sound, self._failures = True, True, 0
        self._db = open_database(sqlite3.connect(":memory:", check_same_thread=False))
        self._begun_anew("disk_failed", self._db)

    def _begun_anew(self, why: str, db: Any) -> None:
        self.began_anew, self._has_lost = why, True
        try:
            with db:
                memory_rows.copy(self._known, db)
        except sqlite3.Error as error:
            log.error("executed commands cannot be written into the new file: %s", error)
        self.on_new_file()
